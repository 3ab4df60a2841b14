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
        needs_int8: Whether it is read from an Int8Report instead, of the trained network.
    """

    name: ClassVar[str]
    dimension: ClassVar[str]
    needs_training: ClassVar[bool] = False
    needs_int8: ClassVar[bool] = False

    @abstractmethod
    def value(self, result: Any) -> float:
        """Returns the objective, minimised, SI.

        Args:
            result: An evonas.quant.int8.Int8Report where int8 is needed, an
                evonas.proxy.result.TrainResult where training alone is, else an
                evonas.cost.CostReport.
        """
