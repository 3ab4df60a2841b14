"""Learning-rate schedules, as one array for the whole training."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evonas.proxy.recipe import Recipe

Floats = npt.NDArray[np.float64]

RISE = 0.3
"""Share of steps in which "one-cycle" rises, as in torch.optim.lr_scheduler.OneCycleLR."""


def learning_rates(recipe: Recipe, n_steps: int) -> Floats:
    """Returns the rate of each step, (n_steps,).

    The cosine starts at the peak rate and would reach 0 one step after the last, so that no step
    is wasted; "one-cycle" rises linearly, meets the peak at step round(0.3 n_steps) and falls by
    a cosine from there.
    """
    return recipe.learning_rate * _SHAPES[recipe.schedule](n_steps)


def _fall(n_steps: int) -> Floats:
    return 0.5 * (1 + np.cos(math.pi * np.arange(n_steps) / max(1, n_steps)))


def _rise_and_fall(n_steps: int) -> Floats:
    n_rise = round(RISE * n_steps)
    rise = np.arange(1, n_rise + 1) / (n_rise + 1)
    return np.concatenate([rise, _fall(n_steps - n_rise)])


_SHAPES: dict[str, Callable[[int], Floats]] = {
    "cosine": _fall,
    "one-cycle": _rise_and_fall,
    "constant": np.ones,
}
