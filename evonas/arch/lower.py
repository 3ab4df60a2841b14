"""Lowering: a network as TensorFlow Lite Micro executes it once it is deployed.

Tensors are int8 in the order (height, width, channels); a 1-D signal has height 1. What changes
between a spec and its lowered graph:

- A batch norm is folded into the convolution or dense layer right before it, where nothing else
  reads that layer. Any other, such as one behind a ReLU, stays as a "scale" operator: one factor
  and one offset a channel, executed as a depthwise convolution with one tap.
- A ReLU is fused into the operator before it, where nothing else reads that operator and TFLite
  has a fused activation for it.
- A convolution pads itself only if its zeros are none or exactly those of TFLite's SAME; all others
  (a causal convolution's too) become a PAD operator, whose output is a tensor of the arena. A
  pooling with others has no lowering: zeros are no part of its windows.
- Flatten is a RESHAPE: its output is a tensor of its own, into which TFLite Micro copies. On an
  input that is flat already it is nothing.
- A global average is an average pooling over all positions, the last step a STRIDED_SLICE.
- Every convolution and dense layer has one bias a channel.
- A meta-kernel is the one convolution into which it merges.
- Stacking frames is a copy as RESHAPE is; what is left over of the length is cut off before.
- A recurrent layer other than an LSTM of full rank has no operator in TFLite: only generated C
  executes it. Where the last step alone is read, it writes the last state and no sequence.
- An LSTM is one fused UNIDIRECTIONAL_SEQUENCE_LSTM from the whole sequence to the whole sequence,
  with one bias a gate and unit. It reads and writes three axes, (batch, time, channels), where
  convolutions, poolings and scales take four alone: between them stands a RESHAPE, "axes", whose
  output is a tensor of its own, into which TFLite Micro copies. None is needed where an input or
  stacked frames are read by LSTMs alone, behind an LSTM that an LSTM reads, or before a flattening,
  a last step or a dense layer, which take either.

evonas.arch.graph holds what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from evonas.arch.builder import same_padding
from evonas.arch.cells import recurrent_counts
from evonas.arch.graph import NO_PADS, Kind, LoweredGraph
from evonas.arch.lowering import Lowering
from evonas.arch.ops import (
    LSTM,
    Activation,
    Add,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    Input,
    LastStep,
    MetaKernel,
    Op,
    Pads,
    Pool,
    Recurrent,
    Shape,
    StackFrames,
)
from evonas.arch.spec import ArchSpec
from evonas.errors import UnsupportedOpError

FOLDS_BATCH_NORM = (Conv, Dense)


@lru_cache(maxsize=256)
def lower(spec: ArchSpec) -> LoweredGraph:
    """Returns the graph that TensorFlow Lite Micro executes for a network.

    Raises:
        UnsupportedOpError: The spec holds an operator that has no lowering.
    """
    state = Lowering(spec)
    for index, node in enumerate(spec.nodes):
        handler = LOWERINGS.get(type(node.op))
        if handler is None:
            raise UnsupportedOpError(f"Node {index}: no lowering for {type(node.op).__name__}.")
        state.values.append(handler(state, index, node.op))
    return LoweredGraph(tuple(state.tensors), tuple(state.ops), state.values[-1])


def channels_last(shape: Shape) -> Shape:
    """Returns a spec's shape as the runtime holds it: (height, width, channels) or (features,)."""
    if len(shape) == 1:
        return shape
    return (1, shape[1], shape[0]) if len(shape) == 2 else (shape[1], shape[2], shape[0])


def _pair(values: Shape) -> tuple[int, int]:
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def _pads(pads: Pads) -> Pads:
    return (*NO_PADS[len(pads) :], *pads)


