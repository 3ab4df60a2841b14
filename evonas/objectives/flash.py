"""The flash objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.objectives.objective import AbstractObjective


class Flash(AbstractObjective):
    """Flash of the network's file and of the runtime's code."""

    name = "flash"
    dimension = "byte"

    def value(self, result: CostReport) -> float:
        """Returns bytes of flash, the runtime included."""
        return float(result.flash_bytes)


FLASH = Flash()
