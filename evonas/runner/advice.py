"""What a profile warns of: what does not fit, and what costs more than it must by the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from evonas.arch.graph import LoweredGraph, LoweredOp, LoweredTensor
from evonas.arch.ops import Shape
from evonas.cost.latency import op_cycles
from evonas.cost.report import CostReport
from evonas.devices import Device
from evonas.devices.kernels import InstructionKernels, KernelModel
from evonas.units import format_quantity

LANES = 4
"""Channels that CMSIS-NN's inner loops take at a time on cores without vectors."""

MOVES = ("pad", "reshape", "axes", "stack", "strided_slice")
"""Operators whose channels are those of their input, or several positions of it."""

WORK = ("conv", "depthwise", "dense")


class Advice(NamedTuple):
    """A warning.

    Attributes:
        code: What it is of, for programs: "ram", "flash", "tier", "dilation", "channels" or "lstm".
        text: One sentence.
    """

    code: str
    text: str


def advice(
    graph: LoweredGraph, report: CostReport, head_bytes: int, device: Device
) -> list[Advice]:
    """Returns the warnings on a network on a device, the gravest first.

    Args:
        graph: The deployed network.
        report: Its costs.
        head_bytes: The part of its RAM that must lie in one block.
        device: The microcontroller.
    """
    found = [*_memory(report, head_bytes, device)]
    kernels = device.kernels.get(report.kernel_library)
    if isinstance(kernels, InstructionKernels):
        found += [*_dilation(graph, device, kernels), *_channels(graph, device, kernels)]
    elif kernels is not None:
        found += _gates(graph)
    return found


def _memory(report: CostReport, head_bytes: int, device: Device) -> Iterator[Advice]:
    ram, block = report.peak_ram_bytes, device.largest_ram_block_bytes
    if ram > device.ram_bytes:
        yield Advice("ram", f"does not fit: RAM {_bytes(ram)} of {_bytes(device.ram_bytes)}.")
    elif head_bytes > block:
        yield Advice(
            "ram",
            f"does not fit: the arena's {_bytes(head_bytes)} must lie in one block of RAM, the "
            f"largest has {_bytes(block)}.",
        )
    if device.flash_bytes is not None and report.flash_bytes > device.flash_bytes:
        needed, there = _bytes(report.flash_bytes), _bytes(device.flash_bytes)
        yield Advice("flash", f"does not fit: flash {needed} of {there}.")
    for tier, slower in zip(device.memory, device.memory[1:], strict=False):
        needed_bytes = report.model_bytes + ram
        if needed_bytes > tier.bytes:
            yield Advice(
                "tier",
                f"{tier.name} ({_bytes(tier.bytes)}) cannot hold weights and tensors "
                f"({_bytes(needed_bytes)}): they pass through it from {slower.name}, and the "
                "latency does not count these transfers.",
            )


def _dilation(graph: LoweredGraph, device: Device, kernels: KernelModel) -> Iterator[Advice]:
    slow = [op for op in graph.ops if op.kind == "depthwise" and op.dilation != (1, 1)]
    if not slow:
        return
    now = sum(op_cycles(graph, op, device, kernels).cycles for op in slow)
    dense = 0.0
    for op in slow:
        alone, same = _alone(graph, op, op.groups, op.biases)
        dense += op_cycles(alone, replace(same, dilation=(1, 1)), device, kernels).cycles
    names = ", ".join(op.name for op in slow[:4]) + (", ..." if slow[4:] else "")
    yield Advice(
        "dilation",
        f"dilated depthwise convolutions fall off CMSIS-NN's fast path ({names}): "
        f"{_time(now, device)}, without dilation {_time(dense, device)} by the model "
        f"({now / dense:.1f} times).",
    )


def _gates(graph: LoweredGraph) -> Iterator[Advice]:
    names = ", ".join(op.name for op in graph.ops if op.kind == "lstm")
    if names:
        yield Advice(
            "lstm",
            f"the latency counts the matrices of {names} alone, not what its gates do element by "
            "element: a lower bound.",
        )


def _channels(graph: LoweredGraph, device: Device, kernels: KernelModel) -> Iterator[Advice]:
    """Compares channels that are no multiple of 4 with those rounded up to the next one.

    The network's inputs and outputs are given and stay as they are.
    """
    fixed = {0, graph.output}
    for op in graph.ops:
        if op.kind in MOVES and op.inputs[0] in fixed:
            fixed.add(op.output)
    odd: list[tuple[LoweredOp, int, int]] = []
    now = then = 0.0
    macs = macs_then = 0
    for op in graph.ops:
        if op.kind not in WORK:
            continue
        c_in, c_out = _channels_of(graph, op)
        up_in = c_in if op.inputs[0] in fixed else _up(c_in)
        up_out = c_out if op.output in fixed else _up(c_out)
        if (up_in, up_out) == (c_in, c_out) or (op.kind == "depthwise" and up_in == c_in):
            continue
        alone, wider = _alone(graph, op, up_in, up_out)
        odd.append((op, c_in, c_out))
        now += op_cycles(graph, op, device, kernels).cycles
        then += op_cycles(alone, wider, device, kernels).cycles
        macs, macs_then = macs + op.macs, macs_then + wider.macs
    if odd:
        op, c_in, c_out = max(odd, key=lambda entry: entry[0].macs)
        yield Advice(
            "channels",
            f"{len(odd)} operator{'s have' if odd[1:] else ' has'} channels that are no multiple "
            f"of {LANES}, such as {op.name} ({c_in} to {c_out}): {now / macs:.2f} cycles "
            f"per MAC by the model, {then / macs_then:.2f} if rounded up ({_time(now, device)}, "
            f"{_time(then, device)} with {macs_then / macs:.2f} times the MACs).",
        )


def _alone(
    graph: LoweredGraph, op: LoweredOp, c_in: int, c_out: int
) -> tuple[LoweredGraph, LoweredOp]:
    """Returns an operator by itself, with other channels."""
    groups = c_in if op.kind == "depthwise" else op.groups
    source = _with_channels(graph.tensors[op.inputs[0]].shape, c_in)
    result = _with_channels(graph.tensors[op.output].shape, c_out)
    weights = c_out * (c_in // groups) * op.kernel[0] * op.kernel[1]
    positions = 1
    for length in result[:-1]:
        positions *= length
    alone = replace(
        op, inputs=(0,), output=1, groups=groups, weights=weights, biases=c_out,
        macs=weights * positions,
    )  # fmt: skip
    tensors = (LoweredTensor(0, source), LoweredTensor(1, result))
    return LoweredGraph(tensors, (alone,), 1), alone


def _channels_of(graph: LoweredGraph, op: LoweredOp) -> tuple[int, int]:
    return graph.tensors[op.inputs[0]].shape[-1], graph.tensors[op.output].shape[-1]


def _with_channels(shape: Shape, channels: int) -> Shape:
    return (*shape[:-1], channels)


def _up(channels: int) -> int:
    return -(-channels // LANES) * LANES


def _bytes(n_bytes: int) -> str:
    return format_quantity(n_bytes, "byte")


def _time(cycles: float, device: Device) -> str:
    return format_quantity(cycles / device.clock_hz, "second")
