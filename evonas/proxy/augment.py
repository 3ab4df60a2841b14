"""Random changes of training inputs under which their labels stay true."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.proxy.recipe import Recipe
from evonas.tasks.splits import Floats


def augmented(X: Floats, recipe: Recipe, rng: np.random.Generator) -> Floats:
    """Returns a batch with every sample shifted and masked at random, along every spatial axis.

    Zeros, a channel's mean once inputs are normalised, come in behind a shift and stand in a masked
    stretch. Masked stretches as in SpecAugment (Park et al. 2019
    <https://arxiv.org/abs/1904.08779>).

    Args:
        X: (batch, channels, ...); not changed. Flat inputs have no axis to change.
        recipe: Gives the largest shift and the longest stretch, as shares of an axis.
        rng: Source of randomness.
    """
    for axis in range(2, X.ndim):
        length = X.shape[axis]
        if recipe.shift:
            X = _shifted(X, axis, round(recipe.shift * length), rng)
        if recipe.mask:
            X = _masked(X, axis, round(recipe.mask * length), rng)
    return X


def _shifted(X: Floats, axis: int, most: int, rng: np.random.Generator) -> Floats:
    by = rng.integers(-most, most + 1, len(X))
    sources = np.arange(X.shape[axis]) - by[:, None]  # (batch, length)
    inside = (sources >= 0) & (sources < X.shape[axis])
    places = _along(np.where(inside, sources, 0), axis, X.ndim)
    shifted: Floats = np.take_along_axis(X, places, axis) * _along(inside, axis, X.ndim)
    return shifted


def _masked(X: Floats, axis: int, most: int, rng: np.random.Generator) -> Floats:
    lengths = rng.integers(0, most + 1, len(X))
    starts = rng.integers(0, X.shape[axis] - lengths + 1)
    places = np.arange(X.shape[axis])
    kept = (places < starts[:, None]) | (places >= (starts + lengths)[:, None])
    masked: Floats = X * _along(kept, axis, X.ndim)
    return masked


def _along(rows: npt.NDArray[Any], axis: int, n_axes: int) -> npt.NDArray[Any]:
    """Returns rows (batch, length) with the length along an axis of an array of n_axes."""
    shape = [1] * n_axes
    shape[0], shape[axis] = rows.shape
    return rows.reshape(shape)
