"""The energy objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.errors import ConfigError
from evonas.objectives.latency import known_latency_s
from evonas.objectives.objective import AbstractObjective


class Energy(AbstractObjective):
    """Energy of one inference: power of the device times latency."""

    name = "energy"
    dimension = "joule"

    def value(self, result: CostReport) -> float:
        """Returns joules of one inference.

        Raises:
            ConfigError: The device states no power, or the latency of a window is not known.
        """
        known_latency_s(result)
        if result.energy_j is None:
            raise ConfigError(
                f"Device {result.device!r} states no power, so energy is not known; add power_w "
                "and its source to the device's file."
            )
        return result.energy_j


ENERGY = Energy()
