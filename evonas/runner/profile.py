"""`evonas profile`: what a network costs on a device, by layer and in total, as text and figure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evonas.arch.graph import LoweredGraph
from evonas.arch.lower import lower
from evonas.cost.arena import ArenaPlan, Buffer, liveness_bound
from evonas.cost.memory import arena_head_bytes, arena_plan
from evonas.cost.report import CostReport, LayerCost, cost_report
from evonas.cost.runtimes import Runtime, device_runtimes, load_runtime
from evonas.devices import Device, load_device
from evonas.errors import ConfigError
from evonas.runner.advice import Advice, advice
from evonas.runner.devices import aligned
from evonas.runner.target import resolve_target
from evonas.units import format_quantity


@dataclass(frozen=True)
class Profile:
    """A network on a device.

    Attributes:
        target: What the user asked for.
        device: The microcontroller.
        runtime: What executes the network.
        graph: The deployed network.
        report: Its costs.
        head_bytes: The planned part of its RAM: tensors and scratch buffers.
        bound_bytes: Most bytes alive at once, below which no plan of this order can go.
        peak: Name of the operator during which they are alive.
        warnings: What does not fit, and what costs more than it must.
    """

    target: str
    device: Device
    runtime: Runtime
    graph: LoweredGraph
    report: CostReport
    head_bytes: int
    bound_bytes: int
    peak: str
    warnings: tuple[Advice, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the profile as JSON values, SI units, flat but for the layers."""
        found = dataclasses.asdict(self.report)
        layers = [entry | {"share": self.share(layer)} for entry, layer in self._pairs(found)]
        return found | {
            "target": self.target,
            "layers": layers,
            "runtime_flash_bytes": self.runtime.flash_bytes,
            "arena_bytes": self.head_bytes,
            "runtime_ram_bytes": self.report.peak_ram_bytes - self.head_bytes,
            "live_peak_bytes": self.bound_bytes,
            "ram_peak_operator": self.peak,
            "warnings": [warning._asdict() for warning in self.warnings],
        }

    def _pairs(self, found: dict[str, Any]) -> list[tuple[dict[str, Any], LayerCost]]:
        return list(zip(found["layers"], self.report.layers, strict=True))

    def share(self, layer: LayerCost) -> float | None:
        """Returns a layer's share of the latency; None where that is not known."""
        if not self.report.latency_s or layer.latency_s is None:
            return None
        return layer.latency_s / self.report.latency_s


def profile_target(target: str, device: str, runtime: str | None = None) -> Profile:
    """Returns the profile of a network.

    Args:
        target: A reference's name, a spec.json, DIR:NUMBER or DIR:recommended.
        device: A device's name or file.
        runtime: What executes the network; None for the first that the device has kernels for.

    Raises:
        ConfigError: A name is unknown, or the device has no kernels for the runtime.
        SpecError: The target holds no network, or one that cannot run so.
    """
    board = load_device(device)
    names = device_runtimes(board)
    if runtime is None and not names:
        raise ConfigError(f"Device {board.name!r} states no kernel library that a runtime uses.")
    chosen = load_runtime(runtime or names[0])
    spec = resolve_target(target)
    graph = lower(spec)
    report = cost_report(spec, board, chosen.name)
    head_bytes = arena_head_bytes(graph, chosen)
    buffers, _ = arena_plan(graph, chosen)
    alive = [layer.ram_bytes for layer in report.layers]
    peak = report.layers[alive.index(max(alive))].name
    return Profile(
        target=target,
        device=board,
        runtime=chosen,
        graph=graph,
        report=report,
        head_bytes=head_bytes,
        bound_bytes=liveness_bound(buffers),
        peak=peak,
        warnings=tuple(advice(graph, report, head_bytes, board)),
    )


def profile_lines(profile: Profile) -> list[str]:
    """Returns what the command prints: the layers, the totals, the warnings."""
    device = profile.device
    return [
        f"{profile.target} on {device.name} ({device.title}; {device.core}, "
        f"{device.clock_hz / 1e6:g} MHz), runtime {profile.runtime.name}",
        "",
        *_layer_table(profile),
        "",
        *_totals(profile),
        *(f"warning: {warning.text}" for warning in profile.warnings),
    ]


