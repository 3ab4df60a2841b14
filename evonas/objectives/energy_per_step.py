"""The energy_per_step objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.errors import ConfigError
from evonas.objectives.latency_per_step import known_step_s
from evonas.objectives.objective import AbstractObjective


class EnergyPerStep(AbstractObjective):
    """Energy of a step of a stream on average: power of the device times mean latency."""

    name = "energy_per_step"
    dimension = "joule"

    def value(self, result: CostReport) -> float:
        """Returns joules of a step on average.

        Raises:
            ConfigError: The device states no power, or the latency of a step is not known.
        """
        known_step_s(result)
        if result.energy_per_step_j is None:
            raise ConfigError(
                f"Device {result.device!r} states no power, so energy_per_step is not known; add "
                "power_w and its source to the device's file."
            )
        return result.energy_per_step_j


ENERGY_PER_STEP = EnergyPerStep()
