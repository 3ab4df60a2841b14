"""The error objective."""

from __future__ import annotations

from evonas.objectives.objective import AbstractObjective
from evonas.proxy.result import TrainResult


class Error(AbstractObjective):
    """The task's metric on the validation part, in its own unit."""

    name = "error"
    dimension = "share"
    needs_training = True

    def value(self, result: TrainResult) -> float:
        """Returns the validation metric; NaN of a failed run."""
        return result.metric


ERROR = Error()
