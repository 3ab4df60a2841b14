"""Recurrent cells in int8 for generated C: what they hold, and how that is found.

Own design, of 32-bit accumulators; evonas.quant.recurrent_run has the arithmetic. Every gate's
block of W and of U is int8, symmetric, with a scale of its own, and so is a first factor, which all
gates share. Zero points of state, output and first factors' results are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evonas.arch.cells import CELLS
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
)
from evonas.quant.calibrate import SMALLEST_RANGE, channel_scales
from evonas.quant.floating import Parameters
from evonas.quant.layers import Step, integer_weights
from evonas.quant.layouts import Order
from evonas.quant.network import Floats, Quantization, QuantizedOp
from evonas.quant.recurrent_float import FloatCell, Trace, sigmoid
from evonas.quant.tables import INPUT_BITS, INT16_MAX, OUTPUT_BITS, power_of_two

LARGEST_POWER = -9
"""Largest unit of sums and states, 2^-9: they cover -64 .. 64."""

LARGEST_ACCUMULATOR = 1 << 29
"""Sums beyond it, in their unit, could leave int32 when they are scaled."""

INPUT_BIASES = {"rnn": (0,), "ugrnn": (0, 1), "mgu": (0, 1), "gru": (0, 1, 2), "lstm": (0, 1, 2, 3)}
"""Biases that are added to W x, gate by gate; fastgrnn's are added to the shared sum."""

STATE_BIASES = {"gru": {2: 3}}
"""Biases that are added to U h: gate -> bias."""

BOUNDED_CELLS = ("rnn", "ugrnn", "mgu", "gru")
"""Cells whose state never leaves -1 .. 1."""


@dataclass(frozen=True, eq=False)
class FirstFactor:
    """The first factor of a matrix of low rank.

    Attributes:
        weights: (rank, columns).
        scale: Of the weights.
        multiplier: From its sums to int8.
        shift: Likewise.
        output_scale: Of the int8 result, whose zero point is 0.
    """

    weights: Int8s
    scale: float
    multiplier: int
    shift: int
    output_scale: float


@dataclass(frozen=True, eq=False)
class Matrix:
    """W or U of all gates.

    Attributes:
        weights: (gates, hidden, columns), or of a low rank (gates, hidden, rank).
        scales: Of each gate's weights, (gates,).
        multipliers: From each gate's sums to the unit of sums, (gates,).
        shifts: Likewise.
        biases: Added to each gate's sums first, (gates, hidden); zeros where it has none.
        first: The first factor; None of a full matrix.
    """

    weights: Int8s
    scales: Floats
    multipliers: Int32s
    shifts: Int32s
    biases: Int32s
    first: FirstFactor | None


@dataclass(frozen=True, eq=False)
class RecurrentIntegers:
    """What a recurrent layer in int8 holds.

    Attributes:
        w: The input matrix.
        u: The recurrent matrix.
        sum_power: Gates' sums are int16 in units of 2^sum_power.
        state_power: The carried state is int16 in units of 2^state_power.
        output_multiplier: From int16 hidden values to int8 ones; those are in units of
            2^state_power, of "lstm" and "rnn", which carry no hidden values, of 2^-15.
        output_shift: Likewise.
        shared_biases: Of "fastgrnn", those of z and c in units of 2^sum_power, (2, hidden); of
            others (0, hidden).
        scalars: Of "fastgrnn", zeta and nu in units of 2^-15; else empty.
    """

    w: Matrix
    u: Matrix
    sum_power: int
    state_power: int
    output_multiplier: int
    output_shift: int
    shared_biases: Int32s
    scalars: tuple[int, ...]


def layout(parts: Weights, order: Order) -> Parameters:
    """Returns the arrays as they are; the input is a sequence and has one order alone."""
    return parts


