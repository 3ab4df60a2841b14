"""Pareto sets: dominance, quality indicators, the box they are measured in, knee and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def non_dominated(F: npt.ArrayLike) -> BoolArray:
    """Returns which points no other point dominates.

    A point dominates another when it is nowhere worse and somewhere better. Equal points do not
    dominate each other: all copies of a non-dominated point are kept.

    Args:
        F: Objectives (n, n_obj), minimised; infinite values are allowed.

    Returns:
        Mask (n,).

    Raises:
        ValueError: F is not two-dimensional or holds NaN.
    """
    import moocore

    points = _points(F, "F")
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(points, keep_weakly=True), dtype=bool)


def hypervolume(F: npt.ArrayLike, ref_point: npt.ArrayLike) -> float:
    """Returns the volume that the points dominate, up to the reference point.

    Points that do not lie strictly below the reference in every objective contribute nothing.

    Args:
        F: Objectives (n, n_obj), minimised; dominated points and copies change nothing.
        ref_point: Reference (n_obj,).

    Returns:
        The volume in the units' product; 0 for no points.

    Raises:
        ValueError: The shapes disagree, or a value is NaN.
    """
    import moocore

    ref = np.asarray(ref_point, dtype=np.float64)
    points = _points(F, "F", n_obj=ref.size)
    _points(ref[None], "ref_point")
    points = points[np.all(points < ref, axis=1)]
    return float(moocore.hypervolume(points, ref=ref)) if len(points) else 0.0


def igd_plus(F: npt.ArrayLike, reference_set: npt.ArrayLike) -> float:
    """Returns the modified inverted generational distance (IGD+) from a reference set.

    The mean, over the reference set, of the distance to the nearest point of F, counting only
    the objectives in which that point is worse (Ishibuchi et al. 2015
    <https://doi.org/10.1007/978-3-319-15892-1_8>).

    Args:
        F: Objectives (n, n_obj), minimised; scale the columns alike beforehand.
        reference_set: The known or best front (m, n_obj).

    Returns:
        Distance, 0 at best; infinite for no points.

    Raises:
        ValueError: The shapes disagree, the reference set is empty, or a value is NaN.
    """
    import moocore

    points, reference = _pair(F, reference_set)
    return float(moocore.igd_plus(points, ref=reference)) if len(points) else float("inf")


def additive_epsilon(F: npt.ArrayLike, reference_set: npt.ArrayLike) -> float:
    """Returns the additive epsilon: by how much F must improve to weakly dominate a reference set.

    Zitzler et al. 2003 <https://doi.org/10.1109/TEVC.2003.810758>.

    Args:
        F: Objectives (n, n_obj), minimised; scale the columns alike beforehand.
        reference_set: The known or best front (m, n_obj).

    Returns:
        The shift; negative when F is better than the set everywhere, infinite for no points.

    Raises:
        ValueError: The shapes disagree, the reference set is empty, or a value is NaN.
    """
    import moocore

    points, reference = _pair(F, reference_set)
    return float(moocore.epsilon_additive(points, ref=reference)) if len(points) else float("inf")


@dataclass(frozen=True)
class Box:
    """The region of objective space in which fronts are measured.

    For a study the ideal is error 0 and the smallest network of the space, the reference the
    error of a constant prediction and the seed network's costs, with the costs on a log scale.

    Attributes:
        ideal: Best value of each objective, in natural units, minimised.
        reference: Worst value of interest of each; above the ideal.
        log10: Which objectives are measured by their logarithm.
    """

    ideal: tuple[float, ...]
    reference: tuple[float, ...]
    log10: tuple[bool, ...]

    def __post_init__(self) -> None:
        if not len(self.ideal) == len(self.reference) == len(self.log10) > 0:
            raise ValueError(
                f"Expected ideal, reference and log10 of one length, got {len(self.ideal)}, "
                f"{len(self.reference)} and {len(self.log10)}."
            )
        for low, high, is_log in zip(self.ideal, self.reference, self.log10, strict=True):
            if not (np.isfinite([low, high]).all() and low < high):
                raise ValueError(f"Expected ideal < reference, both finite; got {low} and {high}.")
            if is_log and low <= 0:
                raise ValueError(f"Expected a positive ideal on a log scale, got {low}.")

    @classmethod
    def from_points(cls, F: npt.ArrayLike, log10: Sequence[bool] | None = None) -> Box:
        """Returns the box that bounds the points: column minima to column maxima.

        Args:
            F: Objectives (n, n_obj), minimised; at least two different values per column.
            log10: Which columns are measured by their logarithm; none by default.

        Raises:
            ValueError: F is empty, holds NaN, or a column does not vary.
        """
        points = _points(F, "F")
        if len(points) == 0:
            raise ValueError("Expected at least one point to bound, got none.")
        scales = (False,) * points.shape[1] if log10 is None else tuple(map(bool, log10))
        return cls(tuple(points.min(axis=0).tolist()), tuple(points.max(axis=0).tolist()), scales)

    @property
    def n_obj(self) -> int:
        """Number of objectives."""
        return len(self.ideal)

    def normalise(self, F: npt.ArrayLike) -> FloatArray:
        """Returns points in the box's coordinates: 0 at the ideal, 1 at the reference.

        A value better than the ideal counts as the ideal; one beyond the reference exceeds 1.

        Args:
            F: Objectives (n, n_obj) in natural units, minimised.

        Returns:
            Coordinates (n, n_obj), at least 0.

        Raises:
            ValueError: F has another shape or holds NaN.
        """
        low, high = np.array(self.ideal), np.array(self.reference)
        points = np.maximum(_points(F, "F", n_obj=self.n_obj), low)
        is_log = np.array(self.log10)
        for array in (points, low, high):
            np.log10(array, out=array, where=is_log)
        return np.asarray((points - low) / (high - low), dtype=np.float64)


def normalised_hypervolume(F: npt.ArrayLike, box: Box) -> float:
    """Returns the share of the box that the points dominate, 0..1.

    Args:
        F: Objectives (n, n_obj) in natural units, minimised; points outside the reference
            contribute nothing.
        box: The region and its scales.

    Raises:
        ValueError: F has another shape or holds NaN.
    """
    return hypervolume(box.normalise(F), np.ones(box.n_obj))


def knee(F: npt.ArrayLike, box: Box) -> int:
    """Returns the index of the point nearest to the ideal, by Euclid in the box's coordinates.

    Points inside the box come before all others: with many costs the cheapest network would else
    be nearest, were it no better than a constant prediction.

    Args:
        F: Objectives (n, n_obj) in natural units, minimised; of equal distances the first.
        box: The region and its scales.

    Raises:
        ValueError: F is empty, has another shape or holds NaN.
    """
    points = box.normalise(F)
    distances = np.linalg.norm(points, axis=1)
    is_inside = (points < 1).all(axis=1)
    if is_inside.any():
        distances[~is_inside] = np.inf
    if len(distances) == 0:
        raise ValueError("Expected at least one point to find the knee of, got none.")
    return int(np.argmin(distances))


def farthest_point_order(F_normalised: npt.ArrayLike, start: int) -> IntArray:
    """Returns all points in an order whose every beginning is spread evenly, farthest first.

    Each next point is the one whose nearest predecessor is farthest away (Gonzalez 1985
    <https://doi.org/10.1016/0304-3975(85)90224-5>); of equal distances the first in F.

    Args:
        F_normalised: Points (n, n_obj) with columns scaled alike, as ``Box.normalise`` gives.
        start: Index of the first in the order.

    Returns:
        Indices (n,), each once.

    Raises:
        ValueError: A value is not finite, or start is no index of a point.
    """
    points = _points(F_normalised, "F_normalised")
    if not np.isfinite(points).all():
        raise ValueError("Expected finite F_normalised, got an infinite value.")
    if not 0 <= start < len(points):
        raise ValueError(f"Expected start in 0..{len(points) - 1}, got {start}.")
    order = np.empty(len(points), dtype=np.int64)
    nearest = np.full(len(points), np.inf)
    chosen = start
    for place in range(len(points)):
        order[place] = chosen
        distances = np.linalg.norm(points - points[chosen], axis=1)
        nearest = np.minimum(nearest, distances)
        nearest[chosen] = -1.0  # below every distance, so that copies are still ordered
        chosen = int(np.argmax(nearest))
    return order


def _points(values: npt.ArrayLike, name: str, n_obj: int | None = None) -> FloatArray:
    points = np.array(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0 or n_obj not in (None, points.shape[1]):
        wanted = "n_obj" if n_obj is None else n_obj
        raise ValueError(f"Expected {name} of shape (n, {wanted}), got {points.shape}.")
    if np.isnan(points).any():
        raise ValueError(f"Expected {name} without NaN, got {int(np.isnan(points).sum())}.")
    return points


def _pair(F: npt.ArrayLike, reference_set: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    reference = _points(reference_set, "reference_set")
    if len(reference) == 0:
        raise ValueError("Expected at least one point in reference_set, got none.")
    return _points(F, "F", n_obj=reference.shape[1]), reference
