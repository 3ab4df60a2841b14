"""How each kind of operator stands in a .tflite file.

Numbers of operators, of their option tables and of the slots in these are those of TensorFlow
Lite's schema, version 3 (tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from evonas.arch.graph import NO_PADS, LoweredOp
from evonas.errors import UnsupportedOpError
from evonas.export.flatbuffer import Field
from evonas.export.tflite_lstm import write_lstm
from evonas.export.tflite_model import FileModel, FileOperator
from evonas.quant.network import QuantizedOp

SAME, VALID = 0, 1
ACTIVATIONS = {None: 0, "relu": 1, "relu6": 3}


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


def _parameters(model: FileModel, quantized: QuantizedOp, axis: int) -> tuple[int, int]:
    """Returns the tensors of a layer's weights and biases.

    The biases' scales are those of the input times those of the weights. TFLite Micro reads them of
    dense layers alone, to check them.
    """
    weights, scales, biases = quantized.weights, quantized.weight_scales, quantized.biases
    if weights is None or scales is None or biases is None:
        raise UnsupportedOpError(f"{quantized.op.kind} came without weights.")
    has_scales = model.portable or quantized.op.kind == "dense"
    products = np.float32(model.tensors[quantized.op.inputs[0]].scales[0]) * scales
    return (
        model.constant(weights, scales, axis),
        model.constant(biases, products if has_scales else ()),
    )


def _conv(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    activation = _nonzero((3, "i8", ACTIVATIONS[op.activation]))
    fields = (*_window(op), *activation, *_dilation(op, 4))
    return FileOperator(3, 3, (*op.inputs, *_parameters(model, quantized, 0)), 1, fields)


def _depthwise(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    multiplier = op.biases // model.shape(op.inputs[0])[-1]
    activation = _nonzero((4, "i8", ACTIVATIONS[op.activation]))
    fields = (*_window(op), (3, "i32", multiplier), *activation, *_dilation(op, 5))
    return FileOperator(4, 3, (*op.inputs, *_parameters(model, quantized, 3)), 2, fields)


def _dense(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    keeps_axes = len(model.shape(op.output)) > 2
    fields = _nonzero((0, "i8", ACTIVATIONS[op.activation]), (2, "bool", keeps_axes))
    return FileOperator(9, 4, (*op.inputs, *_parameters(model, quantized, 0)), 8, fields)


def _add(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    activation = _nonzero((0, "i8", ACTIVATIONS[quantized.op.activation]))
    return FileOperator(0, 2, quantized.op.inputs, 11, activation)


def _pool(code: int) -> Callable[[FileModel, QuantizedOp], FileOperator]:
    def write(model: FileModel, quantized: QuantizedOp) -> FileOperator:
        op = quantized.op
        fields = (
            *_window(op),
            (3, "i32", op.kernel[1]),
            (4, "i32", op.kernel[0]),
            *_nonzero((5, "i8", ACTIVATIONS[op.activation])),
        )
        return FileOperator(code, 2, op.inputs, 5, fields)

    return write


def _pad(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    op = quantized.op
    pads = model.constant(np.array([(0, 0), *op.pads, (0, 0)], np.int32))
    return FileOperator(34, 2, (*op.inputs, pads), 22)


def _relu(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    return FileOperator(21 if quantized.op.activation == "relu6" else 19, 2, quantized.op.inputs)


def _reshape(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    shape = model.shape(quantized.op.output)
    return FileOperator(22, 1, quantized.op.inputs, 17, ((0, "shape", shape),))


def _softmax(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    return FileOperator(25, 2, quantized.op.inputs, 9, ((0, "f32", 1.0),))


def _last_positions(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    shape = model.shape(quantized.op.inputs[0])  # (..., time, channels)
    kept = math.prod(quantized.shape) // shape[-1]
    first = np.zeros(len(shape), np.int32)
    first[-2] = shape[-2] - kept
    parts = (first, np.array(shape, np.int32), np.ones(len(shape), np.int32))  # begin, end, strides
    inputs = (*quantized.op.inputs, *(model.constant(part) for part in parts))
    return FileOperator(45, 2, inputs, 32)


OPERATORS: dict[str, Callable[[FileModel, QuantizedOp], FileOperator]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "lstm": write_lstm,
    "scale": _depthwise,
    "add": _add,
    "average_pool": _pool(1),
    "max_pool": _pool(17),
    "pad": _pad,
    "relu": _relu,
    "reshape": _reshape,
    "axes": _reshape,
    "softmax": _softmax,
    "stack": _reshape,
    "strided_slice": _last_positions,
}
"""Kind of operator -> how it is written."""
