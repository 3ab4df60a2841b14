"""The integer kernels: what TensorFlow Lite Micro's int8 kernels compute, bit for bit, in numpy.

Written after its reference kernels (tensorflow/lite/kernels/internal/reference). A kernel takes an
operator, the quantisations of its inputs and its output, and the inputs of a whole batch; the
caller reshapes what it returns. Accumulators are sums of products in floating point wide enough to
hold them exactly, which is many times faster than numpy's integer products.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evonas.errors import UnsupportedOpError
from evonas.quant.arithmetic import INT8_MIN, Array, Int8s, requantize
from evonas.quant.layers import ADD_SHIFT
from evonas.quant.network import Quantization, QuantizedOp
from evonas.quant.windows import columns, inside_counts, padded, taps

T = TypeVar("T")
Sources = tuple[Quantization, ...]


def scaled_output(quantized: QuantizedOp, target: Quantization, accumulators: Array) -> Int8s:
    """Returns accumulators scaled, shifted to the zero point and clamped."""
    y = requantize(accumulators, given(quantized.multipliers), given(quantized.shifts))
    y += target.zero_point
    return np.clip(y, quantized.low, quantized.high, out=y).astype(np.int8)


def given(value: T | None) -> T:
    """Returns a value that an operator with weights has."""
    if value is None:
        raise UnsupportedOpError("An operator with weights came without their integers.")
    return value


def conv(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns a convolution, of groups of channels too."""
    op, weights = quantized.op, given(quantized.weights)
    kernels = weights.reshape(len(weights), -1).astype(np.float64)
    # float32 holds integers to 2^24.
    wide = np.abs(kernels).sum(axis=1).max() * 255 >= 1 << 24
    number = np.dtype(np.float64 if wide else np.float32)
    centred = padded((x.astype(np.int16) - sources[0].zero_point).astype(number), op)
    parts = [
        columns(inputs, op) @ rows.T.astype(number)
        for inputs, rows in zip(
            np.split(centred, op.groups, axis=3), np.split(kernels, op.groups), strict=True
        )
    ]
    accumulators = np.concatenate(parts, axis=3).astype(np.int64) + given(quantized.biases)
    return scaled_output(quantized, target, accumulators)


def depthwise(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns a depthwise convolution."""
    weights = given(quantized.weights).astype(np.int32)
    kernels = weights.reshape(-1, weights.shape[3])
    centred = x.astype(np.int32) - sources[0].zero_point
    centred = padded(np.repeat(centred, weights.shape[3] // x.shape[3], axis=3), quantized.op)
    views = taps(centred, quantized.op)
    total = sum(view * kernel for view, kernel in zip(views, kernels, strict=True))
    return scaled_output(
        quantized, target, np.asarray(total).astype(np.int64) + given(quantized.biases)
    )


def scale(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns a depthwise convolution with one tap, of flat tensors too."""
    centred = x.astype(np.int64) - sources[0].zero_point
    accumulators = centred * given(quantized.weights).reshape(-1) + given(quantized.biases)
    return scaled_output(quantized, target, accumulators)


def dense(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns a fully connected layer."""
    centred = x.astype(np.float64) - sources[0].zero_point
    accumulators = (centred @ given(quantized.weights).T.astype(np.float64)).astype(np.int64)
    return scaled_output(quantized, target, accumulators + given(quantized.biases))


def add(
    quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s, y: Int8s
) -> Int8s:
    """Returns the sum, both inputs scaled first."""
    multipliers, shifts = given(quantized.multipliers), given(quantized.shifts)
    total: npt.NDArray[np.int64] = np.zeros(x.shape, np.int64)
    for part, source, multiplier, shift in zip(
        (x, y), sources, multipliers[:2], shifts[:2], strict=True
    ):
        shifted = (part.astype(np.int64) - source.zero_point) << ADD_SHIFT
        total += requantize(shifted, multiplier, shift)
    result = requantize(total, multipliers[2], shifts[2]) + target.zero_point
    return np.clip(result, quantized.low, quantized.high).astype(np.int8)


def average_pool(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns the mean of the positions of each window that lie inside."""
    op = quantized.op
    total = np.asarray(sum(taps(padded(x.astype(np.int32), op), op)))
    counts = inside_counts(x.shape[1:], op)
    # Halves go away from zero.
    rounded = np.sign(total) * ((np.abs(total) + counts // 2) // counts)
    return np.asarray(np.clip(rounded, quantized.low, quantized.high), np.int8)


def max_pool(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns the largest of each window."""
    op = quantized.op
    largest: Int8s = np.maximum.reduce(taps(padded(x, op, INT8_MIN), op))
    return largest.clip(quantized.low, quantized.high)


def pad(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns the input with zeros around it."""
    return padded(x, quantized.op, target.zero_point)


def relu(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns the input, clamped."""
    return x.clip(quantized.low, quantized.high)


def reshape(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    """Returns the input; the caller gives it its shape."""
    return x


def last_positions(
    quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s
) -> Int8s:
    """Returns as many positions, from the end, as the output holds."""
    return x[:, :, -(math.prod(quantized.shape) // x.shape[3]) :]
