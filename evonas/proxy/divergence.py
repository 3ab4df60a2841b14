"""When a training has diverged and its candidate is given up."""

from __future__ import annotations

import math

FACTOR = 10.0
"""A mean loss above this many times the first step's has diverged."""

LEAST = 1.0
"""The first step's loss counts as this at least: about the loss of knowing nothing, which a first
batch without outliers of the target can undercut by far."""

WINDOW = 25
"""Steps that a mean loss is taken over; fewer where a pass has fewer."""


class DivergenceWatch:
    """Takes the loss of every step and says when it has diverged.

    Args:
        steps_per_epoch: Batches of one pass over the data.
    """

    def __init__(self, steps_per_epoch: int) -> None:
        self._window = min(WINDOW, steps_per_epoch)
        self._limit = math.nan
        self._step = 0
        self._total = 0.0

    def verdict(self, loss: float) -> str | None:
        """Returns why the training has diverged with the loss of its next step, or None."""
        self._step += 1
        if not math.isfinite(loss):
            return f"diverged: the loss is {loss} at step {self._step}"
        if self._step == 1:
            self._limit = FACTOR * max(LEAST, loss)
        self._total += loss
        if self._step % self._window:
            return None
        mean, self._total = self._total / self._window, 0.0
        if mean <= self._limit:
            return None
        return f"diverged: the mean loss is {mean:.3g} at step {self._step}"
