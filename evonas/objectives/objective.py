"""The interface of an objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class AbstractObjective(ABC):
    """A number of a network that is to be small, in its natural unit.

    Attributes:
        name: Its name in configs and in stored values.
        dimension: What it measures; a key of evonas.units.UNITS.
        needs_training: Whether it is read from a TrainResult; otherwise from a CostReport.
    """

    name: ClassVar[str]
    dimension: ClassVar[str]
    needs_training: ClassVar[bool] = False

    @abstractmethod
    def value(self, result: Any) -> float:
        """Returns the objective, minimised, SI.

        Args:
            result: An evonas.proxy.result.TrainResult where training is needed, else an
                evonas.cost.CostReport.
        """
