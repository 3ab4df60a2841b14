"""QuantizedNetwork: a network as int8 kernels execute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.quant.arithmetic import INT8_MAX, INT8_MIN, Int8s, Int32s
from evonas.tasks.splits import Normalisation

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Quantization:
    """How an int8 tensor stands for numbers: real = scale * (q - zero_point).

    Attributes:
        scale: A float32 value, positive.
        zero_point: -128 .. 127.
    """

    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class QuantizedOp:
    """One operator of the lowered graph with its integers.

    Attributes:
        op: The operator.
        shape: Of its output.
        low: Smallest output, its fused activation considered.
        high: Largest output.
        weights: As TFLite lays them out: of a convolution (out, height, width, in / groups), of a
            depthwise one and a scale (1, height, width, channels), of a dense layer (out, in).
        weight_scales: (channels,), or (1,) of a dense layer; real = scale * q.
        biases: (channels,), in units of the input's scale times the weights'.
        multipliers: Output = accumulator * multiplier / 2^31 * 2^shift, (channels,) or (1,). Of an
            addition those of its two inputs and its output, (3,).
        shifts: Likewise.
        parameters: What kinds with more than these hold; a dataclass of their own.
    """

    op: LoweredOp
    shape: Shape
    low: int = INT8_MIN
    high: int = INT8_MAX
    weights: Int8s | None = None
    weight_scales: Floats | None = None
    biases: Int32s | None = None
    multipliers: Int32s | None = None
    shifts: Int32s | None = None
    parameters: Any = None


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A network in int8.

    Its input is fed in natural units: q = round((x - mean) * gain) + zero_point for each channel,
    in float32, halves to even, clamped to int8, does normalisation and quantisation in one step. It
    is exact for every first layer, where a normalisation folded into weights is wrong as soon as
    zeros pad a signal whose mean is not 0, and one scale for all channels in natural units loses
    the small ones.

    Attributes:
        spec: The network that it stems from.
        graph: Its lowered form.
        tensors: Of each tensor of the graph its quantisation; the input's is of normalised values.
        ops: Of each operator of the graph its integers.
        normalisation: Of the input, per channel.
    """

    spec: ArchSpec
    graph: LoweredGraph
    tensors: tuple[Quantization, ...]
    ops: tuple[QuantizedOp, ...]
    normalisation: Normalisation

    @property
    def input(self) -> Quantization:
        """Quantisation of the input in normalised units."""
        return self.tensors[0]

    @property
    def output(self) -> Quantization:
        """Quantisation of the output."""
        return self.tensors[self.graph.output]

    @property
    def input_gain(self) -> Floats:
        """Factor from natural units less their mean to int8, (channels,)."""
        wide = 1 / (self.normalisation.std.astype(np.float64) * self.input.scale)
        return wide.astype(np.float32)
