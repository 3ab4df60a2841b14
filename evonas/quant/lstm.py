"""The fused int8 LSTM of TensorFlow Lite Micro: its integers, and what it computes, bit for bit.

Written after tensorflow/lite/micro/kernels/lstm_eval.h and lstm_eval_common.cc
<https://github.com/tensorflow/tflite-micro>. Input, output and hidden state are int8, the cell
state is int16 with a scale that is a power of two. Gates in the order input i, forget f, cell g and
output o, that of torch.nn.LSTM and of the operator's tensors alike. With clip16, clip8, sigma and
tau as in evonas.quant.recurrent_run, zx and zh the zero points of input and output, a position is

    W x     clip16(requantize(sum of w * (x - zx) + bias)) of each gate, in units of 2^-12
    U h     clip16(requantize(sum of u * (h - zh))) of each gate, in units of 2^-12
    i, f, o = sigma(clip16(W x + U h)), g = tau(clip16(W x + U h))
    c       = clip16(clip16(requantize(f * c) by 2^-15) + clip16(requantize(i * g)))
    h       = clip8(requantize(o * tau(c)) + zh)

each requantize with multiplier and shift of its own. h begins as zh, c as 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import LoweredOp
from evonas.arch.ops import Shape
from evonas.errors import SpecError
from evonas.proxy.weights import Weights
from evonas.quant.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    Array,
    Int8s,
    Int32s,
    quantize_multiplier,
    quantize_multipliers,
    requantize,
)
from evonas.quant.calibrate import affine, channel_scales
from evonas.quant.floating import Parameters
from evonas.quant.layers import Step, integer_weights
from evonas.quant.layouts import Order
from evonas.quant.network import Floats, Quantization, QuantizedOp
from evonas.quant.tables import (
    INPUT_BITS,
    OUTPUT_BITS,
    Int64s,
    clip_int16,
    power_of_two,
    sigmoid,
    tanh,
)

CELL_POWERS = (-15, -9)
"""Smallest and largest power of two that the cell state's scale may be: 9 bits lie behind its point
in TFLite's own check, and 15 cover -1 .. 1."""

LARGEST_SUM = 1 << 17
"""A gate's sum beyond this could leave int32 when it is shifted to units of 2^-12."""


BLOCK = 256
"""Samples that run at a time: their gates stay in a core's cache, which halves the time."""


@dataclass(frozen=True, eq=False)
class LSTMIntegers:
    """What an int8 LSTM holds; the first axis of every array is the gate: i, f, g, o.

    Attributes:
        input_weights: (4, hidden, channels).
        state_weights: (4, hidden, hidden).
        biases: (4, hidden), in units of the input's scale times the input weights'.
        input_scales: Of the input weights, (4,).
        state_scales: Of the state weights, (4,).
        input_multipliers: From sums over the input to units of 2^-12, (4,).
        input_shifts: Likewise.
        state_multipliers: From sums over the hidden state to units of 2^-12, (4,).
        state_shifts: Likewise.
        cell_power: The cell state's scale is 2^cell_power.
        cell_multiplier: From input gate times cell gate to the cell state.
        cell_shift: Likewise.
        output_multiplier: From output gate times tanh to the output.
        output_shift: Likewise.
    """

    input_weights: Int8s
    state_weights: Int8s
    biases: Int32s
    input_scales: Floats
    state_scales: Floats
    input_multipliers: Int32s
    input_shifts: Int32s
    state_multipliers: Int32s
    state_shifts: Int32s
    cell_power: int
    cell_multiplier: int
    cell_shift: int
    output_multiplier: int
    output_shift: int


