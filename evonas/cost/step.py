"""Latency and energy of one step of a stream, by stand-in: CMSIS-NN's kernels for generated ones.

An operator's step is one call of its kernel with one output position. The window's span lies in its
ring buffer and dilation stays, so the call takes the kernel path that the layer takes. Assumed
besides: padding, last step, flattening and stacking cost nothing, as their positions lie in ring
buffers; an average over all positions keeps a running sum (two additions of one position and a
division).
"""

from __future__ import annotations

from typing import NamedTuple

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.cost.kernel_calls import KernelCall, kernel_call
from evonas.cost.latency import call_cycles, energy_j, generated_kernels
from evonas.cost.recurrent_calls import recurrent_calls
from evonas.cost.stream import ALIASES, check_stream, has_running_sum
from evonas.devices.catalogue import Device

FREE = (*ALIASES, "reshape")
"""Operators that do nothing in a step."""


class StepOp(NamedTuple):
    """What an operator takes in a step in which it runs.

    Attributes:
        op: The operator.
        every: It runs at every so many steps: the product of the strides up to and with its own.
        instructions: Instructions of its kernel.
        cycles: Clock cycles, dispatch included.
    """

    op: LoweredOp
    every: int
    instructions: float
    cycles: float


class StepCost(NamedTuple):
    """One step of a network that runs step by step.

    Attributes:
        worst_s: Seconds of a step in which every operator runs: what real time is judged by. An
            upper bound where the strides of two branches never meet.
        mean_s: Seconds of a step on average over a stream.
        mean_j: Energy of a step on average; None where the device states no power.
        ops: The operators that run, in order.
    """

    worst_s: float
    mean_s: float
    mean_j: float | None
    ops: tuple[StepOp, ...]


def step_cost(graph: LoweredGraph, device: Device) -> StepCost | None:
    """Returns what a step takes; None where the device has no instruction model of CMSIS-NN.

    Raises:
        UnsupportedOpError: The network cannot run step by step.
    """
    check_stream(graph)
    kernels = generated_kernels(device)
    if kernels is None:
        return None
    every = {0: 1}
    ops = []
    for op in graph.ops:
        every[op.output] = max(every[i] for i in op.inputs) * op.stride[1]
        if op.kind in FREE:
            continue
        parts = [call_cycles(*call, device, kernels) for call in step_calls(graph, op)]
        counted = sum(part.instructions or 0.0 for part in parts)
        cycles = sum(part.cycles for part in parts) + kernels.overhead_cycles
        ops.append(StepOp(op, every[op.output], counted, cycles))
    worst_s = sum(entry.cycles for entry in ops) / device.clock_hz
    mean_s = sum(entry.cycles / entry.every for entry in ops) / device.clock_hz
    return StepCost(worst_s, mean_s, energy_j(mean_s, device), tuple(ops))


def step_calls(graph: LoweredGraph, op: LoweredOp) -> tuple[tuple[KernelCall, int], ...]:
    """Returns the kernel calls of an operator in one step, and how often each is made."""
    if op.kind in ("lstm", "recurrent"):  # CMSIS-NN's LSTM of one step leaves out the state
        return recurrent_calls(graph, op, steps=1)
    call, n_calls = kernel_call(graph, op)
    channels = call.input[2]
    if has_running_sum(graph, op):
        position = (1, 1, channels)
        add = KernelCall("add", position, position)
        return (add, 2), (KernelCall("average_pool", position, position), 1)
    span = (call.kernel[1] - 1) * call.dilation[1] + 1
    one = call._replace(input=(1, span, channels), output=(1, 1, call.output[2]))
    return ((one, n_calls),)
