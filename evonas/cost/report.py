"""CostReport: everything that one network costs on one device and runtime."""

from __future__ import annotations

from dataclasses import dataclass

from evonas.arch.graph import LoweredGraph
from evonas.arch.lower import lower
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.cost.arena import live_bytes
from evonas.cost.flash import graph_model_bytes
from evonas.cost.latency import device_kernels, energy_j, op_latency_s
from evonas.cost.memory import arena_buffers, arena_head_bytes, runtime_ram_bytes
from evonas.cost.runtimes import Runtime, load_runtime
from evonas.devices.catalogue import Device


@dataclass(frozen=True)
class LayerCost:
    """What one operator of the deployed network costs.

    Attributes:
        name: Kind and number of the spec's node that it stems from, such as "conv 3".
        shape: Its output, (height, width, channels) or (features,).
        params: Weights and biases.
        macs: Multiply-accumulates.
        latency_s: Seconds, dispatch included.
        ram_bytes: Aligned bytes of the tensors and scratch buffers alive while it runs.
    """

    name: str
    shape: Shape
    params: int
    macs: int
    latency_s: float
    ram_bytes: int


@dataclass(frozen=True)
class CostReport:
    """What a network costs, in SI units.

    Attributes:
        device: Name of the device.
        runtime: Name of the runtime.
        kernel_library: Whose kernels the latency is of.
        accuracy: How far the latency can be trusted.
        params: Parameters of the deployed network.
        macs: Its multiply-accumulates.
        model_bytes: Its .tflite file.
        flash_bytes: The file and the runtime's code.
        peak_ram_bytes: Arena and interpreter.
        latency_s: One inference.
        energy_j: One inference; None where the device states no power.
        layers: Each operator in order of execution; their latencies add up to latency_s.
    """

    device: str
    runtime: str
    kernel_library: str
    accuracy: str
    params: int
    macs: int
    model_bytes: int
    flash_bytes: int
    peak_ram_bytes: int
    latency_s: float
    energy_j: float | None
    layers: tuple[LayerCost, ...]


def cost_report(spec: ArchSpec, device: Device, runtime: str = "tflm") -> CostReport:
    """Returns what a network costs on a device and a runtime.

    Args:
        spec: The network.
        device: The microcontroller; whether the network fits is not judged here.
        runtime: A name in evonas.cost.runtimes.

    Raises:
        ConfigError: The runtime is unknown or not built, or the device states no cycles for it.
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    chosen = load_runtime(runtime)
    graph = lower(spec)
    layers = _layers(graph, device, chosen)
    latency_s = sum(layer.latency_s for layer in layers)
    file_bytes = graph_model_bytes(graph, chosen)
    return CostReport(
        device=device.name,
        runtime=chosen.name,
        kernel_library=chosen.kernel_library,
        accuracy=f"cycles per MAC, {device.validation}",
        params=sum(layer.params for layer in layers),
        macs=sum(layer.macs for layer in layers),
        model_bytes=file_bytes,
        flash_bytes=file_bytes + chosen.flash_bytes,
        peak_ram_bytes=arena_head_bytes(graph, chosen) + runtime_ram_bytes(graph),
        latency_s=latency_s,
        energy_j=energy_j(latency_s, device),
        layers=layers,
    )


def _layers(graph: LoweredGraph, device: Device, runtime: Runtime) -> tuple[LayerCost, ...]:
    kernels = device_kernels(device, runtime.kernel_library)
    live = live_bytes(arena_buffers(graph, runtime.scratch), len(graph.ops) + 1)
    return tuple(
        LayerCost(
            name=f"{op.kind} {op.node}",
            shape=graph.tensors[op.output].shape,
            params=op.params,
            macs=op.macs,
            latency_s=op_latency_s(graph, op, device, kernels),
            ram_bytes=live[step],
        )
        for step, op in enumerate(graph.ops, start=1)
    )