def float_lstm(parameters: Parameters, x: Array) -> tuple[Array, Array]:
    """Returns the hidden and the cell states of an LSTM in floating point, (n, steps, hidden) each.

    Args:
        parameters: weight_ih, weight_hh and bias, as evonas.proxy.weights deploys them.
        x: (n, steps, channels).
    """
    kernel, matrix = parameters["weight_ih"], parameters["weight_hh"]
    sums = x @ kernel.T + parameters["bias"]
    hidden = np.zeros((len(x), matrix.shape[1]), x.dtype)
    cell = np.zeros_like(hidden)
    hiddens, cells = [], []
    for step in range(x.shape[1]):
        i, f, g, o = np.split(sums[:, step] + hidden @ matrix.T, 4, axis=1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        hidden = _sigmoid(o) * np.tanh(cell)
        hiddens.append(hidden)
        cells.append(cell)
    return np.stack(hiddens, axis=1), np.stack(cells, axis=1)


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def layout(parts: Weights, order: Order) -> Parameters:
    """Returns the arrays as they are; the input is a sequence and has one order alone."""
    return parts


def evaluate(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the whole sequence of hidden states in floating point, (n, steps, hidden)."""
    return float_lstm(parameters, x[:, 0])[0]


def quantize(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns an LSTM's integers and the quantisation of its output.

    The cell state's scale is the smallest power of two that covers its values on the calibration
    samples.

    Raises:
        SpecError: Weights are so large that a gate's sum could leave 32 bits.
    """
    source, target = step.sources[0], affine(step.span)
    _, cells = float_lstm(step.parameters, step.inputs[0][:, 0])
    power = power_of_two(float(np.abs(cells).max()), *CELL_POWERS)
    kernels, matrices, biases = (
        np.stack(np.split(step.parameters[name], 4)) for name in ("weight_ih", "weight_hh", "bias")
    )
    input_scales = channel_scales(kernels, np.abs(biases).max(axis=1), source.scale)
    state_scales = channel_scales(matrices, np.zeros(4), target.scale)
    # TFLite multiplies both scales in float32 (GetQuantizedConvolutionMultipler).
    input_products = (np.float32(source.scale) * input_scales).astype(np.float64)
    state_products = (np.float32(target.scale) * state_scales).astype(np.float64)
    integers = LSTMIntegers(
        integer_weights(kernels, input_scales.reshape(4, 1, 1)),
        integer_weights(matrices, state_scales.reshape(4, 1, 1)),
        np.rint(biases.astype(np.float64) / input_products[:, None]).astype(np.int32),
        input_scales,
        state_scales,
        *quantize_multipliers(input_products * (1 << INPUT_BITS)),
        *quantize_multipliers(state_products * (1 << INPUT_BITS)),
        power,
        *quantize_multiplier(2.0 ** (-2 * OUTPUT_BITS - power)),
        *quantize_multiplier(2.0 ** (-2 * OUTPUT_BITS) / target.scale),
    )
    _check_sums(step.op, integers, input_products, state_products)
    return QuantizedOp(step.op, step.shape, parameters=integers), target


def _check_sums(
    op: LoweredOp, integers: LSTMIntegers, input_products: Array, state_products: Array
) -> None:
    reach = INT8_MAX - INT8_MIN
    inputs = np.abs(integers.input_weights.astype(np.int64)).sum(axis=2) * reach
    inputs += np.abs(integers.biases.astype(np.int64))
    states = np.abs(integers.state_weights.astype(np.int64)).sum(axis=2) * reach
    largest = max(
        float((inputs * input_products[:, None]).max()),
        float((states * state_products[:, None]).max()),
    )
    if largest >= LARGEST_SUM:
        raise SpecError(
            f"Node {op.node}: the sums of the LSTM's gates could reach {largest:.3g}, and its int8 "
            f"kernel holds less than {LARGEST_SUM}; train the network again, with weight decay."
        )


def run(
    quantized: QuantizedOp, sources: tuple[Quantization, ...], target: Quantization, x: Int8s
) -> Int8s:
    """Returns the whole sequence of int8 hidden states, (n, steps, hidden).

    Args:
        quantized: The LSTM.
        sources: Quantisation of its input.
        target: Quantisation of its output and hidden state.
        x: (n, 1, steps, channels).
    """
    p: LSTMIntegers = quantized.parameters
    blocks = (x[start : start + BLOCK, 0] for start in range(0, len(x), BLOCK))
    return np.concatenate([_run(p, sources[0], target, block) for block in blocks])


def _run(p: LSTMIntegers, source: Quantization, target: Quantization, x: Int8s) -> Int8s:
    hidden = p.biases.shape[1]
    inputs = _input_sums(p, x, source.zero_point)
    matrix = p.state_weights.reshape(4 * hidden, hidden).T.astype(np.float64)
    multipliers, shifts = (np.repeat(a, hidden) for a in (p.state_multipliers, p.state_shifts))
    h: Int64s = np.zeros((len(x), hidden), np.int64)  # less the zero point
    cell: Int64s = np.zeros((len(x), hidden), np.int64)
    outputs: npt.NDArray[np.int8] = np.empty((len(x), inputs.shape[1], hidden), np.int8)
    for step in range(inputs.shape[1]):
        accumulators = (h.astype(np.float64) @ matrix).astype(np.int64)
        states = clip_int16(requantize(accumulators, multipliers, shifts))
        i, f, g, o = np.split(clip_int16(inputs[:, step] + states), 4, axis=1)
        kept = clip_int16(requantize(sigmoid(f) * cell, 1 << 30, -14))
        new = requantize(sigmoid(i) * tanh(g), p.cell_multiplier, p.cell_shift)
        cell = clip_int16(kept + clip_int16(new))
        product = sigmoid(o) * tanh(cell, p.cell_power)
        y = requantize(product, p.output_multiplier, p.output_shift) + target.zero_point
        outputs[:, step] = np.clip(y, INT8_MIN, INT8_MAX)
        h = outputs[:, step].astype(np.int64) - target.zero_point
    return outputs


def _input_sums(p: LSTMIntegers, x: Int8s, zero_point: int) -> Int64s:
    """Returns the part of the gates' sums that the input makes, (n, steps, 4 * hidden)."""
    gates, hidden, channels = p.input_weights.shape
    kernel = p.input_weights.reshape(gates * hidden, channels).T.astype(np.float64)
    accumulators = ((x.astype(np.float64) - zero_point) @ kernel).astype(np.int64)
    accumulators += p.biases.reshape(-1)
    multipliers, shifts = (np.repeat(a, hidden) for a in (p.input_multipliers, p.input_shifts))
    return clip_int16(requantize(accumulators, multipliers, shifts))
