"""The macs objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.objectives.objective import AbstractObjective


class MACs(AbstractObjective):
    """Multiply-accumulates of one inference."""

    name = "macs"
    dimension = "count"

    def value(self, result: CostReport) -> float:
        """Returns the multiply-accumulates of one inference."""
        return float(result.macs)


MACS = MACs()
