"""TensorFlow Lite Micro's int8 softmax, bit for bit.

Written after reference_ops::Softmax (tensorflow/lite/kernels/internal/reference/softmax.h) and the
fixed-point functions of gemmlowp <https://github.com/google/gemmlowp> (fixedpoint.h). A number with
i integer bits is an int32 in units of 2^(i - 31). The output is in units of 1 / 256 from -128.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.ops import Shape
from evonas.errors import SpecError
from evonas.quant.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    Array,
    Int8s,
    quantize_multiplier,
    requantize,
)
from evonas.quant.floating import Parameters
from evonas.quant.layers import Step
from evonas.quant.network import Quantization, QuantizedNetwork, QuantizedOp

OUTPUT = Quantization(1 / 256, -128)
DIFFERENCE_BITS = 5
"""Integer bits of the differences to the largest input; e^-32 is below any int8 share."""

SUM_BITS = 12
ONE = (1 << 31) - 1
QUARTER = 1 << 24
EXP_MINUS_EIGHTH = 1895147668
THIRD = 715827883
EXP_STEPS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""e^-(2^k) for k = -2 .. 4, in units of 2^-31."""

RECIPROCAL_START = (1515870810, -1010580540)
"""48 / 17 and -32 / 17 with two integer bits: Newton's first guess of 1 / d for d in 0.5 .. 1."""

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SoftmaxIntegers:
    """What softmax knows of its input's scale.

    Attributes:
        multiplier: Of differences, to five integer bits.
        shift: Likewise, to the left.
        smallest: Difference below which an input's share is 0.
    """

    multiplier: int
    shift: int
    smallest: int


def append_softmax(network: QuantizedNetwork) -> QuantizedNetwork:
    """Returns a network whose outputs are shares of the classes instead of logits.

    Raises:
        SpecError: The network has one output, or all of its outputs are 0.
    """
    graph = network.graph
    shape = graph.tensors[graph.output].shape
    if math.prod(shape) < 2:
        raise SpecError(f"Softmax needs two outputs or more, the network has {math.prod(shape)}.")
    # With as many axes as the logits: the last state of an LSTM has three, other vectors four.
    tensor = replace(graph.tensors[graph.output], index=len(graph.tensors))
    op = LoweredOp("softmax", (graph.output,), tensor.index, node=len(network.spec.nodes) - 1)
    longer = LoweredGraph((*graph.tensors, tensor), (*graph.ops, op), tensor.index)
    quantized, target = _integers(op, shape, network.output)
    return replace(
        network,
        graph=longer,
        tensors=(*network.tensors, target),
        ops=(*network.ops, quantized),
    )


def evaluate(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the shares in floating point."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def quantize(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns a softmax in int8, and its output's quantisation, which is always the same."""
    return _integers(step.op, step.shape, step.sources[0])


def _integers(
    op: LoweredOp, shape: Shape, source: Quantization
) -> tuple[QuantizedOp, Quantization]:
    real = min(source.scale * (1 << (31 - DIFFERENCE_BITS)), float((1 << 31) - 1))
    if real <= 1:
        raise SpecError(
            f"Softmax: the logits' scale is {source.scale:.3g}, and TFLite's kernel stops at "
            f"{2.0 ** (DIFFERENCE_BITS - 31):.3g} or less: the network gives every sample the same "
            "outputs. Train it again, or export the logits."
        )
    multiplier, shift = quantize_multiplier(real)
    reach = ((1 << DIFFERENCE_BITS) - 1) * (1 << (31 - DIFFERENCE_BITS)) / 2.0**shift
    integers = SoftmaxIntegers(multiplier, shift, -math.floor(reach))
    return QuantizedOp(op, shape, parameters=integers), OUTPUT


def run(
    quantized: QuantizedOp, sources: tuple[Quantization, ...], target: Quantization, x: Int8s
) -> Int8s:
    """Returns the share of each input among those of the last axis."""
    p: SoftmaxIntegers = quantized.parameters
    differences = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    counted = differences >= p.smallest
    scaled = requantize(np.where(counted, differences, 0), p.multiplier, p.shift)
    exponentials = np.where(counted, _exp_of_negative(scaled), 0)
    total = np.where(counted, _shifted(exponentials, SUM_BITS), 0).sum(axis=-1, keepdims=True)
    reciprocal, bits = _reciprocal(total)
    shares = _shifted(_product(reciprocal, exponentials), bits + 31 - 8) + INT8_MIN
    return np.where(counted, shares.clip(INT8_MIN, INT8_MAX), INT8_MIN).astype(np.int8)


def _product(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64s:
    """Returns the doubled high half of the products, rounded."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.asarray((product + (1 << 30)) >> 31)


def _shifted(a: Int64s, bits: npt.ArrayLike) -> Int64s:
    """Returns a / 2^bits, halves away from zero."""
    half = np.int64(1) << (np.asarray(bits, np.int64) - 1)
    return np.asarray((a + half - (a < 0)) >> np.asarray(bits, np.int64))


def _widened(a: Int64s, bits: int) -> Int64s:
    """Returns a * 2^bits, clamped to int32."""
    return np.asarray((a << bits).clip(-(1 << 31), ONE))


def _exp_of_negative(a: Int64s) -> Int64s:
    """Returns e^a with no integer bits, of a <= 0 with DIFFERENCE_BITS of them."""
    part = (a & (QUARTER - 1)) - QUARTER
    result = _exp_of_quarter(_widened(part, DIFFERENCE_BITS))
    remainder = part - a
    for k, factor in enumerate(EXP_STEPS):
        has_bit = (remainder & (QUARTER << k)) != 0
        result = np.where(has_bit, _product(result, factor), result)
    return np.where(a == 0, ONE, result)


def _exp_of_quarter(a: Int64s) -> Int64s:
    """Returns e^a of a in -1/4 .. 0, by Taylor's series around -1/8."""
    x = a + (1 << 28)
    x2 = _product(x, x)
    x3, x4 = _product(x2, x), _product(x2, x2)
    higher = _shifted(_product(_shifted(x4, 2) + x3, THIRD) + x2, 1)
    return EXP_MINUS_EIGHTH + _product(EXP_MINUS_EIGHTH, x + higher)


def _reciprocal(total: Int64s) -> tuple[Int64s, Int64s]:
    """Returns 1 / total with no integer bits, and the bits that total lies above one."""
    # A float64 holds every int32, so its exponent is that of the highest bit.
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    fraction = (total << headroom) - (1 << 31)
    denominator = (fraction + ONE + 1) >> 1
    start, slope = RECIPROCAL_START
    x = start + _product(denominator, slope)
    for _ in range(3):
        rest = (1 << 29) - _product(denominator, x)
        x = x + _widened(_product(x, rest), 2)
    return _widened(x, 1), SUM_BITS - headroom
