"""Calls of CMSIS-NN's kernels: the sizes on which an operator's instructions depend."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.ops import Shape

Sizes = tuple[int, int, int]
Counts = tuple[float, ...]


class KernelCall(NamedTuple):
    """One call of a kernel.

    Attributes:
        kind: What it computes: "conv", "depthwise", "dense", "lstm", "gate", "average_pool",
            "max_pool", "add", "softmax" or "pad". "dense" over several positions is one call for
            each; "gate" is one element-wise operation of a recurrent cell.
        input: (height, width, channels); of an LSTM (1, steps, inputs), of a softmax (1, rows,
            classes).
        output: (height, width, channels); of an LSTM (1, steps, units).
        kernel: Window, (height, width).
        stride: Step, (height, width).
        dilation: Distance between taps, (height, width).
        pads: Zeros before the input, (top, left); those behind it follow from the output.
    """

    kind: str
    input: Sizes
    output: Sizes
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)

    @property
    def positions(self) -> int:
        """Output positions."""
        return self.output[0] * self.output[1]

    @property
    def taps(self) -> int:
        """Taps of the window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def macs(self) -> int:
        """Multiply-accumulates as evonas counts them: taps on zeros included, biases not."""
        if self.kind == "lstm":
            return 4 * self.output[1] * self.output[2] * (self.input[2] + self.output[2])
        inputs = self.input[2] if self.kind in ("conv", "dense") else 1
        return self.positions * self.output[2] * self.taps * inputs


class KernelPath(NamedTuple):
    """A piece of code and the counts of its loops.

    Attributes:
        terms: What is counted, a name each.
        counts: Returns the counts of a call, in the order of terms.
    """

    terms: tuple[str, ...]
    counts: Callable[[KernelCall], Counts]


class Window(NamedTuple):
    """Where a window lies over its input, summed over all output positions.

    Attributes:
        inside: Taps on the input.
        outside: Taps on padding.
        rows: Rows of taps that lie on the input's height.
    """

    inside: int
    outside: int
    rows: int


def window(call: KernelCall) -> Window:
    """Returns how often a call's window touches its input and its padding."""
    rows, columns = (
        _axis_taps(
            call.input[i],
            call.output[i],
            call.kernel[i],
            call.stride[i],
            call.dilation[i],
            call.pads[i],
        )
        for i in (0, 1)
    )
    inside = rows * columns
    return Window(inside, call.positions * call.taps - inside, rows * call.output[1])


@lru_cache(maxsize=4096)
def _axis_taps(length: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Returns how many taps, over all output positions of one axis, lie inside the input."""
    total = 0
    for tap in range(kernel):
        start = pad - tap * dilation  # inside where start <= position * stride < start + length
        first = max(0, -(-start // stride))
        last = min(out - 1, (start + length - 1) // stride)
        total += max(0, last - first + 1)
    return total


def matrix_products(call: KernelCall) -> tuple[int, int]:
    """Returns how many products of matrices a 1x1 convolution makes, and of how many positions.

    One with stride 1; otherwise one for each output row.
    """
    if call.stride == (1, 1):
        return 1, call.positions
    return call.output[0], call.output[1]


KINDS = {
    "conv": "conv",
    "depthwise": "depthwise",
    "scale": "depthwise",
    "dense": "dense",
    "lstm": "lstm",
    "add": "add",
    "relu": "add",
    "average_pool": "average_pool",
    "max_pool": "max_pool",
    "pad": "pad",
    "reshape": "pad",
    "axes": "pad",
    "softmax": "softmax",
    "stack": "pad",
    "strided_slice": "pad",
}
"""Lowered operators -> the kernel that they call; a recurrent layer makes several calls
(evonas.cost.recurrent_calls). Assumed: a copy costs what a pad without zeros
does. TFLite Micro's reference code, which stands in for CMSIS-NN in these and in pads, is taken to
cost what CMSIS-NN's kernels do."""

COPIES = ("reshape", "axes", "stack", "strided_slice")

RELU_CALLS = 3
"""Adds that a ReLU of its own, which is reference code, takes as long as: what best fits whole
networks with up to 45 of them (nrf5340_sample.csv; mean error 2.4 % against 7.8 % with one)."""


def sizes(shape: Shape) -> Sizes:
    """Returns a lowered tensor's shape as (height, width, channels)."""
    return (1, 1, shape[0]) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def kernel_call(graph: LoweredGraph, op: LoweredOp) -> tuple[KernelCall, int]:
    """Returns the call that executes an operator, and how often it is made: once for each group.

    A ReLU of its own is counted as ``RELU_CALLS`` calls.

    Args:
        graph: The deployed network.
        op: One of its operators.
    """
    kind = KINDS[op.kind]
    source, result = sizes(graph.tensors[op.inputs[0]].shape), sizes(graph.tensors[op.output].shape)
    calls = RELU_CALLS if op.kind == "relu" else 1
    if op.kind in COPIES:
        source = result
    elif op.kind == "conv" and op.groups > 1:
        calls = op.groups
        source = (source[0], source[1], source[2] // calls)
        result = (result[0], result[1], result[2] // calls)
    pads = (op.pads[0][0], op.pads[1][0])
    return KernelCall(kind, source, result, op.kernel, op.stride, op.dilation, pads), calls
