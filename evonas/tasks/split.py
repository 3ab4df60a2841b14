"""Raw arrays -> train, validation and test parts, normalised by the training part."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError
from evonas.tasks.check import check
from evonas.tasks.holdout import Mask, random_mask, stratified_mask, whole_groups_mask
from evonas.tasks.normalise import fit_normalisation, natural_inputs, normalise_in_place
from evonas.tasks.splits import Floats, Part, RawData, Splits


def split(raw: RawData, validation: float, seed: int) -> Splits:
    """Returns a data set's parts; the test part is as it came.

    The validation part is the set's own where it has one; else it is stratified by class, at
    random for a regression target, and made of whole groups where there are groups. Every class
    keeps at least one sample in training. Inputs are float32, normalised per channel by the
    training part alone; targets are int64 classes or float32 numbers in natural units, (n,) or, of
    several a sample, (n, k).

    Args:
        raw: Data as loaded; not changed.
        validation: Share of the training part that is held out, in 0..1 exclusive; the set's own
            validation part comes as it is.
        seed: Decides which samples those are.

    Raises:
        ConfigError: validation is no such share.
        DataError: The data is malformed, or too small to be split.
    """
    if not 0 < validation < 1:
        raise ConfigError(f"Expected validation between 0 and 1, exclusive, got {validation}.")
    check(raw)
    is_val = validation_mask(raw, validation, seed)
    train = natural_inputs(raw.X_train[~is_val], raw.scale, copy=False)
    val = natural_inputs(raw.X_train[is_val], raw.scale, copy=False)
    test = natural_inputs(_shaped(raw.X_test, raw.X_train), raw.scale)
    normalisation = fit_normalisation(train)
    for X in (train, val, test):
        normalise_in_place(X, normalisation)
    return Splits(
        train=_part(train, raw.y_train[~is_val], raw.is_regression),
        val=_part(val, raw.y_train[is_val], raw.is_regression),
        test=_part(test, raw.y_test.copy(), raw.is_regression),
        num_outputs=_num_outputs(raw),
        is_regression=raw.is_regression,
        normalisation=normalisation,
        class_names=raw.class_names,
        fingerprint=_fingerprint(raw, is_val),
        notes=(*raw.notes, *_notes(raw, is_val)),
    )


def validation_mask(raw: RawData, validation: float, seed: int) -> Mask:
    """Returns which training samples form the validation part, (n,)."""
    if raw.is_validation is not None:
        return raw.is_validation
    rng = np.random.default_rng(seed)
    classes = None if raw.is_regression else raw.y_train
    if raw.groups_train is not None:
        return whole_groups_mask(raw.groups_train, classes, validation, rng)
    if classes is None:
        return random_mask(len(raw.y_train), validation, rng)
    return stratified_mask(classes, validation, rng)


def _num_outputs(raw: RawData) -> int:
    if raw.is_regression:
        return 1 if raw.y_train.ndim == 1 else int(raw.y_train.shape[1])
    return int(raw.y_train.max()) + 1


def _part(X: Floats, y: npt.NDArray[np.generic], is_regression: bool) -> Part:
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    # Without a second copy: targets of an autoencoder are as large as its inputs.
    return Part(X=X, y=flat.astype(np.float32 if is_regression else np.int64, copy=False))


def _shaped(
    X_test: npt.NDArray[np.generic], X_train: npt.NDArray[np.generic]
) -> npt.NDArray[np.generic]:
    return X_test if len(X_test) else np.zeros((0, *X_train.shape[1:]), np.float32)


def _fingerprint(raw: RawData, is_val: Mask) -> str:
    """Returns the SHA-256 over shapes, types and bytes of all arrays and of the split."""
    digest = hashlib.sha256()
    arrays = [raw.X_train, raw.y_train, raw.X_test, raw.y_test, raw.groups_train, raw.scale, is_val]
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _notes(raw: RawData, is_val: Mask) -> list[str]:
    notes = []
    if raw.is_validation is not None:
        share = f"{100 * is_val.mean():.1f} % of the training samples"
        notes.append(f"Validation is the set's own part, {share}.")
    elif raw.groups_train is not None:
        held, names = np.unique(raw.groups_train[is_val]), np.unique(raw.groups_train)
        notes.append(
            f"Validation holds {len(held)} of {len(names)} groups whole, "
            f"{100 * is_val.mean():.1f} % of the training samples."
        )
    if not raw.is_regression:
        absent = np.setdiff1d(raw.y_train, raw.y_train[is_val]).tolist()
        if absent:
            shown = [raw.class_names[k] if raw.class_names else str(k) for k in absent]
            notes.append(f"Validation has no sample of class {', '.join(shown)}.")
    return notes
