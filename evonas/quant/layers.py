"""How operators are put into int8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import LoweredOp
from evonas.arch.ops import Shape
from evonas.quant.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    Array,
    Int8s,
    activation_range,
    quantize_multipliers,
)
from evonas.quant.calibrate import WEIGHT_MAX, Range, affine, channel_scales
from evonas.quant.floating import Parameters
from evonas.quant.network import Floats, Quantization, QuantizedOp

ADD_SHIFT = 20
"""Bits by which TFLite's int8 addition moves both inputs to the left before it scales them."""


@dataclass(frozen=True, eq=False)
class Step:
    """One operator with what is known when it is quantised.

    Attributes:
        op: The operator.
        parameters: Its float arrays.
        shape: Of its output.
        inputs: What it reads on the calibration samples, float.
        sources: Quantisations of its inputs.
        span: Range that its output should cover.
    """

    op: LoweredOp
    parameters: Parameters
    shape: Shape
    inputs: tuple[Floats, ...]
    sources: tuple[Quantization, ...]
    span: Range


def integer_weights(weights: Array, scales: npt.ArrayLike) -> Int8s:
    """Returns round(weights / scales) within +-127; scales broadcast against weights."""
    q = np.rint(weights.astype(np.float64) / np.asarray(scales, np.float64))
    return np.clip(q, -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)


def _product_scales(step: Step, scales: Floats) -> Array:
    """Returns input scale times weight scales in float64, as TFLite computes them.

    Of a dense layer they are multiplied in float32 (GetQuantizedConvolutionMultipler in
    kernels/kernel_util.cc), of a convolution in float64.
    """
    source = np.float32(step.sources[0].scale)
    if step.op.kind == "dense":
        return (source * scales).astype(np.float64)
    return np.float64(source) * scales.astype(np.float64)


def _finish(
    step: Step, weights: Int8s, scales: Floats, axis: int
) -> tuple[QuantizedOp, Quantization]:
    """Returns a layer with weights, once they are integers.

    Args:
        step: The layer.
        weights: Its integers.
        scales: Theirs.
        axis: Axis of the output channels.
    """
    products = _product_scales(step, scales)
    limit = np.float64((1 << 31) - 1)
    biases = np.rint(step.parameters["bias"].astype(np.float64) / products).clip(-limit, limit)
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.int64)
    reach = np.abs(rows).sum(axis=1) * (INT8_MAX - INT8_MIN) + np.abs(biases)
    # So that no accumulator leaves int32 when it is shifted to the left.
    floor = float((reach * products).max() / (1 << 29))
    target = affine(step.span, floor)
    multipliers, shifts = quantize_multipliers(products / target.scale)
    low, high = activation_range(step.op.activation, target.scale, target.zero_point)
    quantized = QuantizedOp(
        step.op,
        step.shape,
        low,
        high,
        weights,
        scales,
        biases.astype(np.int32),
        multipliers,
        shifts,
    )
    return quantized, target


def conv(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns a convolution in int8, and its output's quantisation."""
    weight, bias = step.parameters["weight"], step.parameters["bias"]
    scales = channel_scales(weight, bias, step.sources[0].scale)
    return _finish(step, integer_weights(weight, scales.reshape(-1, 1, 1, 1)), scales, axis=0)


def depthwise(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns a depthwise convolution or a scale in int8, and its output's quantisation."""
    weight, bias = step.parameters["weight"], step.parameters["bias"]
    scales = channel_scales(np.moveaxis(weight, 3, 0), bias, step.sources[0].scale)
    return _finish(step, integer_weights(weight, scales), scales, axis=3)


def dense(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns a dense layer in int8, with one scale of weights, and its output's quantisation."""
    weight, bias = step.parameters["weight"], step.parameters["bias"]
    scales = channel_scales(weight, bias, step.sources[0].scale).max(keepdims=True)
    return _finish(step, integer_weights(weight, scales), scales, axis=0)


def add(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns an addition in int8, and its output's quantisation."""
    first, second = (source.scale for source in step.sources)
    twice = 2 * max(first, second)
    target = affine(step.span, floor=2 * twice / (1 << ADD_SHIFT))
    reals = (first / twice, second / twice, twice / ((1 << ADD_SHIFT) * target.scale))
    multipliers, shifts = quantize_multipliers(reals)
    low, high = activation_range(step.op.activation, target.scale, target.zero_point)
    return QuantizedOp(
        step.op, step.shape, low, high, multipliers=multipliers, shifts=shifts
    ), target


def keep(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns an operator that moves or selects numbers: its output is quantised as its input."""
    (source,) = step.sources
    low, high = activation_range(step.op.activation, source.scale, source.zero_point)
    return QuantizedOp(step.op, step.shape, low, high), source
