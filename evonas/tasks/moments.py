"""Mean and standard deviation per channel or column, without a float64 copy of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_BLOCK = 1024
"""Samples that are summed together in float64."""

_CONSTANT = 1e-9
"""A standard deviation below this share of the mean is rounding: float32 resolves 6e-8."""


def moments(X: npt.NDArray[Any]) -> tuple[Doubles, Doubles]:
    """Returns mean and standard deviation per channel, (channels,), in two passes.

    Args:
        X: (n, channels, ...); over samples and positions.
    """
    axes = (0, *range(2, X.ndim))
    n_values = X.size // X.shape[1]
    blocks = [X[start : start + _BLOCK] for start in range(0, len(X), _BLOCK)]
    mean = sum(block.sum(axis=axes, dtype=np.float64) for block in blocks) / n_values
    centre = np.asarray(mean).reshape(1, -1, *[1] * (X.ndim - 2))
    square = sum(np.square(block - centre).sum(axis=axes) for block in blocks)
    return np.asarray(mean), np.sqrt(np.asarray(square) / n_values)


def is_constant(mean: Doubles, std: Doubles) -> npt.NDArray[np.bool_]:
    """Returns which channels never change but for rounding, (channels,)."""
    return np.asarray(std <= _CONSTANT * np.abs(mean))
