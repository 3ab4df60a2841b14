"""Sigmoid and tanh of int16 numbers by one table, as TensorFlow Lite's int16 kernels compute them.

As in tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h. The table holds
the sigmoid of i / 24; between its entries it is interpolated, and tanh(x) = 2 sigmoid(2 x) - 1.
Results are fractions of 2^15 from -32768 to 32767.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from evonas.quant.arithmetic import Array

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1

STEPS_PER_UNIT = 24
"""Entries of the table between two integers."""

INPUT_BITS = 12
"""Bits behind the point of a gate's sum: it covers -8 .. 8."""

OUTPUT_BITS = 15
"""Bits behind the point of a sigmoid, of a tanh and of a state that both bound."""

Int64s = npt.NDArray[np.int64]

EVERY_INT16 = np.arange(INT16_MIN, INT16_MAX + 1)


def sigmoid_table() -> npt.NDArray[np.uint16]:
    """Returns the 256 entries, in units of 2^-16.

    Half of the error that the interpolation makes in the middle of a step is taken off each entry,
    so that the error has both signs. The last is the largest number.
    """
    steps = np.arange(256)
    here, middle, after = (
        1 / (1 + np.exp(-(steps + share) / STEPS_PER_UNIT)) for share in (0, 0.5, 1)
    )
    table = np.rint((1 << 16) * (here - ((here + after) / 2 - middle) / 2))
    table[-1] = (1 << 16) - 1
    return table.astype(np.uint16)


TABLE = sigmoid_table().astype(np.int64)


def _scaled(x: Array, power: int) -> Int64s:
    """Returns integers in units of 2^power as steps of the table, in units of 2^-9 of a step.

    24 steps a unit are 3 * 2^-12 / 2^-9.
    """
    left = INPUT_BITS + power
    scaled: Int64s = x.astype(np.int64) * 3
    if left >= 0:
        return np.asarray(scaled << left)
    return np.asarray((scaled + (1 << (-left - 1))) >> -left)


def _interpolated(magnitudes: Int64s, bits: int) -> Int64s:
    """Returns the sigmoid of not negative numbers, in units of 2^-(16 + bits).

    From the last entry of the table on it is not meaningful.

    Args:
        magnitudes: In units of a step of the table over 2^bits.
        bits: Of the share of a step.
    """
    index = np.minimum(magnitudes >> bits, 254)
    share = magnitudes & ((1 << bits) - 1)
    return np.asarray((TABLE[index] << bits) + share * (TABLE[index + 1] - TABLE[index]))


def sigmoid(x: Array, power: int = -INPUT_BITS) -> Int64s:
    """Returns the sigmoid in units of 2^-15, within 1 .. 32767.

    Args:
        x: int16 in units of 2^power.
        power: From -15 to -9.
    """
    return np.asarray(_every_sigmoid(power)[x - INT16_MIN])


def tanh(x: Array, power: int = -INPUT_BITS) -> Int64s:
    """Returns the tanh in units of 2^-15, within +-32767.

    Args:
        x: int16 in units of 2^power.
        power: From -15 to -9.
    """
    return np.asarray(_every_tanh(power)[x - INT16_MIN])


# The results for all 65536 arguments, looked up, are what takes least time in numpy.
@cache
def _every_sigmoid(power: int) -> Int64s:
    scaled = _scaled(EVERY_INT16, power)
    magnitudes = np.abs(scaled)
    y = np.where(magnitudes >> 9 >= 255, INT16_MAX << 10, _interpolated(magnitudes, 9))
    y = np.where(scaled >= 0, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1)
    return np.asarray(y >> 10)


@cache
def _every_tanh(power: int) -> Int64s:
    scaled = _scaled(EVERY_INT16, power)
    magnitudes = np.abs(scaled)
    y = np.where(magnitudes >> 8 >= 255, ((1 << 16) - 1) << 8, _interpolated(magnitudes, 8))
    y = np.where(scaled >= 0, y - (1 << 23) + (1 << 7), (1 << 23) - y + (1 << 7) - 1)
    return np.asarray(y >> 8)


def power_of_two(largest: float, lowest: int, highest: int) -> int:
    """Returns the smallest power whose unit 2^power lets int16 cover +-largest, within bounds."""
    bits = math.ceil(math.log2(largest)) if largest > 0 else lowest
    return min(max(bits - OUTPUT_BITS, lowest), highest)


def clip_int16(x: Array) -> Int64s:
    """Returns x within -32768 .. 32767."""
    return np.clip(x, INT16_MIN, INT16_MAX)
