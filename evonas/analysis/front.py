"""Which of many trials form the front, and in which order to look at them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.pareto import Box, IntArray, farthest_point_order, knee, non_dominated


def front_indices(F: npt.ArrayLike, is_feasible: npt.ArrayLike | None = None) -> IntArray:
    """Returns the indices of the feasible trials that no feasible trial dominates.

    Args:
        F: Objectives (n, n_obj), minimised. Rows that are not feasible may hold anything.
        is_feasible: Mask (n,); None if all are.

    Returns:
        Indices into F, sorted by the first objective, then the next ones, then the index; all
        copies of a point.

    Raises:
        ValueError: A shape is wrong, or a feasible row holds NaN.
    """
    points = np.asarray(F, dtype=np.float64)
    feasible = np.flatnonzero(feasible_mask(is_feasible, len(points)))
    chosen = feasible[non_dominated(points[feasible])]
    order = np.lexsort(points[chosen].T[::-1])
    return np.asarray(chosen[order], dtype=np.int64)


def spread_indices(
    F: npt.ArrayLike, box: Box, n: int, is_feasible: npt.ArrayLike | None = None
) -> IntArray:
    """Returns at most n trials of the front, spread evenly over it, the knee first.

    Each next one is the farthest from those before it in the box's coordinates. Of points that
    are equal in all objectives only the first is taken. Points outside the box come last.

    Args:
        F: Objectives (n_trials, n_obj), minimised. Rows that are not feasible may hold anything.
        box: The region and its scales.
        n: Wanted number.
        is_feasible: Mask (n_trials,); None if all are.

    Returns:
        Indices into F.

    Raises:
        ValueError: A shape is wrong, or a feasible row holds NaN or an infinite value.
    """
    points = np.asarray(F, dtype=np.float64)
    front = front_indices(points, is_feasible)
    if len(front) == 0:
        return front
    front = front[np.sort(np.unique(points[front], axis=0, return_index=True)[1])]
    coordinates = box.normalise(points[front])
    order = farthest_point_order(coordinates, start=knee(points[front], box))
    is_outside = (coordinates[order] > 1).any(axis=1)
    return np.asarray(front[np.concatenate([order[~is_outside], order[is_outside]])][:n])


def feasible_mask(is_feasible: npt.ArrayLike | None, n: int) -> npt.NDArray[np.bool_]:
    """Returns the mask (n,) of the feasible trials, all of them for None.

    Raises:
        ValueError: The mask has another length.
    """
    mask = np.ones(n, dtype=bool) if is_feasible is None else np.asarray(is_feasible, dtype=bool)
    if mask.shape != (n,):
        raise ValueError(f"Expected is_feasible of shape ({n},), got {mask.shape}.")
    return mask
