"""Cycles on GAP8's cluster of 8 cores: a published formula of its int8 kernels' tiles.

Compute alone: transfers between L3, L2 and L1, which DORY overlaps with it where it can, are not
counted. At its best it gives about 18 multiply-accumulates a cycle.
"""

from __future__ import annotations

from collections.abc import Callable

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.cost.kernel_calls import Sizes, sizes
from evonas.errors import UnsupportedOpError

N_CORES = 8


def tile_cycles(graph: LoweredGraph, op: LoweredOp) -> float | None:
    """Returns the cycles of an operator; None for one whose cycles a stand-in gives.

    Raises:
        UnsupportedOpError: It is an LSTM: there is no formula, and nothing stands in for one.
    """
    if op.kind == "lstm":
        raise UnsupportedOpError(
            f"Node {op.node}: GAP8's published tile formula knows no LSTM, so it has no latency "
            "there. Choose another device, or a network of convolutions."
        )
    formula = FORMULAS.get(op.kind)
    if formula is None:
        return None
    source, result = graph.tensors[op.inputs[0]], graph.tensors[op.output]
    return formula(op, sizes(source.shape), sizes(result.shape))


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _conv(op: LoweredOp, source: Sizes, result: Sizes) -> float:
    """ceil(w/2) ceil(h/8) (2 k c_in + ceil(c_out/4) (5 + 14 ceil(k c_in/4) + 10)).

    Rows are shared among the cores, positions of a row taken in pairs. A 1-D signal has one row:
    our extension puts its positions on the axis that is shared, else 7 cores would idle.
    """
    height, width, c_out = result
    depth = op.kernel[0] * op.kernel[1] * (source[2] // op.groups)
    if height == 1:
        pairs = _ceil(_ceil(width, N_CORES), 2)
    else:
        pairs = _ceil(width, 2) * _ceil(height, N_CORES)
    gather = 2 * depth
    multiply = _ceil(c_out // op.groups, 4) * (5 + 14 * _ceil(depth, 4) + 10)
    return op.groups * pairs * (gather + multiply)


def _depthwise(op: LoweredOp, source: Sizes, result: Sizes) -> float:
    height, width, channels = result
    return 4 * _ceil(channels, 4) * height * width * op.kernel[0] * op.kernel[1]


def _dense(op: LoweredOp, source: Sizes, result: Sizes) -> float:
    return _ceil(source[2], 2) * _ceil(result[2], 4)


FORMULAS: dict[str, Callable[[LoweredOp, Sizes, Sizes], float]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "scale": _depthwise,
    "dense": _dense,
}
