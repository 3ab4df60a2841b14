"""What can be wrong with a data set, found before anything is trained on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError
from evonas.tasks.splits import RawData

Array = npt.NDArray[np.generic]

_BLOCK = 1024
"""Samples that are looked at together, so that a check needs little memory beside the data."""


def check(raw: RawData) -> None:
    """Raises the first thing that is wrong with a data set.

    A test part without samples is in order; so are channels that never change.

    Raises:
        DataError: One line: what was expected, what came, what to do.
    """
    _check_inputs("X_train", raw.X_train)
    _check_targets("y_train", raw.y_train, raw.X_train, "X_train")
    if len(raw.X_train) < 2:
        raise DataError(f"Expected at least 2 training samples, got {len(raw.X_train)}.")
    _check_test(raw)
    _check_scale(raw)
    _check_groups(raw)
    _check_validation(raw)
    for name, array in [("X_train", raw.X_train), ("X_test", raw.X_test)]:
        _check_finite(name, array)
    for name, array in [("y_train", raw.y_train), ("y_test", raw.y_test)]:
        _check_finite(name, array)
    if raw.is_regression:
        _check_numbers(raw)
    else:
        _check_classes(raw)


def _check_inputs(name: str, X: Array) -> None:
    if X.ndim == 2:
        raise DataError(
            f"Expected {name} of shape (n, channels, length) or (n, channels, height, width), got "
            f"{X.shape}; add the channel axis: {name}[:, None, :]."
        )
    if X.ndim not in (3, 4):
        raise DataError(
            f"Expected {name} of shape (n, channels, length) or (n, channels, height, width), got "
            f"{X.shape}."
        )
    if X.dtype.kind not in "biuf":
        raise DataError(f"Expected {name} of numbers, got {X.dtype}.")
    if 0 in X.shape:
        raise DataError(f"{name} is empty: its shape is {X.shape}.")


def _check_targets(name: str, y: Array, X: Array, inputs: str) -> None:
    most = 2 if y.dtype.kind == "f" else 1
    if not 1 <= y.ndim <= most:
        shape = "(n,) or (n, k)" if most == 2 else "(n,)"
        flat = f"{name}.reshape(len({name}), -1)" if most == 2 else f"{name}[:, 0]"
        is_flattened = y.ndim > most and (most == 2 or y.shape[1:] == (1,))
        hint = f"; flatten it: {flat}" if is_flattened else ""
        raise DataError(f"Expected {name} of shape {shape}, got {y.shape}{hint}.")
    if y.ndim == 2 and not y.shape[1]:
        raise DataError(f"Expected one number or more a sample in {name}, got shape {y.shape}.")
    if len(y) != len(X):
        raise DataError(
            f"Expected one label per sample, got {len(X)} samples in {inputs} and {len(y)} labels "
            f"in {name}."
        )
    if y.dtype.kind not in "iuf":
        raise DataError(
            f"Expected {name} of integers (classes) or floats (numbers to predict), got {y.dtype}."
        )


def _check_test(raw: RawData) -> None:
    if len(raw.X_test) == 0 and len(raw.y_test) == 0:
        return
    _check_inputs("X_test", raw.X_test)
    _check_targets("y_test", raw.y_test, raw.X_test, "X_test")
    if raw.X_test.shape[1:] != raw.X_train.shape[1:]:
        raise DataError(
            f"Expected test samples of shape {raw.X_train.shape[1:]} as in X_train, got "
            f"{raw.X_test.shape[1:]} in X_test."
        )
    if (raw.y_test.dtype.kind == "f") != raw.is_regression:
        raise DataError(
            f"Expected integers (classes) in both y_train and y_test or floats (numbers to "
            f"predict) in both, got {raw.y_train.dtype} and {raw.y_test.dtype}."
        )

    if raw.y_test.shape[1:] != raw.y_train.shape[1:]:
        raise DataError(
            f"Expected as many numbers a sample in y_test as in y_train, got shapes "
            f"{raw.y_test.shape} and {raw.y_train.shape}."
        )


def _check_scale(raw: RawData) -> None:
    if raw.scale is None:
        return
    n_channels = raw.X_train.shape[1]
    if raw.scale.shape != (n_channels,):
        raise DataError(
            f"Expected scale of shape ({n_channels},), one factor per channel, got "
            f"{raw.scale.shape}."
        )
    factors = raw.scale
    if factors.dtype.kind not in "iuf" or not np.all(np.isfinite(factors) & (factors != 0)):
        raise DataError(f"Expected finite factors other than 0 in scale, got {factors.tolist()}.")


def _check_groups(raw: RawData) -> None:
    groups = raw.groups_train
    if groups is not None and groups.shape != raw.y_train.shape[:1]:
        raise DataError(
            f"Expected one group per training sample, shape {raw.y_train.shape[:1]}, got "
            f"{groups.shape}."
        )
    if groups is not None and groups.dtype.kind not in "biufUS":
        raise DataError(f"Expected groups of numbers or strings, got {groups.dtype}.")


def _check_validation(raw: RawData) -> None:
    chosen = raw.is_validation
    if chosen is None:
        return
    if chosen.shape != raw.y_train.shape[:1] or chosen.dtype.kind != "b":
        raise DataError(
            f"Expected is_validation of shape {raw.y_train.shape[:1]}, booleans, got "
            f"{chosen.shape}, {chosen.dtype}."
        )
    if chosen.all() or not chosen.any():
        raise DataError(
            f"The set's own validation part holds {int(chosen.sum())} of {len(chosen)} samples; "
            f"expected some but not all."
        )
    if not raw.is_regression:
        absent = np.setdiff1d(raw.y_train, raw.y_train[~chosen]).tolist()
        if absent:
            raise DataError(f"Class {absent[0]} is in the set's own validation part alone.")


def _check_finite(name: str, array: Array) -> None:
    if array.dtype.kind != "f":
        return
    n_bad, first = 0, ""
    for start in range(0, len(array), _BLOCK):
        with np.errstate(over="ignore"):  # beyond float32 becomes inf, which is what is looked for
            bad = ~np.isfinite(array[start : start + _BLOCK].astype(np.float32))
        if bad.any() and not n_bad:
            sample, *rest = (int(i) for i in np.argwhere(bad)[0])
            first = f"{name}[{', '.join(str(i) for i in [start + sample, *rest])}]"
        n_bad += int(bad.sum())
    if n_bad:
        values = "value that is" if n_bad == 1 else "values that are"
        raise DataError(
            f"{name} holds {n_bad} {values} NaN, infinite or beyond float32, the first at {first}; "
            f"fill or remove the samples concerned."
        )


def _check_numbers(raw: RawData) -> None:
    y = raw.y_train
    starts = range(0, len(y), _BLOCK)
    if all(np.all(y[start : start + _BLOCK] == y[0]) for start in starts):
        one = "the number" if raw.y_train[0].size == 1 else "in every sample the numbers"
        raise DataError(f"y_train holds {one} {_shown(raw.y_train[0])} only: nothing to be learnt.")
    if raw.class_names:
        raise DataError(
            f"class_names given, but y_train holds {raw.y_train.dtype} numbers; store classes as "
            f"integers."
        )


def _shown(numbers: Array) -> str:
    first = ", ".join(str(number) for number in numbers.reshape(-1)[:3])
    return first if numbers.size <= 3 else f"{first}, ..."


def _check_classes(raw: RawData) -> None:
    train, everything = np.unique(raw.y_train), np.union1d(raw.y_train, raw.y_test)
    lowest, highest = int(everything[0]), int(everything[-1])
    if lowest < 0:
        raise DataError(f"Expected classes numbered from 0, got {lowest}.")
    n_classes = max(highest + 1, len(raw.class_names))
    if raw.class_names and len(raw.class_names) < n_classes:
        raise DataError(f"{len(raw.class_names)} class_names for classes up to {highest}.")
    if len(train) < n_classes:
        gaps = np.flatnonzero(train != np.arange(len(train)))
        absent = int(gaps[0]) if len(gaps) else len(train)
        name = f" ({raw.class_names[absent]!r})" if raw.class_names else ""
        in_test = int(np.count_nonzero(raw.y_test == absent))
        raise DataError(
            f"Class {absent}{name} is absent from the training part (y_train has {len(train)} of "
            f"the {n_classes} classes 0 .. {n_classes - 1}; the test part has {in_test} of class "
            f"{absent}); add samples, or number the classes without gaps. Numbers to be predicted "
            f"are stored as floats."
        )
    if n_classes < 2:
        raise DataError("y_train holds one class only: nothing to be learnt.")