def evaluate(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the hidden states in floating point, of every position or of the last alone."""
    hidden = FloatCell(op, parameters).run(x[:, 0])
    return hidden if len(shape) > 1 else hidden[:, -1]


def quantize(step: Step) -> tuple[QuantizedOp, Quantization]:
    """Returns a recurrent layer's integers and the quantisation of its output.

    Units of sums and state are the smallest powers of two that cover them on the calibration
    samples, from 2^-12 and 2^-15 on.

    Raises:
        SpecError: Weights are so large that a gate's sum could leave 32 bits.
    """
    op, source = step.op, step.sources[0]
    run = FloatCell(op, step.parameters)
    hidden, trace = run.run(step.inputs[0][:, 0]), run.trace
    largest = max(map(abs, step.span))
    if len(step.shape) == 1:  # the matrix U reads the states before as well
        largest = max(largest, float(np.abs(hidden).max()))
    target = _symmetric(largest)
    sum_power = power_of_two(trace.sums, -INPUT_BITS, LARGEST_POWER)
    state_power = -OUTPUT_BITS
    if op.cell not in BOUNDED_CELLS:
        state_power = power_of_two(trace.carried, -OUTPUT_BITS, LARGEST_POWER)
    hidden_power = -OUTPUT_BITS if op.cell == "lstm" else state_power
    biases = step.parameters["bias"].reshape(CELLS[op.cell].biases, -1)
    integers = RecurrentIntegers(
        _matrix(step, "w", source.scale, trace, sum_power, _input_biases(op, biases)),
        _matrix(step, "u", target.scale, trace, sum_power, _state_biases(op, biases)),
        sum_power,
        state_power,
        *quantize_multiplier(2.0**hidden_power / target.scale),
        _shared_biases(op, biases, sum_power),
        _scalars(step.parameters),
    )
    return QuantizedOp(op, step.shape, parameters=integers), target


def _symmetric(largest: float) -> Quantization:
    return Quantization(float(np.float32(max(largest, SMALLEST_RANGE) / INT8_MAX)), 0)


def _input_biases(op: LoweredOp, biases: Floats) -> Floats:
    if op.cell not in INPUT_BIASES:
        return np.zeros((CELLS[op.cell].gates, biases.shape[1]), np.float32)
    return biases[list(INPUT_BIASES[op.cell])]


def _state_biases(op: LoweredOp, biases: Floats) -> Floats:
    chosen = np.zeros((CELLS[op.cell].gates, biases.shape[1]), np.float32)
    for gate, bias in STATE_BIASES.get(op.cell, {}).items():
        chosen[gate] = biases[bias]
    return chosen


def _shared_biases(op: LoweredOp, biases: Floats, sum_power: int) -> Int32s:
    chosen = biases if op.cell not in INPUT_BIASES else biases[:0]
    return np.rint(chosen.astype(np.float64) * 2.0**-sum_power).astype(np.int32)


def _scalars(parameters: Parameters) -> tuple[int, ...]:
    if "scalars" not in parameters:
        return ()
    values = sigmoid(parameters["scalars"].astype(np.float64)) * (1 << OUTPUT_BITS)
    return tuple(min(round(float(value)), INT16_MAX) for value in values)


def _matrix(
    step: Step, name: str, source_scale: float, trace: Trace, sum_power: int, biases: Floats
) -> Matrix:
    first = None
    if f"weight_{name}" in step.parameters:
        rows = step.parameters[f"weight_{name}"]
    else:
        rows = step.parameters[f"weight_{name}_second"]
        factor = step.parameters[f"weight_{name}_first"]
        first = _first_factor(factor, source_scale, trace.firsts[name])
        source_scale = first.output_scale
    blocks = rows.reshape(len(biases), biases.shape[1], -1)
    scales = channel_scales(blocks, np.abs(biases).max(axis=1), source_scale)
    products = source_scale * scales.astype(np.float64)
    weights = integer_weights(blocks, scales.reshape(-1, 1, 1))
    integers = np.rint(biases.astype(np.float64) / products[:, None])
    reach = np.abs(weights.astype(np.int64)).sum(axis=2) * (INT8_MAX - INT8_MIN) + np.abs(integers)
    multipliers, shifts = quantize_multipliers(products * 2.0**-sum_power)
    if (reach * products[:, None]).max() * 2.0**-sum_power >= LARGEST_ACCUMULATOR:
        raise SpecError(
            f"Node {step.op.node}: the sums of the cell's gates could reach "
            f"{(reach * products[:, None]).max():.3g}, and its int8 kernel holds less than "
            f"{LARGEST_ACCUMULATOR * 2.0**sum_power:.3g}; train the network again, with weight "
            f"decay."
        )
    return Matrix(weights, scales, multipliers, shifts, integers.astype(np.int32), first)


def _first_factor(factor: Floats, source_scale: float, largest: float) -> FirstFactor:
    scale = float(channel_scales(factor[None], np.zeros(1), source_scale)[0])
    output_scale = _symmetric(largest).scale
    multiplier, shift = quantize_multiplier(source_scale * scale / output_scale)
    weights = integer_weights(factor, np.float32(scale))
    return FirstFactor(weights, scale, multiplier, shift, output_scale)
