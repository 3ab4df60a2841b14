"""The integer reference: what TensorFlow Lite Micro's int8 kernels compute, bit for bit, in numpy.

Written after its reference kernels (tensorflow/lite/kernels/internal/reference). Whole batches run
at once. Accumulators are sums of products in floating point wide enough to hold them exactly, which
is many times faster than numpy's integer products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evonas.errors import UnsupportedOpError
from evonas.quant.arithmetic import INT8_MIN, Array, Int8s, requantize
from evonas.quant.layers import ADD_SHIFT
from evonas.quant.network import Quantization, QuantizedNetwork, QuantizedOp
from evonas.quant.windows import columns, inside_counts, padded, taps

CHUNK_BYTES = 1 << 27
"""Samples run in chunks whose largest intermediate array stays below this."""

T = TypeVar("T")
Sources = tuple[Quantization, ...]


def run(network: QuantizedNetwork, q: Int8s) -> Int8s:
    """Returns the int8 outputs (n, num_outputs) of int8 inputs.

    Args:
        network: The network.
        q: (n, height, width, channels) or (n, features).

    Raises:
        ValueError: q has another shape or type.
        UnsupportedOpError: The reference lacks a kind of operator.
    """
    shape = network.graph.tensors[0].shape
    if q.shape[1:] != shape or q.dtype != np.int8:
        raise ValueError(f"Expected int8 of shape (n, *{shape}), got {q.dtype} of {q.shape}.")
    size = max(1, CHUNK_BYTES // _sample_bytes(network))
    parts = [_run(network, q[start : start + size]) for start in range(0, len(q), size)]
    n_outputs = network.graph.tensors[network.graph.output].n_bytes
    return np.concatenate(parts) if parts else np.zeros((0, n_outputs), np.int8)


def _sample_bytes(network: QuantizedNetwork) -> int:
    graph = network.graph
    return 8 * max(
        op.kernel[0] * op.kernel[1] * graph.tensors[op.inputs[0]].n_bytes for op in graph.ops
    )


def _run(network: QuantizedNetwork, q: Int8s) -> Int8s:
    graph = network.graph
    last = {i: step for step, op in enumerate(graph.ops) for i in op.inputs}
    values = {0: q}
    for step, (op, quantized) in enumerate(zip(graph.ops, network.ops, strict=True)):
        if op.kind not in INTEGER_KERNELS:
            raise UnsupportedOpError(f"Node {op.node}: no integer reference of {op.kind!r}.")
        sources = tuple(network.tensors[i] for i in op.inputs)
        inputs = tuple(values[i] for i in op.inputs)
        target = network.tensors[op.output]
        y = INTEGER_KERNELS[op.kind](quantized, sources, target, *inputs)
        values[op.output] = y.reshape(len(q), *graph.tensors[op.output].shape)
        for i in set(op.inputs):
            if last[i] == step:
                del values[i]
    return values[graph.output].reshape(len(q), -1)


def _output(quantized: QuantizedOp, target: Quantization, accumulators: Array) -> Int8s:
    """Returns accumulators scaled, shifted to the zero point and clamped."""
    y = requantize(accumulators, _of(quantized.multipliers), _of(quantized.shifts))
    y += target.zero_point
    return np.clip(y, quantized.low, quantized.high, out=y).astype(np.int8)


def _of(value: T | None) -> T:
    if value is None:
        raise UnsupportedOpError("An operator with weights came without their integers.")
    return value


def _conv(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    op, weights = quantized.op, _of(quantized.weights)
    kernels = weights.reshape(len(weights), -1).astype(np.float64)
    # float32 holds integers to 2^24.
    wide = np.abs(kernels).sum(axis=1).max() * 255 >= 1 << 24
    number = np.float64 if wide else np.float32
    centred = padded(x.astype(number) - number(sources[0].zero_point), op)
    parts = [
        columns(inputs, op) @ rows.T.astype(number)
        for inputs, rows in zip(
            np.split(centred, op.groups, axis=3), np.split(kernels, op.groups), strict=True
        )
    ]
    accumulators = np.concatenate(parts, axis=3).astype(np.int64) + _of(quantized.biases)
    return _output(quantized, target, accumulators)


def _depthwise(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    weights = _of(quantized.weights).astype(np.int32)
    kernels = weights.reshape(-1, weights.shape[3])
    centred = x.astype(np.int32) - sources[0].zero_point
    centred = padded(np.repeat(centred, weights.shape[3] // x.shape[3], axis=3), quantized.op)
    views = taps(centred, quantized.op)
    total = sum(view * kernel for view, kernel in zip(views, kernels, strict=True))
    return _output(quantized, target, np.asarray(total).astype(np.int64) + _of(quantized.biases))


def _scale(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    centred = x.astype(np.int64) - sources[0].zero_point
    accumulators = centred * _of(quantized.weights).reshape(-1) + _of(quantized.biases)
    return _output(quantized, target, accumulators)


def _dense(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    centred = x.astype(np.float64) - sources[0].zero_point
    accumulators = (centred @ _of(quantized.weights).T.astype(np.float64)).astype(np.int64)
    return _output(quantized, target, accumulators + _of(quantized.biases))


def _add(
    quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s, y: Int8s
) -> Int8s:
    multipliers, shifts = _of(quantized.multipliers), _of(quantized.shifts)
    total: npt.NDArray[np.int64] = np.zeros(x.shape, np.int64)
    for part, source, multiplier, shift in zip(
        (x, y), sources, multipliers[:2], shifts[:2], strict=True
    ):
        shifted = (part.astype(np.int64) - source.zero_point) << ADD_SHIFT
        total += requantize(shifted, multiplier, shift)
    result = requantize(total, multipliers[2], shifts[2]) + target.zero_point
    return np.clip(result, quantized.low, quantized.high).astype(np.int8)


def _average_pool(
    quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s
) -> Int8s:
    op = quantized.op
    total = np.asarray(sum(taps(padded(x.astype(np.int32), op), op)))
    counts = inside_counts(x.shape[1:], op)
    # Halves go away from zero.
    rounded = np.sign(total) * ((np.abs(total) + counts // 2) // counts)
    return np.clip(rounded, quantized.low, quantized.high).astype(np.int8)


def _max_pool(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    op = quantized.op
    largest = np.maximum.reduce(taps(padded(x, op, INT8_MIN), op))
    return np.clip(largest, quantized.low, quantized.high)


def _pad(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    return padded(x, quantized.op, target.zero_point)


def _relu(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    return np.clip(x, quantized.low, quantized.high)


def _reshape(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    return x


def _last_step(quantized: QuantizedOp, sources: Sources, target: Quantization, x: Int8s) -> Int8s:
    return x[:, 0, -1]


INTEGER_KERNELS: dict[str, Callable[..., Int8s]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "scale": _scale,
    "add": _add,
    "average_pool": _average_pool,
    "max_pool": _max_pool,
    "pad": _pad,
    "relu": _relu,
    "reshape": _reshape,
    "strided_slice": _last_step,
}
"""Kind of operator -> its int8 output, from its integers, the quantisations of inputs and output,
and the inputs."""
