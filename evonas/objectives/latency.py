"""The latency objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.errors import ConfigError
from evonas.objectives.objective import AbstractObjective


class Latency(AbstractObjective):
    """Time of one inference."""

    name = "latency"
    dimension = "second"

    def value(self, result: CostReport) -> float:
        """Returns seconds of one inference.

        Raises:
            ConfigError: The runtime executes steps, or the device has no model for it.
        """
        return known_latency_s(result)


def known_latency_s(report: CostReport) -> float:
    """Returns the seconds of one inference.

    Raises:
        ConfigError: The runtime executes steps, or the device has no model for it.
    """
    if report.runtime == "c_step":
        raise ConfigError(
            f"Runtime {report.runtime!r} runs step by step, so a window has no latency or energy; "
            "name latency_per_step or energy_per_step."
        )
    if report.latency_s is None:
        raise ConfigError(
            f"Device {report.device!r} has no instruction model of CMSIS-NN, which runtime "
            f"{report.runtime!r} takes its latency from, so neither latency nor energy is known; "
            "bound macs, or name another device or runtime."
        )
    return report.latency_s


LATENCY = Latency()
