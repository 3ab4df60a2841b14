"""Rank correlations: how well a cheap value predicts an expensive one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from evonas.pareto import FloatArray


def ranks(values: npt.ArrayLike) -> FloatArray:
    """Returns the ranks 1..n of the values, smallest first; equal ones share their mean rank.

    Args:
        values: Numbers (n,), no NaN.

    Raises:
        ValueError: The shape is wrong, or a value is NaN.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"Expected values of shape (n,), got {numbers.shape}.")
    if np.isnan(numbers).any():
        raise ValueError(f"Expected values without NaN, got {int(np.isnan(numbers).sum())}.")
    _, group, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[group])


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Returns Spearman's rank correlation of paired values, -1..1.

    Ties share their mean rank, and the correlation is Pearson's of the ranks.

    Args:
        a: Numbers (n,), no NaN.
        b: Numbers (n,), no NaN.

    Returns:
        The correlation; NaN where it is not defined: fewer than two pairs, or a or b constant.

    Raises:
        ValueError: The shapes are wrong, or a value is NaN.
    """
    x, y = ranks(a), ranks(b)
    if x.shape != y.shape:
        raise ValueError(f"Expected b of shape {x.shape}, got {y.shape}.")
    if len(x) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip((x @ y) / norm, -1.0, 1.0)) if norm > 0 else float("nan")


def mean_pairwise_spearman(values: npt.ArrayLike) -> float:
    """Returns how well repeated measurements agree: the mean Spearman correlation of their pairs.

    Args:
        values: Numbers (n, n_seeds), no NaN: n networks, each trained with the same seeds.

    Returns:
        The mean over all pairs of columns; NaN where one is not defined, or with one column.

    Raises:
        ValueError: The shape is wrong, or a value is NaN.
    """
    columns = np.asarray(values, dtype=np.float64)
    if columns.ndim != 2:
        raise ValueError(f"Expected values of shape (n, n_seeds), got {columns.shape}.")
    pairs = [spearman(a, b) for a, b in combinations(columns.T, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")
