"""The int8 error objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evonas.objectives.objective import AbstractObjective

if TYPE_CHECKING:
    from evonas.quant.int8 import Int8Report


class Int8Error(AbstractObjective):
    """The task's metric of the network in int8 on the validation part, in its own unit.

    That of the integer reference, bit for bit what runs on the device. After a search's short
    trainings without fine-tuning, after full ones with it where [int8] max_drop asks for it.
    """

    name = "int8_error"
    dimension = "share"
    needs_training = True
    needs_int8 = True

    def value(self, result: Int8Report) -> float:
        """Returns the validation metric in int8."""
        return result.score.metric


INT8_ERROR = Int8Error()
