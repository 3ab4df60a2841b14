"""Peak RAM of a deployed network: the planned arena and what comes on top of it."""

from __future__ import annotations

import math
from collections.abc import Callable

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.arena import Buffer, live_bytes, plan_greedy
from evonas.cost.runtimes import Runtime, load_runtime

TAIL_BYTES = 484
TAIL_BYTES_PER_OP = 128
TAIL_BYTES_PER_CHANNEL = 8
"""Tail of TFLite Micro's arena on 32-bit cores: its own structures, which outlive an inference.

Single convolutions on Cortex-M4 and M33 boards (mcu_layer_cycles.csv, MicroNAS, King et al. 2025)
use exactly head + 612 + 8 bytes a channel in 2910 of 3141 rows; whole networks of 63 to 108
operators on a Cortex-M33 (nrf5340_sample.csv) 120 to 130 bytes more for each further operator.
"""

INTERPRETER_BYTES = 512
"""Assumed: the interpreter object and the table of its operators, which lie beside the arena."""


def scratch_bytes(graph: LoweredGraph, op: LoweredOp) -> int:
    """Returns the buffer that CMSIS-NN's int8 kernel asks for while it runs, in bytes.

    Measured with CMSIS-NN 99f736a on cores with DSP instructions and without MVE (M4, M7, M33):
    a convolution takes 4 · ceil4(taps · input channels of a group), one with one tap and no zeros
    none; a depthwise one 2 · taps · channels, none if it is dilated, 3x3 with at most one zero a
    side, or has several filters a channel; an average pooling 4 · channels.
    """
    rule = SCRATCH.get(op.kind)
    return 0 if rule is None else rule(op, graph.tensors[op.inputs[0]].shape[-1])


def _conv_scratch(op: LoweredOp, c_in: int) -> int:
    taps = op.kernel[0] * op.kernel[1]
    if taps == 1 and not any(map(any, op.pads)):
        return 0
    return 4 * (-(-taps * (c_in // op.groups) // 4) * 4)


def _depthwise_scratch(op: LoweredOp, c_in: int) -> int:
    special = op.kernel == (3, 3) and max(map(max, op.pads)) <= 1
    if special or op.biases != c_in or op.dilation != (1, 1):
        return 0
    return 2 * op.kernel[0] * op.kernel[1] * c_in


def _pool_scratch(op: LoweredOp, c_in: int) -> int:
    return 4 * c_in


SCRATCH: dict[str, Callable[[LoweredOp, int], int]] = {
    "conv": _conv_scratch,
    "depthwise": _depthwise_scratch,
    "scale": _depthwise_scratch,
    "average_pool": _pool_scratch,
}


def arena_buffers(graph: LoweredGraph, scratch: bool = True) -> tuple[Buffer, ...]:
    """Returns the buffers that the runtime plans: all tensors in order, then the scratch buffers.

    A tensor lives from the operator that writes it to the last one that reads it; the input from
    the start, the output to the end. Weights are not among them: they stay in flash.

    Args:
        graph: The deployed network.
        scratch: Whether the kernels are CMSIS-NN's, which ask for scratch buffers.
    """
    first = [0] * len(graph.tensors)
    last = [0] * len(graph.tensors)
    extra: list[Buffer] = []
    for step, op in enumerate(graph.ops, start=1):
        first[op.output] = last[op.output] = step
        for source in op.inputs:
            last[source] = step
        n_bytes = scratch_bytes(graph, op) if scratch else 0
        if n_bytes:
            extra.append(Buffer(n_bytes, step, step))
    last[graph.output] = len(graph.ops)
    tensors = (Buffer(t.n_bytes, f, s) for t, f, s in zip(graph.tensors, first, last, strict=True))
    return (*tensors, *extra)


def arena_head_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    """Returns the part of the arena that holds tensors and scratch buffers, in bytes.

    By the greedy plan, or for an embedded one by the liveness bound, which offline planning reached
    on all networks on which it was tried.
    """
    buffers = arena_buffers(graph, runtime.scratch)
    if runtime.planner == "greedy":
        return plan_greedy(buffers).head_bytes
    return max(live_bytes(buffers, len(graph.ops) + 1))


def runtime_ram_bytes(graph: LoweredGraph) -> int:
    """Returns the RAM of TFLite Micro beside tensors and scratch: arena tail and interpreter."""
    channels = sum(op.scaled_channels for op in graph.ops)
    tail = TAIL_BYTES + TAIL_BYTES_PER_OP * len(graph.ops) + TAIL_BYTES_PER_CHANNEL * channels
    return tail + INTERPRETER_BYTES


def peak_ram_bytes(spec: ArchSpec, runtime: str = "tflm") -> int:
    """Returns the RAM that a network needs on a runtime, in bytes.

    Arena head (planned on the deployed graph, PAD outputs and scratch buffers included), arena tail
    and interpreter. The stack and the rest of the firmware are not counted.

    Args:
        spec: The network.
        runtime: A name in evonas.cost.runtimes.

    Raises:
        ConfigError: The runtime is unknown or not built.
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    graph = lower(spec)
    return arena_head_bytes(graph, load_runtime(runtime)) + runtime_ram_bytes(graph)


def peak_activation_bytes(spec: ArchSpec, bytes_per_element: int = 1) -> int:
    """Returns the largest sum of live tensor sizes over the spec's execution order.

    A tensor lives from the node that writes it to the last node that reads it. Nodes are taken one
    at a time as they are written, without folding, fusing, padding or in-place reuse, as in Liberis
    and Lane 2019 <https://arxiv.org/abs/1910.05110>. Weights are not counted: they stay in flash.

    Args:
        spec: Network with batch size 1; shapes are (channels, length) or (channels, height, width).
        bytes_per_element: 1 for int8, 4 for float32.

    Returns:
        Bytes. Includes the input and output tensors.

    Raises:
        ValueError: bytes_per_element is not positive.
    """
    if bytes_per_element < 1:
        raise ValueError(f"Expected positive bytes_per_element, got {bytes_per_element}.")
    ends: list[list[int]] = [[] for _ in spec.nodes]
    for index, readers in enumerate(spec.consumers):
        ends[max(readers, default=len(spec.nodes) - 1)].append(index)
    live = peak = 0
    sizes = [math.prod(shape) for shape in spec.shapes]
    for index, size in enumerate(sizes):
        live += size
        peak = max(peak, live)
        live -= sum(sizes[i] for i in ends[index])
    return peak * bytes_per_element
