"""Which samples to hold out: stratified, at random, or by whole groups; all return masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError

Array = npt.NDArray[np.generic]
Mask = npt.NDArray[np.bool_]

_DRAWS = 8
"""Random orders of the groups that are tried. The best is taken: more would make the validation
part the same for most seeds."""


def random_mask(n: int, share: float, rng: np.random.Generator) -> Mask:
    """Returns which of n samples to hold out, (n,); at least one is held out and one is not."""
    if n < 2:
        raise DataError(f"Expected at least 2 samples to hold some of them out, got {n}.")
    return _first_of(rng.permutation(n), n, share)


def stratified_mask(y: Array, share: float, rng: np.random.Generator) -> Mask:
    """Returns which samples to hold out so that every class is held out in the same share, (n,).

    A class with at least two samples has one on either side; a class with one stays.

    Args:
        y: (n,) classes.
        share: In 0..1.
        rng: Source of the choice.

    Raises:
        DataError: No class has two samples.
    """
    mask = np.zeros(len(y), dtype=np.bool_)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        if len(members) > 1:
            mask[members] = _first_of(rng.permutation(len(members)), len(members), share)
    if not mask.any():
        raise DataError("No class has two samples: none can be held out. Add samples.")
    return mask


def _first_of(order: npt.NDArray[np.intp], n: int, share: float) -> Mask:
    n_held = min(max(int(np.floor(share * n + 0.5)), 1), n - 1)
    mask = np.zeros(n, dtype=np.bool_)
    mask[order[:n_held]] = True
    return mask


def whole_groups_mask(
    groups: Array, y: Array | None, share: float, rng: np.random.Generator
) -> Mask:
    """Returns which samples to hold out so that no group is on both sides, (n,).

    Groups are taken in a random order as long as they bring the held-out share, overall and of
    each class, nearer to `share`; the best of a few orders wins. No class is held out whole, so a
    class that lives in one group stays.

    Args:
        groups: (n,) group of each sample.
        y: (n,) classes, or None for a regression target.
        share: In 0..1.
        rng: Source of the choice.

    Raises:
        DataError: There is one group only, or each holds a class that no other has.
    """
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError(
            f"All samples belong to one group ({names[0]}), which must stay whole: none can be "
            f"held out. Bring more groups, leave the groups out, or (csv) set blocks."
        )
    strata = np.zeros(len(groups), np.intp) if y is None else np.unique(y, return_inverse=True)[1]
    counts = np.zeros((len(names), int(strata.max()) + 1))  # (groups, classes)
    np.add.at(counts, (group.reshape(-1), strata.reshape(-1)), 1)
    draws = [_pick(counts, share, rng.permutation(len(names))) for _ in range(_DRAWS)]
    cost, picked = min(draws, key=lambda draw: draw[0])
    if not np.isfinite(cost):
        raise DataError(
            f"Each of the {len(names)} groups holds all samples of some class: none can be held "
            f"out. Bring more groups per class, leave the groups out, or (csv) set blocks."
        )
    return np.isin(group.reshape(-1), picked)


def _pick(
    counts: npt.NDArray[np.float64], share: float, order: npt.NDArray[np.intp]
) -> tuple[float, list[int]]:
    totals = counts.sum(axis=0)
    held = np.zeros_like(totals)
    cost, picked = np.inf, []
    for index in order:
        wider = held + counts[index]
        if np.any(wider == totals):
            continue
        off = abs(wider.sum() / totals.sum() - share) + np.mean(np.abs(wider / totals - share))
        if off < cost:
            cost, held = float(off), wider
            picked.append(int(index))
    return cost, picked
