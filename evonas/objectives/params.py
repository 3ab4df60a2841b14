"""The params objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.objectives.objective import AbstractObjective


class Params(AbstractObjective):
    """Parameters of the deployed network."""

    name = "params"
    dimension = "count"

    def value(self, result: CostReport) -> float:
        """Returns the number of parameters."""
        return float(result.params)


PARAMS = Params()
