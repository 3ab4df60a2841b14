"""Lowering: a network as TensorFlow Lite Micro executes it once it is deployed.

Tensors are int8 in the order (height, width, channels); a 1-D signal has height 1. What changes
between a spec and its lowered graph:

- A batch norm is folded into the convolution or dense layer right before it, where nothing else
  reads that layer. Any other, such as one behind a ReLU, stays as a "scale" operator: one factor
  and one offset a channel, executed as a depthwise convolution with one tap.
- A ReLU is fused into the operator before it, where nothing else reads that operator and TFLite
  has a fused activation for it.
- A convolution pads itself only if its zeros are none or exactly those of TFLite's SAME; all others
  (a causal convolution's too) become a PAD operator, whose output is a tensor of the arena.
- Flatten is a RESHAPE: its output is a tensor of its own, into which TFLite Micro copies. On an
  input that is flat already it is nothing.
- A global average is an average pooling over all positions, the last step a STRIDED_SLICE.
- Every convolution and dense layer has one bias a channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from evonas.arch.ops import (
    Activation,
    Add,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    Input,
    LastStep,
    Op,
    Pads,
    Pool,
    Shape,
)
from evonas.arch.spec import ArchSpec
from evonas.errors import UnsupportedOpError

Kind = Literal[
    "conv",
    "depthwise",
    "dense",
    "scale",
    "add",
    "average_pool",
    "max_pool",
    "pad",
    "relu",
    "reshape",
    "strided_slice",
]

FUSES_ACTIVATION = ("conv", "depthwise", "dense", "scale", "add", "average_pool", "max_pool")
FOLDS_BATCH_NORM = (Conv, Dense)
NO_PADS: Pads = ((0, 0), (0, 0))


@dataclass(frozen=True)
class LoweredTensor:
    """An activation in the arena.

    Attributes:
        index: Its place in the graph's tensors: the input first, then in order of execution.
        shape: (height, width, channels) or (features,).
    """

    index: int
    shape: Shape

    @property
    def n_bytes(self) -> int:
        """Size as int8."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class LoweredOp:
    """One operator that the runtime executes.

    Attributes:
        kind: What it does; "depthwise" is a convolution with one input channel a group.
        inputs: Indices of the tensors that it reads.
        output: Index of the tensor that it writes.
        node: Index of the spec's node that it stems from.
        kernel: Window, (height, width).
        stride: Step, (height, width).
        dilation: Distance between taps, (height, width).
        pads: Zeros ((top, bottom), (left, right)): of "pad" those it writes, of a convolution those
            that the kernel supplies itself.
        groups: Channel groups of a convolution.
        activation: "relu" or "relu6" where one is fused into it, or where it is one.
        weights: Number of weights.
        biases: Number of biases.
        macs: Multiply-accumulates of convolutions and dense layers, taps on zeros included; 0 for
            all others.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    node: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Pads = NO_PADS
    groups: int = 1
    activation: str | None = None
    weights: int = 0
    biases: int = 0
    macs: int = 0

    @property
    def params(self) -> int:
        """Number of weights and biases."""
        return self.weights + self.biases

    @property
    def scaled_channels(self) -> int:
        """Channels with a quantisation of their own; a dense layer has one for all of its own."""
        return 0 if self.kind == "dense" else self.biases


@dataclass(frozen=True)
class LoweredGraph:
    """A deployed network.

    Attributes:
        tensors: All activations; tensor 0 is the input.
        ops: Operators in order of execution.
        output: Index of the tensor that holds the result.
    """

    tensors: tuple[LoweredTensor, ...]
    ops: tuple[LoweredOp, ...]
    output: int


@lru_cache(maxsize=256)
def lower(spec: ArchSpec) -> LoweredGraph:
    """Returns the graph that TensorFlow Lite Micro executes for a network.

    Raises:
        UnsupportedOpError: The spec holds an operator that has no lowering.
    """
    state = _Lowering(spec)
    for index, node in enumerate(spec.nodes):
        handler = LOWERINGS.get(type(node.op))
        if handler is None:
            raise UnsupportedOpError(f"Node {index}: no lowering for {type(node.op).__name__}.")
        state.values.append(handler(state, index, node.op))
    return LoweredGraph(tuple(state.tensors), tuple(state.ops), state.values[-1])


class _Lowering:
    """The graph while it grows.

    Attributes:
        values: For every node so far the tensor that holds its value.
        producers: For every tensor the index of the operator that writes it; None for the input.
    """

    def __init__(self, spec: ArchSpec) -> None:
        self.spec = spec
        self.tensors: list[LoweredTensor] = []
        self.ops: list[LoweredOp] = []
        self.values: list[int] = []
        self.producers: list[int | None] = []

    def input_tensors(self, index: int) -> tuple[int, ...]:
        return tuple(self.values[i] for i in self.spec.nodes[index].inputs)

    def add_tensor(self, shape: Shape, producer: int | None) -> int:
        self.tensors.append(LoweredTensor(len(self.tensors), shape))
        self.producers.append(producer)
        return len(self.tensors) - 1

    def add_op(
        self, kind: Kind, inputs: tuple[int, ...], shape: Shape, index: int, **fields: Any
    ) -> int:
        output = self.add_tensor(shape, len(self.ops))
        self.ops.append(LoweredOp(kind, inputs, output, index, **fields))
        return output

    def sole_producer(self, index: int) -> int | None:
        """Returns the operator before a node, if the node alone reads it and could be fused."""
        source = self.spec.nodes[index].inputs[0]
        tensor = self.values[source]
        producer = self.producers[tensor]
        if producer is None or self.ops[producer].kind not in FUSES_ACTIVATION:
            return None
        while len(self.spec.consumers[source]) == 1:
            source = self.spec.nodes[source].inputs[0]
            if self.values[source] != tensor:
                return producer
        return None


def channels_last(shape: Shape) -> Shape:
    """Returns a spec's shape as the runtime holds it: (height, width, channels) or (features,)."""
    if len(shape) == 1:
        return shape
    return (1, shape[1], shape[0]) if len(shape) == 2 else (shape[1], shape[2], shape[0])


