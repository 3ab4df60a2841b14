"""The latency_per_step objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.errors import ConfigError
from evonas.objectives.objective import AbstractObjective


class LatencyPerStep(AbstractObjective):
    """Time of the worst step of a network that runs step by step."""

    name = "latency_per_step"
    dimension = "second"

    def value(self, result: CostReport) -> float:
        """Returns seconds of a step in which every operator runs.

        Raises:
            ConfigError: The runtime executes whole windows, or the device has no model for it.
        """
        return known_step_s(result)


def known_step_s(report: CostReport) -> float:
    """Returns the seconds of the worst step.

    Raises:
        ConfigError: The runtime executes whole windows, or the device has no model for it.
    """
    if report.latency_per_step_s is not None:
        return report.latency_per_step_s
    if report.runtime != "c_step":
        raise ConfigError(
            f"Runtime {report.runtime!r} executes whole windows, so neither latency_per_step nor "
            'energy_per_step is known; name runtime = "c_step".'
        )
    raise ConfigError(
        f"Device {report.device!r} has no instruction model of CMSIS-NN, so neither "
        "latency_per_step nor energy_per_step is known; bound macs, or name another device."
    )


LATENCY_PER_STEP = LatencyPerStep()
