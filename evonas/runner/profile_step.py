"""One step of a stream in a profile: its operators, its RAM, and whether it keeps real time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from evonas.arch.graph import LoweredGraph
from evonas.cost.report import CostReport
from evonas.cost.runtimes import Runtime
from evonas.cost.step import StepCost, step_cost
from evonas.cost.stream import StreamStep, stream_step
from evonas.devices import Device
from evonas.errors import ConfigError
from evonas.runner.advice import Advice
from evonas.units import format_quantity


@dataclass(frozen=True)
class StepProfile:
    """A step of a network on a device.

    Attributes:
        ram: Its ring buffers and the tensors of a step.
        cost: Its time and energy; None where the device has no instruction model of CMSIS-NN.
        period_s: Seconds between two samples; None where no rate was given.
    """

    ram: StreamStep
    cost: StepCost | None
    period_s: float | None

    @property
    def is_real_time(self) -> bool | None:
        """Whether the worst step ends before the next sample; None where that is not known."""
        if self.cost is None or self.period_s is None:
            return None
        return self.cost.worst_s < self.period_s

    def warnings(self) -> list[Advice]:
        """Returns a warning where a step takes as long as the time between samples or longer."""
        if self.cost is None or self.period_s is None or self.is_real_time:
            return []
        worst, period = (format_quantity(s, "second") for s in (self.cost.worst_s, self.period_s))
        text = f"not real time: the worst step takes {worst}, a sample comes every {period}."
        return [Advice("real_time", text)]

    def to_dict(self) -> dict[str, Any]:
        """Returns the step as JSON values, SI units."""
        return {
            "state_bytes": self.ram.state_bytes,
            "frame_bytes": self.ram.frame_bytes,
            "mean_latency_per_step_s": None if self.cost is None else self.cost.mean_s,
            "sample_period_s": self.period_s,
            "real_time": self.is_real_time,
        }


def step_profile(
    graph: LoweredGraph, device: Device, runtime: Runtime, sample_rate_hz: float | None
) -> StepProfile | None:
    """Returns the step of a network; None where the runtime executes whole windows.

    Raises:
        ConfigError: The rate is not positive, or was given to a runtime of whole windows.
    """
    if sample_rate_hz is not None and not (math.isfinite(sample_rate_hz) and sample_rate_hz > 0):
        raise ConfigError(f"--sample-rate: expected hertz above 0, got {sample_rate_hz:g}.")
    if runtime.planner != "step":
        if sample_rate_hz is not None:
            raise ConfigError("--sample-rate is about steps of a stream: add --runtime c_step.")
        return None
    period_s = None if sample_rate_hz is None else 1 / sample_rate_hz
    return StepProfile(stream_step(graph), step_cost(graph, device), period_s)


def step_table(graph: LoweredGraph, report: CostReport, cost: StepCost) -> list[list[str]]:
    """Returns the cells of a table of operators in the worst step, header and total included."""
    entries = {entry.op.output: entry for entry in cost.ops}
    cells = [["operator", "params", "runs every", "instructions", "cycles", "time", "share"]]
    worst = sum(entry.cycles for entry in cost.ops)
    for op, layer in zip(graph.ops, report.layers, strict=True):
        entry, params = entries.get(op.output), format_quantity(layer.params, "count")
        if entry is None:
            cells.append([layer.name, params, *["-"] * 5])
            continue
        cells.append(
            [
                layer.name,
                params,
                "step" if entry.every == 1 else f"{entry.every} steps",
                format_quantity(entry.instructions, "count"),
                format_quantity(entry.cycles, "count"),
                format_quantity(layer_s := cost.worst_s * entry.cycles / worst, "second"),
                format_quantity(layer_s / cost.worst_s, "share"),
            ]
        )
    counted = sum(entry.instructions for entry in cost.ops)
    totals = [format_quantity(value, "count") for value in (report.params, counted, worst)]
    total = ["worst step", totals[0], "", *totals[1:]]
    return [*cells, [*total, format_quantity(cost.worst_s, "second"), ""]]


def step_lines(step: StepProfile, device: Device, accuracy: str) -> list[str]:
    """Returns time, energy and the real-time check of a step as text."""
    if step.cost is None:
        return [f"latency of a step: {accuracy} for device {device.name}"]
    worst, mean = (format_quantity(s, "second") for s in (step.cost.worst_s, step.cost.mean_s))
    lines = [f"step: worst {worst}, mean {mean}; {accuracy}"]
    if step.cost.mean_j is None:
        lines.append(f"energy: not known, device {device.name} states no power")
    else:
        energy = format_quantity(step.cost.mean_j, "joule")
        power_mw = 1e3 * (device.power_w or 0)
        lines.append(f"energy per step {energy} on average: {power_mw:.3g} mW while running")
    if step.period_s is not None and step.is_real_time:
        share = format_quantity(step.cost.worst_s / step.period_s, "share")
        period = format_quantity(step.period_s, "second")
        lines.append(f"real time: yes, {share} of the {period} between samples")
    return lines
