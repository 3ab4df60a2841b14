"""How each kind of operator stands in a .tflite file.

Numbers of operators, option tables and slots are those of TensorFlow Lite's schema, version 3
(tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import NO_PADS, LoweredOp
from evonas.arch.ops import Shape
from evonas.errors import UnsupportedOpError
from evonas.export.flatbuffer import Field
from evonas.quant.arithmetic import Array
from evonas.quant.network import QuantizedOp

SAME, VALID = 0, 1
ACTIVATIONS = {None: 0, "relu": 1, "relu6": 3}


@dataclass(frozen=True)
class FileOperator:
    """One operator as the schema has it.

    Attributes:
        code: BuiltinOperator.
        version: Of the operator, the first that takes int8.
        inputs: Tensors of the file that it reads; -1 for an optional one that is absent.
        options: Kind of its option table (BuiltinOptions); 0 for none.
        fields: Of the option table.
        intermediates: Tensors that hold scales of its inner results.
    """

    code: int
    version: int
    inputs: tuple[int, ...]
    options: int = 0
    fields: tuple[Field, ...] = ()
    intermediates: tuple[int, ...] = ()


class TensorTable(Protocol):
    """What an operator needs of the file that is being written."""

    def shape(self, tensor: int) -> Shape:
        """Returns the shape of an activation, (1, height, width, channels)."""

    def constant(
        self,
        values: Array,
        scales: npt.ArrayLike = (),
        axis: int = 0,
        zero_point: int = 0,
    ) -> int:
        """Returns the index of a tensor that the file holds: int8, int16 or int32.

        Args:
            values: Its numbers.
            scales: One or one for each channel; empty for a tensor that is not quantised.
            axis: Axis of the channels.
            zero_point: Of all channels.
        """

    def variable(self, shape: Shape, dtype: str, scale: float, zero_point: int) -> int:
        """Returns the index of a tensor that keeps its value between inferences."""

    def intermediate(self, scale: float, zero_point: int) -> int:
        """Returns the index of a tensor without data, which only carries a quantisation."""


def _nonzero(*fields: Field) -> tuple[Field, ...]:
    """Returns the fields whose values are not the schema's default of 0."""
    return tuple(field for field in fields if field[2])


def _window(op: LoweredOp) -> tuple[Field, ...]:
    return (
        *_nonzero((0, "i8", SAME if op.pads != NO_PADS else VALID)),
        (1, "i32", op.stride[1]),
        (2, "i32", op.stride[0]),
    )


def _dilation(op: LoweredOp, slot: int) -> tuple[Field, ...]:
    factors = ((slot, "i32", op.dilation[1]), (slot + 1, "i32", op.dilation[0]))
    return tuple(field for field in factors if field[2] != 1)


def _parameters(tensors: TensorTable, quantized: QuantizedOp, axis: int) -> tuple[int, int]:
    """Returns the tensors of a layer's weights and biases."""
    weights, scales, biases = quantized.weights, quantized.weight_scales, quantized.biases
    if weights is None or scales is None or biases is None:
        raise UnsupportedOpError(f"{quantized.op.kind} came without weights.")
    return tensors.constant(weights, scales, axis), tensors.constant(biases)


def _conv(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    activation = _nonzero((3, "i8", ACTIVATIONS[op.activation]))
    fields = (*_window(op), *activation, *_dilation(op, 4))
    return FileOperator(3, 3, (*op.inputs, *_parameters(tensors, quantized, 0)), 1, fields)


def _depthwise(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    multiplier = op.biases // tensors.shape(op.inputs[0])[-1]
    activation = _nonzero((4, "i8", ACTIVATIONS[op.activation]))
    fields = (*_window(op), (3, "i32", multiplier), *activation, *_dilation(op, 5))
    return FileOperator(4, 3, (*op.inputs, *_parameters(tensors, quantized, 3)), 2, fields)


def _dense(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    keeps_axes = len(tensors.shape(op.output)) > 2
    fields = _nonzero((0, "i8", ACTIVATIONS[op.activation]), (2, "bool", keeps_axes))
    return FileOperator(9, 4, (*op.inputs, *_parameters(tensors, quantized, 0)), 8, fields)


def _add(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    activation = _nonzero((0, "i8", ACTIVATIONS[quantized.op.activation]))
    return FileOperator(0, 2, quantized.op.inputs, 11, activation)


def _pool(code: int) -> Callable[[TensorTable, QuantizedOp], FileOperator]:
    def write(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
        op = quantized.op
        fields = (
            *_window(op),
            (3, "i32", op.kernel[1]),
            (4, "i32", op.kernel[0]),
            *_nonzero((5, "i8", ACTIVATIONS[op.activation])),
        )
        return FileOperator(code, 2, op.inputs, 5, fields)

    return write


def _pad(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    pads = tensors.constant(np.array([(0, 0), *op.pads, (0, 0)], np.int32))
    return FileOperator(34, 2, (*op.inputs, pads), 22)


def _relu(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    return FileOperator(21 if quantized.op.activation == "relu6" else 19, 2, quantized.op.inputs)


def _reshape(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    shape = tensors.constant(np.array(tensors.shape(quantized.op.output), np.int32))
    return FileOperator(22, 1, (*quantized.op.inputs, shape), 17)


def _last_step(tensors: TensorTable, quantized: QuantizedOp) -> FileOperator:
    shape = tensors.shape(quantized.op.inputs[0])
    last = np.array((0, 0, shape[2] - 1, 0), np.int32)
    parts = (last, np.array(shape, np.int32), np.ones(4, np.int32))  # begin, end, strides
    inputs = (*quantized.op.inputs, *(tensors.constant(part) for part in parts))
    return FileOperator(45, 2, inputs, 32)


OPERATORS: dict[str, Callable[[TensorTable, QuantizedOp], FileOperator]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "scale": _depthwise,
    "add": _add,
    "average_pool": _pool(1),
    "max_pool": _pool(17),
    "pad": _pad,
    "relu": _relu,
    "reshape": _reshape,
    "strided_slice": _last_step,
}
"""Kind of operator -> how it is written."""