def _same_pads(shape: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Pads:
    axes = zip(shape[:2], kernel, stride, dilation, strict=True)
    return tuple(same_padding(*axis) for axis in axes)


def _lower_input(state: Lowering, index: int, op: Any) -> int:
    shape = channels_last(state.spec.shapes[index])
    return state.add_tensor(shape, None, state.feeds_lstms(index))


def _lower_conv(state: Lowering, index: int, op: Any) -> int:
    source = state.source(index, is_sequence=False)
    kernel, stride, dilation = _pair(op.kernel), _pair(op.stride), _pair(op.dilation)
    pads = _pads(op.pads)
    height, width, c_in = state.tensors[source].shape
    if pads not in (NO_PADS, _same_pads((height, width), kernel, stride, dilation)):
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


def _lower_dense(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    weights = state.tensors[source].shape[0] * op.out_features
    fields = {"weights": weights, "biases": op.out_features, "macs": weights}
    return state.add_op("dense", (source,), (op.out_features,), index, **fields)


def _lower_lstm(state: Lowering, index: int, op: Any) -> int:
    source = state.source(index, is_sequence=True)
    height, steps, c_in = state.tensors[source].shape
    weights = 4 * op.hidden * (c_in + op.hidden)
    fields = {"weights": weights, "biases": 4 * op.hidden, "macs": steps * weights}
    shape = (height, steps, op.hidden)
    return state.add_op("lstm", (source,), shape, index, is_sequence=True, **fields)


def _lower_recurrent(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    height, steps, c_in = state.tensors[source].shape
    counts = recurrent_counts(op.cell, c_in, op.hidden, op.rank_w, op.rank_u)
    shape: Shape = (height, steps, op.hidden)
    readers = state.spec.consumers[index]
    if len(readers) == 1 and isinstance(state.spec.nodes[readers[0]].op, LastStep):
        shape = (op.hidden,)
    fields: dict[str, Any] = {"weights": counts.w_params + counts.u_params, "biases": counts.biases}
    fields |= {"macs": steps * counts.step_macs, "rank_w": op.rank_w, "rank_u": op.rank_u}
    return state.add_op("recurrent", (source,), shape, index, cell=op.cell, **fields)


def _lower_stack(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    height, steps, channels = state.tensors[source].shape
    if steps % op.factor:
        kept = (height, steps - steps % op.factor, channels)
        is_sequence = state.tensors[source].is_sequence
        source = state.add_op("strided_slice", (source,), kept, index, is_sequence)
    shape = channels_last(state.spec.shapes[index])
    return state.add_op(
        "stack",
        (source,),
        shape,
        index,
        state.feeds_lstms(index),
        kernel=(1, op.factor),
        stride=(1, op.factor),
    )


def _lower_batch_norm(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    (before,) = state.spec.nodes[index].inputs
    layer = isinstance(state.spec.nodes[before].op, FOLDS_BATCH_NORM)
    if layer and state.spec.consumers[before] == (index,):
        return source
    source = state.with_axes(source, index, is_sequence=False)
    shape = state.tensors[source].shape
    channels = shape[-1]
    fields: dict[str, Any] = {"groups": channels, "weights": channels, "biases": channels}
    return state.add_op("scale", (source,), shape, index, **fields)


def _lower_activation(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    producer = state.sole_producer(index)
    if producer is None:
        tensor = state.tensors[source]
        fields = {"activation": op.function}
        return state.add_op("relu", (source,), tensor.shape, index, tensor.is_sequence, **fields)
    fused = state.ops[producer]
    function = "relu6" if fused.activation == "relu6" else op.function
    state.ops[producer] = replace(fused, activation=function)
    return source


def _lower_pool(state: Lowering, index: int, op: Any) -> int:
    kind: Kind = "max_pool" if op.kind == "max" else "average_pool"
    shape = channels_last(state.spec.shapes[index])
    kernel, stride, pads = _pair(op.kernel), _pair(op.stride), _pads(op.pads)
    source = state.source(index, is_sequence=False)
    if pads not in (NO_PADS, _same_pads(state.tensors[source].shape, kernel, stride, (1, 1))):
        raise UnsupportedOpError(
            f"Node {index}: TFLite pools with SAME padding or with none, not with {op.pads}."
        )
    return state.add_op(kind, (source,), shape, index, kernel=kernel, stride=stride, pads=pads)


def _lower_global_average(state: Lowering, index: int, op: Any) -> int:
    source = state.source(index, is_sequence=False)
    height, width, channels = state.tensors[source].shape
    return state.add_op("average_pool", (source,), (channels,), index, kernel=(height, width))


def _lower_last_step(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    shape = state.spec.shapes[index]
    if state.tensors[source].shape == shape:  # a recurrent layer's last state
        return source
    is_sequence = state.tensors[source].is_sequence
    return state.add_op("strided_slice", (source,), shape, index, is_sequence)


def _lower_flatten(state: Lowering, index: int, op: Any) -> int:
    (source,) = state.input_tensors(index)
    if len(state.tensors[source].shape) == 1:
        return source
    return state.add_op("reshape", (source,), state.spec.shapes[index], index)


def _lower_add(state: Lowering, index: int, op: Any) -> int:
    inputs = state.input_tensors(index)
    is_sequence = all(state.tensors[i].is_sequence for i in inputs)
    inputs = tuple(state.with_axes(i, index, is_sequence) for i in inputs)
    return state.add_op("add", inputs, state.tensors[inputs[0]].shape, index, is_sequence)


LOWERINGS: dict[type[Op], Callable[[Lowering, int, Any], int]] = {
    Input: _lower_input,
    Conv: _lower_conv,
    MetaKernel: _lower_conv,
    Dense: _lower_dense,
    LSTM: _lower_lstm,
    Recurrent: _lower_recurrent,
    StackFrames: _lower_stack,
    BatchNorm: _lower_batch_norm,
    Activation: _lower_activation,
    Pool: _lower_pool,
    GlobalAveragePool: _lower_global_average,
    LastStep: _lower_last_step,
    Flatten: _lower_flatten,
    Add: _lower_add,
}
"""How each operator of a spec is lowered; returns the tensor that holds its value."""
