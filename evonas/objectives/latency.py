"""The latency objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.objectives.objective import AbstractObjective


class Latency(AbstractObjective):
    """Time of one inference."""

    name = "latency"
    dimension = "second"

    def value(self, result: CostReport) -> float:
        """Returns seconds of one inference."""
        return float(result.latency_s)


LATENCY = Latency()
