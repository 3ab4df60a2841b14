"""Recurrent cells in int8: the arithmetic that generated C follows, bit for bit.

Integers of 32 bits hold everything but the product inside ``requantize``, which is that of all int8
kernels. v >> n is an arithmetic shift, and

    rounded(v, n)  = (v + 2^(n - 1)) >> n, halves upwards
    clip16(v)      = v within -32768 .. 32767
    clip8(v)       = v within -128 .. 127
    sigma, tau     = sigmoid and tanh of evonas.quant.tables in units of 2^-15, of the unit that
                     their argument has

With p = state_power, x the int8 input less its zero point, h8 the int8 state, a position is

    W_g x          clip16(requantize(sum of w * x + bias)) for each gate g; of a low rank x is first
                   replaced by clip8(requantize(sum of first * x))
    U_g h8         clip16(requantize(sum of u * h8 + bias)), h8 likewise replaced
    sum of both    clip16(W_g x + U_g h8)

    rnn            y = tau(sum)
    fastgrnn       z = sigma(clip16(sum + bias z)), c = tau(clip16(sum + bias c)),
                   s = rounded(zeta * (32768 - z), 15) + nu,
                   h = clip16(rounded(z * h, 15) + rounded(s * c, 30 + p)), y = h
    ugrnn          z = sigma(sum z), c = tau(sum c), h = mixed(z, h, c), y = h
    mgu            f = sigma(sum f), c = tau(clip16(W_c x + U_c output(rounded(f * h, 15)))),
                   h = mixed(f, c, h), y = h
    gru            r = sigma(sum r), z = sigma(sum z),
                   c = tau(clip16(W_c x + rounded(r * U_c h8, 15))), h = mixed(z, h, c), y = h
    lstm           i, f, o = sigma(sum i, f, o), g = tau(sum g),
                   c = clip16(rounded(f * c, 15) + rounded(i * g, 30 + p)),
                   y = rounded(o * tau(c), 15)
    mixed(s, a, b) = rounded(s * a + (32768 - s) * b, 15)
    output(y)      = clip8(requantize(y)) with the output's multiplier and shift

and h8 = output(y) is the int8 state and the output. All states begin as 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evonas.arch.cells import CELLS
from evonas.quant.arithmetic import INT8_MAX, INT8_MIN, Array, Int8s, requantize
from evonas.quant.lstm import BLOCK
from evonas.quant.network import Quantization, QuantizedOp
from evonas.quant.recurrent import Matrix, RecurrentIntegers
from evonas.quant.tables import OUTPUT_BITS, Int64s, clip_int16, sigmoid, tanh

ONE = 1 << OUTPUT_BITS
"""1 in units of 2^-15."""

Step = Callable[["_Cell", list[Int64s]], Int64s]


def run(
    quantized: QuantizedOp, sources: tuple[Quantization, ...], target: Quantization, x: Int8s
) -> Int8s:
    """Returns the int8 states, (n, steps, hidden), or the last alone, (n, hidden).

    Args:
        quantized: The layer.
        sources: Quantisation of its input.
        target: Quantisation of its output; its zero point is 0.
        x: (n, 1, steps, channels).
    """
    blocks = (x[start : start + BLOCK, 0] for start in range(0, len(x), BLOCK))
    return np.concatenate([_run(quantized, sources[0].zero_point, block) for block in blocks])


def _run(quantized: QuantizedOp, zero_point: int, x: Int8s) -> Int8s:
    name, cell = quantized.op.cell, _Cell(quantized.parameters, len(x))
    centred = x.astype(np.int64) - zero_point
    inputs = _Product(cell.integers.w).of(centred, 0, CELLS[name].gates)
    states = []
    for t in range(x.shape[1]):
        cell.state = cell.output(STEPS[name](cell, [part[:, t] for part in inputs]))
        states.append(cell.state.astype(np.int8))
    return np.stack(states, axis=1) if len(quantized.shape) > 1 else states[-1]


class _Product:
    """W or U, ready to be multiplied by.

    Sums are of products in float64, which holds them exactly.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._first = matrix.first
        if matrix.first is not None:
            self._first_columns = matrix.first.weights.T.astype(np.float64)
        self._hidden = matrix.weights.shape[1]
        self._columns = matrix.weights.reshape(-1, matrix.weights.shape[2]).T.astype(np.float64)
        self._biases = matrix.biases.reshape(-1)
        self._multipliers = np.repeat(matrix.multipliers, self._hidden)
        self._shifts = np.repeat(matrix.shifts, self._hidden)

    def of(self, x: Int64s, first: int, last: int) -> list[Int64s]:
        """Returns int16 values (..., hidden) of the gates first .. last - 1.

        Args:
            x: (..., columns), int8 values less their zero point.
            first: First gate.
            last: The gate behind the last one.
        """
        if self._first is not None:
            sums = (x.astype(np.float64) @ self._first_columns).astype(np.int64)
            x = clip_int8(requantize(sums, self._first.multiplier, self._first.shift))
        rows = slice(first * self._hidden, last * self._hidden)
        sums = (x.astype(np.float64) @ self._columns[:, rows]).astype(np.int64)
        sums += self._biases[rows]
        values = clip_int16(requantize(sums, self._multipliers[rows], self._shifts[rows]))
        return np.split(values, last - first, axis=-1)


