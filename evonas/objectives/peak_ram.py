"""The peak_ram objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.objectives.objective import AbstractObjective


class PeakRAM(AbstractObjective):
    """RAM of the arena and the interpreter."""

    name = "peak_ram"
    dimension = "byte"

    def value(self, result: CostReport) -> float:
        """Returns bytes of RAM, the interpreter included."""
        return float(result.peak_ram_bytes)


PEAK_RAM = PeakRAM()
