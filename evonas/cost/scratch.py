"""Scratch buffers that int8 kernels ask for while they run."""

from __future__ import annotations

from collections.abc import Callable

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.cost.lstm import gate_buffers
from evonas.cost.recurrent import window_scratch_bytes


def scratch_buffers(graph: LoweredGraph, op: LoweredOp, cmsis_nn: bool = True) -> tuple[int, ...]:
    """Returns the sizes in bytes of the buffers that an operator needs while it runs.

    Args:
        graph: The deployed network.
        op: One of its operators.
        cmsis_nn: Whether the kernels are CMSIS-NN's; recurrent layers need theirs with any.
    """
    if op.kind == "lstm":
        return gate_buffers(graph, op, cmsis_nn)
    if op.kind == "recurrent":
        return (window_scratch_bytes(graph, op),)
    n_bytes = scratch_bytes(graph, op) if cmsis_nn else 0
    return (n_bytes,) if n_bytes else ()


def scratch_bytes(graph: LoweredGraph, op: LoweredOp) -> int:
    """Returns the buffer that CMSIS-NN's int8 kernel asks for while it runs, in bytes.

    Measured with CMSIS-NN 99f736a on cores with DSP instructions and without MVE (M4, M7, M33):
    a convolution takes 4 · ceil4(taps · input channels of a group), one with one tap and no zeros
    none; a depthwise one 2 · taps · channels, none if it is dilated, 3x3 with at most one zero a
    side, or has several filters a channel; an average pooling 4 · channels.
    """
    rule = SCRATCH.get(op.kind)
    return 0 if rule is None else rule(op, graph.tensors[op.inputs[0]].shape[-1])


def _conv(op: LoweredOp, c_in: int) -> int:
    taps = op.kernel[0] * op.kernel[1]
    if taps == 1 and not any(map(any, op.pads)):
        return 0
    return 4 * (-(-taps * (c_in // op.groups) // 4) * 4)


def _depthwise(op: LoweredOp, c_in: int) -> int:
    special = op.kernel == (3, 3) and max(map(max, op.pads)) <= 1
    if special or op.biases != c_in or op.dilation != (1, 1):
        return 0
    return 2 * op.kernel[0] * op.kernel[1] * c_in


def _average_pool(op: LoweredOp, c_in: int) -> int:
    return 4 * c_in


SCRATCH: dict[str, Callable[[LoweredOp, int], int]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "scale": _depthwise,
    "average_pool": _average_pool,
}
"""Kinds whose kernels ask for one, from the operator and its input channels."""
