"""Inputs in natural units as float32, and their normalisation per channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError
from evonas.tasks.moments import is_constant, moments
from evonas.tasks.splits import Floats, Normalisation


def natural_inputs(
    X: npt.NDArray[np.generic], scale: npt.NDArray[np.generic] | None, copy: bool = True
) -> Floats:
    """Returns inputs as float32 in natural units: times scale, per channel.

    Args:
        X: (n, channels, ...).
        scale: (channels,) or None.
        copy: Whether float32 inputs are copied; else the result may share their memory.
    """
    natural = X.astype(np.float32, copy=copy)
    if scale is not None:
        with np.errstate(over="ignore"):  # fit_normalisation refuses what overflows
            natural *= _per_channel(scale.astype(np.float32), X.ndim)
    return natural


def fit_normalisation(X: Floats) -> Normalisation:
    """Returns the mean and standard deviation per channel over samples and positions.

    Summed in float64. A channel that never changes gets a standard deviation of 1.

    Args:
        X: (n, channels, ...) in natural units.

    Raises:
        DataError: The values are so large that float32 does not hold their deviation.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = moments(X)
        mean32, std32 = mean.astype(np.float32), std.astype(np.float32)
    if not np.all(np.isfinite(mean32) & np.isfinite(std32)):
        raise DataError("The inputs are too large for float32 in natural units; rescale them.")
    is_one_value = is_constant(mean, std) | (std32 == 0)
    return Normalisation(mean=mean32, std=np.where(is_one_value, np.float32(1), std32))


def normalise_in_place(X: Floats, normalisation: Normalisation) -> None:
    """Writes (X - mean) / std into X, (n, channels, ...)."""
    X -= _per_channel(normalisation.mean, X.ndim)
    X /= _per_channel(normalisation.std, X.ndim)


def _per_channel(values: npt.NDArray[Any], ndim: int) -> npt.NDArray[Any]:
    return values.reshape(1, -1, *[1] * (ndim - 2))