def _layer_table(profile: Profile) -> list[str]:
    header = ["operator", "output", "params", "MACs", "instructions", "cycles", "time", "share"]
    cells = [[*header, "alive"]]
    for layer in profile.report.layers:
        cells.append(
            [
                layer.name,
                "x".join(map(str, layer.shape)),
                _count(layer.params),
                _count(layer.macs),
                _count(layer.instructions),
                _count(layer.cycles),
                _time(layer.latency_s),
                _share(profile.share(layer)),
                _bytes(layer.ram_bytes),
            ]
        )
    report = profile.report
    totals = (report.params, report.macs, report.instructions, report.cycles)
    cells.append(["total", "", *map(_count, totals), _time(report.latency_s), "", ""])
    return aligned(cells, left=(0, 1))


def _totals(profile: Profile) -> list[str]:
    report, device, runtime = profile.report, profile.device, profile.runtime
    flash = "external" if device.flash_bytes is None else _bytes(device.flash_bytes)
    code = "an amount not published" if not runtime.flash_bytes else _bytes(runtime.flash_bytes)
    beside = report.peak_ram_bytes - profile.head_bytes
    lines = [
        f"params {_count(report.params)}, MACs {_count(report.macs)}",
        f"flash {_bytes(report.flash_bytes)}: model {_bytes(report.model_bytes)}, runtime {code} "
        f"(device: {flash})",
        f"RAM {_bytes(report.peak_ram_bytes)}: tensors and scratch {_bytes(profile.head_bytes)}, "
        f"runtime {_bytes(beside)} (device: {_bytes(device.ram_bytes)}, largest block "
        f"{_bytes(device.largest_ram_block_bytes)})",
        _peak_line(profile),
    ]
    if report.latency_s is None:
        return [*lines, f"latency: {report.accuracy} of runtime {runtime.name}"]
    lines += [f"latency {_time(report.latency_s)}: {report.kernel_library}, {report.accuracy}"]
    if report.energy_j is None:
        return [*lines, f"energy: not known, device {device.name} states no power"]
    energy = format_quantity(report.energy_j, "joule")
    return [*lines, f"energy {energy}: {1e3 * (device.power_w or 0):.3g} mW while running"]


def _peak_line(profile: Profile) -> str:
    if profile.runtime.planner == "step":
        return "RAM is that of one step of a stream: ring buffers and the tensors of a step"
    lost = profile.head_bytes - profile.bound_bytes
    line = f"RAM peak: {profile.peak}, {_bytes(profile.bound_bytes)} alive"
    if lost > 0 and profile.runtime.planner == "greedy":
        return f"{line}; the greedy planner loses {_bytes(lost)} to gaps (tflm_offline does not)"
    return line


def save_profile_figure(profile: Profile, folder: Path) -> list[Path]:
    """Writes profile.png and profile.svg: the arena over time, latency by layer.

    The arena alone where the runtime has no latency model, the latency alone where it runs step
    by step.

    Raises:
        ConfigError: The runtime has neither.
    """
    from evonas.plots.arena import arena_data, plot_arena
    from evonas.plots.canvas import write_figure
    from evonas.plots.layers import layers_data, plot_layers
    from evonas.plots.profile import plot_profile

    place = f"{profile.target} on {profile.device.name}, {profile.runtime.name}"
    arena = layers = None
    if profile.runtime.planner != "step":
        buffers, plan = _planned(profile)
        block = profile.device.largest_ram_block_bytes
        arena = arena_data(f"{place}: the arena", profile.graph, buffers, plan, block)
    if profile.report.latency_s is not None:
        time = _time(profile.report.latency_s)
        layers = layers_data(f"{place}: latency by layer, {time}", profile.report)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in ("png", "svg"):
        if arena and layers:
            axes = plot_profile(arena, layers)
        elif arena:
            axes = plot_arena(arena)
        elif layers:
            axes = plot_layers(layers)
        else:
            raise ConfigError(f"Runtime {profile.runtime.name!r} has nothing to draw yet.")
        paths.append(write_figure(axes, folder / f"profile.{kind}"))
    return paths


def _planned(profile: Profile) -> tuple[tuple[Buffer, ...], ArenaPlan]:
    return arena_plan(profile.graph, profile.runtime)


def _count(value: float | None) -> str:
    return "-" if value is None else format_quantity(value, "count")


def _bytes(n_bytes: int) -> str:
    return format_quantity(n_bytes, "byte")


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else format_quantity(seconds, "second")


def _share(share: float | None) -> str:
    return "-" if share is None else format_quantity(share, "share")
