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
            ConfigError: The runtime has no latency model.
        """
        return known_latency_s(result)


def known_latency_s(report: CostReport) -> float:
    """Returns the seconds of one inference.

    Raises:
        ConfigError: The runtime has no latency model.
    """
    if report.latency_per_step_s is not None:
        raise ConfigError(
            f"Runtime {report.runtime!r} runs step by step, so a window has no latency or energy; "
            "name latency_per_step or energy_per_step."
        )
    if report.latency_s is None:
        raise ConfigError(
            f"Runtime {report.runtime!r} has no latency model yet, so neither latency nor energy "
            "is known; bound macs, or name another runtime."
        )
    return report.latency_s


LATENCY = Latency()
