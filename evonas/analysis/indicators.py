"""The quality of a set of trials as it grows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.analysis.front import feasible_mask
from evonas.pareto import Box, FloatArray, hypervolume, non_dominated


def hypervolume_over_trials(
    F: npt.ArrayLike, box: Box, is_feasible: npt.ArrayLike | None = None
) -> FloatArray:
    """Returns the share of the box dominated by the first 1, 2, ... n trials.

    Each trial adds what it alone dominates: its own part of the box without that of its overlap
    with the front so far (While et al. 2012 <https://doi.org/10.1109/TEVC.2010.2077298>), so
    only trials that improve the front cost time.

    Args:
        F: Objectives (n, n_obj) in natural units and in the order of the trials, minimised. Rows
            that are not feasible count nothing and may hold anything.
        box: The region and its scales.
        is_feasible: Mask (n,); None if all are.

    Returns:
        Normalised hypervolumes (n,) in 0..1, never falling.

    Raises:
        ValueError: A shape is wrong, or a feasible row holds NaN.
    """
    points = np.asarray(F, dtype=np.float64)
    mask = feasible_mask(is_feasible, len(points))
    coordinates = np.ones((len(points), box.n_obj))
    coordinates[mask] = box.normalise(points[mask])
    gains = np.zeros(len(points))
    front = np.empty((0, box.n_obj))
    for number in np.flatnonzero((coordinates < 1).all(axis=1)):
        point = coordinates[number]
        if (front <= point).all(axis=1).any():
            continue
        gains[number] = _gain(point, front)
        front = np.vstack([front[(front < point).any(axis=1)], point])
    return np.asarray(np.minimum(np.cumsum(gains), 1.0))


def _gain(point: FloatArray, front: FloatArray) -> float:
    overlap = np.maximum(front, point)
    overlap = overlap[non_dominated(overlap)]
    return max(0.0, float(np.prod(1 - point)) - hypervolume(overlap, np.ones(len(point))))