def rounded(values: Array, bits: int) -> Int64s:
    """Returns values / 2^bits, halves upwards."""
    return np.asarray((values + (1 << (bits - 1))) >> bits)


def clip_int8(values: Array) -> Int64s:
    """Returns values within -128 .. 127."""
    return np.clip(values, INT8_MIN, INT8_MAX)


class _Cell:
    """A layer on its way through a batch of sequences.

    Attributes:
        state: The int8 state, (n, hidden).
        carried: The int16 state, (n, hidden).
    """

    def __init__(self, integers: RecurrentIntegers, n: int) -> None:
        self.integers = integers
        shape = (n, integers.w.biases.shape[1])
        self.state: Int64s = np.zeros(shape, np.int64)
        self.carried: Int64s = np.zeros(shape, np.int64)
        self._u = _Product(integers.u)

    def u(self, state: Int64s, first: int, last: int) -> list[Int64s]:
        return self._u.of(state, first, last)

    def sigmoid(self, *parts: Array) -> Int64s:
        return sigmoid(clip_int16(np.asarray(sum(parts))), self.integers.sum_power)

    def tanh(self, *parts: Array) -> Int64s:
        return tanh(clip_int16(np.asarray(sum(parts))), self.integers.sum_power)

    def output(self, hidden: Int64s) -> Int64s:
        p = self.integers
        return clip_int8(requantize(hidden, p.output_multiplier, p.output_shift))


def _mixed(share: Int64s, a: Int64s, b: Int64s) -> Int64s:
    return rounded(share * a + (ONE - share) * b, OUTPUT_BITS)


def _rnn(cell: _Cell, a: list[Int64s]) -> Int64s:
    return cell.tanh(a[0], *cell.u(cell.state, 0, 1))


def _fastgrnn(cell: _Cell, a: list[Int64s]) -> Int64s:
    p = cell.integers
    shared = clip_int16(a[0] + cell.u(cell.state, 0, 1)[0])
    z, c = cell.sigmoid(shared, p.shared_biases[0]), cell.tanh(shared, p.shared_biases[1])
    zeta, nu = p.scalars
    share = rounded(zeta * (ONE - z), OUTPUT_BITS) + nu
    kept = rounded(z * cell.carried, OUTPUT_BITS)
    cell.carried = clip_int16(kept + rounded(share * c, 2 * OUTPUT_BITS + p.state_power))
    return cell.carried


def _ugrnn(cell: _Cell, a: list[Int64s]) -> Int64s:
    u_z, u_c = cell.u(cell.state, 0, 2)
    cell.carried = _mixed(cell.sigmoid(a[0], u_z), cell.carried, cell.tanh(a[1], u_c))
    return cell.carried


def _mgu(cell: _Cell, a: list[Int64s]) -> Int64s:
    f = cell.sigmoid(a[0], *cell.u(cell.state, 0, 1))
    gated = cell.output(rounded(f * cell.carried, OUTPUT_BITS))
    cell.carried = _mixed(f, cell.tanh(a[1], *cell.u(gated, 1, 2)), cell.carried)
    return cell.carried


def _gru(cell: _Cell, a: list[Int64s]) -> Int64s:
    u_r, u_z, u_c = cell.u(cell.state, 0, 3)
    r, z = cell.sigmoid(a[0], u_r), cell.sigmoid(a[1], u_z)
    c = cell.tanh(a[2], rounded(r * u_c, OUTPUT_BITS))
    cell.carried = _mixed(z, cell.carried, c)
    return cell.carried


def _lstm(cell: _Cell, a: list[Int64s]) -> Int64s:
    power = cell.integers.state_power
    u = cell.u(cell.state, 0, 4)
    i, f, o = (cell.sigmoid(a[gate], u[gate]) for gate in (0, 1, 3))
    kept = rounded(f * cell.carried, OUTPUT_BITS)
    new = rounded(i * cell.tanh(a[2], u[2]), 2 * OUTPUT_BITS + power)
    cell.carried = clip_int16(kept + new)
    return rounded(o * tanh(cell.carried, power), OUTPUT_BITS)


STEPS: dict[str, Step] = {
    "rnn": _rnn,
    "fastgrnn": _fastgrnn,
    "ugrnn": _ugrnn,
    "mgu": _mgu,
    "gru": _gru,
    "lstm": _lstm,
}
"""Cell -> the int16 hidden values of a position, from W x of each gate; it moves the carried state
on."""
