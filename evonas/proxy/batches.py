"""Which samples a training sees, and in which order; the same for every backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError
from evonas.proxy.recipe import Recipe
from evonas.tasks.splits import Splits

Indices = npt.NDArray[np.int64]

INITIAL, SHUFFLE, DROPOUT, AUGMENT = range(4)
"""Streams of random numbers of one training; each has a generator of its own."""


def generator(seed: int, stream: int) -> np.random.Generator:
    """Returns the generator of one stream of a training's random numbers."""
    return np.random.default_rng((seed, stream))


def used_samples(splits: Splits, fraction: float) -> Indices:
    """Returns the sorted indices of the training samples that are used, the same for every network.

    Samples are taken at even distances from the training part sorted by label, so that classes
    keep their shares and a numeric target its distribution; every class keeps one at least. Samples
    with several numbers are sorted by the mean of their standardised ones.

    Args:
        splits: The task's data.
        fraction: Share of the training part, in (0, 1].

    Raises:
        DataError: The training part has fewer than 2 samples.
    """
    n = len(splits.train)
    if n < 2:
        raise DataError(f"Expected at least 2 training samples, got {n}.")
    n_used = max(2, round(fraction * n))
    positions = ((np.arange(n_used) + 0.5) * n / n_used).astype(np.int64)
    if n_used == n:
        return np.arange(n, dtype=np.int64)
    used = np.argsort(_sort_keys(splits), kind="stable")[positions]
    if not splits.is_regression:
        classes, first = np.unique(splits.train.y, return_index=True)
        missed = ~np.isin(classes, splits.train.y[used])
        used = np.concatenate([used, first[missed]])
    return np.sort(used).astype(np.int64)


def _sort_keys(splits: Splits) -> npt.NDArray[np.generic]:
    y: npt.NDArray[Any] = splits.train.y
    if y.ndim == 1:
        return y
    # einsum sums in one order whatever threads a linear algebra library has: equal for all workers
    weights: npt.NDArray[Any] = 1 / splits.target_moments[1]
    return np.asarray(np.einsum("nk,k->n", y, weights))


def batches(samples: Indices, recipe: Recipe, seed: int) -> Iterator[Indices]:
    """Yields the sample indices of every step of a training, each pass in a new order.

    Args:
        samples: (n,) indices of the training samples that are used.
        recipe: Gives batch size and number of steps.
        seed: The training's seed.
    """
    rng = generator(seed, SHUFFLE)
    per_epoch, n_steps = recipe.steps_per_epoch(len(samples)), recipe.n_steps(len(samples))
    starts = recipe.batch_size * np.arange(1, per_epoch)
    for first in range(0, n_steps, per_epoch):
        parts = np.split(rng.permutation(samples), starts)
        yield from parts[: n_steps - first]