def same_padding(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Returns the zeros (before, after) of TFLite's SAME padding, an odd one after."""
    field = (kernel - 1) * dilation + 1
    total = max((math.ceil(length / stride) - 1) * stride + field - length, 0)
    return (total // 2, total - total // 2)


def _pair(values: Shape) -> tuple[int, int]:
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def _lower_input(state: _Lowering, index: int, op: Any) -> int:
    return state.add_tensor(channels_last(state.spec.shapes[index]), None)


def _lower_conv(state: _Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    kernel, stride, dilation = _pair(op.kernel), _pair(op.stride), _pair(op.dilation)
    pads: Pads = op.pads if len(op.pads) == 2 else ((0, 0), op.pads[0])
    height, width, c_in = state.tensors[source].shape
    same = tuple(
        same_padding(*axis) for axis in zip((height, width), kernel, stride, dilation, strict=True)
    )
    if pads not in (NO_PADS, same):
        (top, bottom), (left, right) = pads
        padded = (height + top + bottom, width + left + right, c_in)
        source = state.add_op("pad", (source,), padded, index, pads=pads)
        pads = NO_PADS
    shape = channels_last(state.spec.shapes[index])
    weights = op.out_channels * (c_in // op.groups) * kernel[0] * kernel[1]
    return state.add_op(
        "depthwise" if op.groups == c_in > 1 else "conv",
        (source,),
        shape,
        index,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        pads=pads,
        groups=op.groups,
        weights=weights,
        biases=op.out_channels,
        macs=weights * shape[0] * shape[1],
    )


def _lower_dense(state: _Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    weights = state.tensors[source].shape[0] * op.out_features
    fields = {"weights": weights, "biases": op.out_features, "macs": weights}
    return state.add_op("dense", (source,), (op.out_features,), index, **fields)


def _lower_batch_norm(state: _Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    (before,) = state.spec.nodes[index].inputs
    layer = isinstance(state.spec.nodes[before].op, FOLDS_BATCH_NORM)
    if layer and state.spec.consumers[before] == (index,):
        return source
    shape = state.tensors[source].shape
    channels = shape[-1]
    fields = {"groups": channels, "weights": channels, "biases": channels}
    return state.add_op("scale", (source,), shape, index, **fields)


def _lower_activation(state: _Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    producer = state.sole_producer(index)
    if producer is None:
        return state.add_op(
            "relu", (source,), state.tensors[source].shape, index, activation=op.function
        )
    fused = state.ops[producer]
    function = "relu6" if fused.activation == "relu6" else op.function
    state.ops[producer] = replace(fused, activation=function)
    return source


def _lower_pool(state: _Lowering, index: int, op: Any) -> int:
    kind: Kind = "max_pool" if op.kind == "max" else "average_pool"
    shape = channels_last(state.spec.shapes[index])
    fields = {"kernel": _pair(op.kernel), "stride": _pair(op.stride)}
    return state.add_op(kind, state.input_tensors(index), shape, index, **fields)


def _lower_global_average(state: _Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    height, width, channels = state.tensors[source].shape
    return state.add_op("average_pool", (source,), (channels,), index, kernel=(height, width))


def _lower_last_step(state: _Lowering, index: int, op: Any) -> int:
    return state.add_op(
        "strided_slice", state.input_tensors(index), state.spec.shapes[index], index
    )


def _lower_flatten(state: _Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    if len(state.tensors[source].shape) == 1:
        return source
    return state.add_op("reshape", (source,), state.spec.shapes[index], index)


def _lower_add(state: _Lowering, index: int, op: Any) -> int:
    inputs = state.input_tensors(index)
    return state.add_op("add", inputs, state.tensors[inputs[0]].shape, index)


LOWERINGS: dict[type[Op], Callable[[_Lowering, int, Any], int]] = {
    Input: _lower_input,
    Conv: _lower_conv,
    Dense: _lower_dense,
    BatchNorm: _lower_batch_norm,
    Activation: _lower_activation,
    Pool: _lower_pool,
    GlobalAveragePool: _lower_global_average,
    LastStep: _lower_last_step,
    Flatten: _lower_flatten,
    Add: _lower_add,
}
"""How each operator of a spec is lowered; returns the tensor that holds its value."""
