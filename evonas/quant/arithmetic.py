"""Fixed-point arithmetic of TensorFlow Lite's int8 kernels, vectorised.

As in TFLite's kernels/internal/common.h and quantization_util.cc, with double rounding: the doubled
high product is rounded, then the shift once more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

INT8_MIN, INT8_MAX = -128, 127
FRACTION_BITS = 31
"""Bits behind the point of a multiplier in [0.5, 1)."""

Array = npt.NDArray[Any]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]


def round_away(value: float) -> int:
    """Returns the nearest integer, halves away from zero, as C's round does."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Returns (multiplier, shift) with real = multiplier / 2^31 * 2^shift, to 31 bits.

    Args:
        real: Not negative.
    """
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = round_away(fraction * (1 << FRACTION_BITS))
    if multiplier == 1 << FRACTION_BITS:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -FRACTION_BITS else (multiplier, shift)


def quantize_multipliers(reals: npt.ArrayLike) -> tuple[Int32s, Int32s]:
    """Returns (multipliers, shifts) of an array of factors, (n,) each."""
    pairs = [quantize_multiplier(float(real)) for real in np.asarray(reals, np.float64)]
    multipliers, shifts = np.array(pairs, np.int32).T
    return multipliers.copy(), shifts.copy()


def requantize(
    values: Array, multipliers: npt.ArrayLike, shifts: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """Returns values * multipliers / 2^31 * 2^shifts, rounded twice.

    Args:
        values: Accumulators that fit int32, also after a shift to the left; any shape.
        multipliers: For all, or for each entry of the last axis.
        shifts: Likewise; positive ones go to the left, before the product.
    """
    wide = np.asarray(shifts, np.int64)
    left, right = np.maximum(wide, 0), np.maximum(-wide, 0)
    product = values.astype(np.int64)
    if left.any():
        product <<= left
    product *= np.asarray(multipliers, np.int64)
    product += 1 << (FRACTION_BITS - 1)
    product >>= FRACTION_BITS
    if right.any():
        # Halves go away from zero: half a unit more, and one bit less where negative.
        product += np.where(right > 0, 1 << np.maximum(right - 1, 0), 0) - (
            (product < 0) & (right > 0)
        )
        product >>= right
    return product


def activation_range(activation: str | None, scale: float, zero_point: int) -> tuple[int, int]:
    """Returns the smallest and largest int8 that a fused activation lets through.

    Args:
        activation: "relu", "relu6" or None.
        scale: Of the output.
        zero_point: Of the output.
    """
    low, high = INT8_MIN, INT8_MAX
    if activation in ("relu", "relu6"):
        low = max(low, zero_point)
    if activation == "relu6":
        six = np.float32(6) / np.float32(scale)  # roundf of a float32 quotient
        high = min(high, zero_point + round_away(float(six)))
    return low, high
