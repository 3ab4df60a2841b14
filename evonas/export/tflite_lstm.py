"""How an int8 LSTM stands in a .tflite file: UNIDIRECTIONAL_SEQUENCE_LSTM.

Its 24 inputs, of which layer norm, peepholes and projection are absent, are those of TensorFlow
Lite's operator (tensorflow/lite/kernels/unidirectional_sequence_lstm.cc): the sequence, the input
weights of the gates, their recurrent weights, biases, the hidden and the cell state. Both states
are variable tensors: they outlive an inference until the interpreter is reset.
"""

from __future__ import annotations

import numpy as np

from evonas.export.tflite_model import FileModel, FileOperator
from evonas.quant.lstm import LSTMIntegers
from evonas.quant.network import QuantizedOp
from evonas.quant.tables import INPUT_BITS

CODE, VERSION, OPTIONS = 44, 3, 71
"""BuiltinOperator, its version for int8, and BuiltinOptions."""

TANH = 4
"""ActivationFunctionType of the cell gate; clips of 0, batch-major and the rest are defaults."""

ABSENT = -1
PEEPHOLES, PROJECTION, LAYER_NORM = (ABSENT,) * 3, (ABSENT,) * 2, (ABSENT,) * 4


def write_lstm(model: FileModel, quantized: QuantizedOp) -> FileOperator:
    """Returns the operator.

    Scales of the gates' sums and of the hidden state stand in intermediate tensors, which
    TensorFlow Lite reads and TFLite Micro does not: portable files alone hold them.
    """
    p: LSTMIntegers = quantized.parameters
    (source,), target = quantized.op.inputs, model.tensors[quantized.op.output]
    weights = [
        model.constant(gate, [scale])
        for matrix, scales in (
            (p.input_weights, p.input_scales),
            (p.state_weights, p.state_scales),
        )
        for gate, scale in zip(matrix, scales, strict=True)
    ]
    products = np.float32(model.tensors[source].scales[0]) * p.input_scales
    biases = [
        model.constant(values, [product] if model.portable else ())
        for values, product in zip(p.biases, products, strict=True)
    ]
    shape = (1, p.biases.shape[1])
    states = (
        model.variable(shape, "int8", target.scales[0], target.zero_point),
        model.variable(shape, "int16", 2.0**p.cell_power, 0),
    )
    inputs = (source, *weights, *PEEPHOLES, *biases, *PROJECTION, *states, *LAYER_NORM)
    intermediates: tuple[int, ...] = ()
    if model.portable:
        sums = [model.intermediate("int16", 2.0**-INPUT_BITS, 0) for _ in p.biases]
        hidden = model.intermediate("int8", target.scales[0], target.zero_point)
        intermediates = (*sums, hidden)
    return FileOperator(CODE, VERSION, inputs, OPTIONS, ((0, "i8", TANH),), intermediates)
