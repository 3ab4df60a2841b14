import math
from fractions import Fraction

import numpy as np
import pytest

from evonas.quant.arithmetic import (
    activation_range,
    quantize_multiplier,
    quantize_multipliers,
    requantize,
    round_away,
)


def test_halves_are_rounded_away_from_zero():
    assert [round_away(x) for x in (0.5, 1.5, 2.5, -0.5, -1.5, 0.49)] == [1, 2, 3, -1, -2, 0]


def test_a_multiplier_is_31_bits_in_the_upper_half_and_a_shift():
    assert quantize_multiplier(1.0) == (1 << 30, 1)
    assert quantize_multiplier(0.75) == (3 << 29, 0)
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)  # less than a shift of 31 can reach
    # a fraction that rounds up to 1 starts the next power of two
    assert quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)


def test_a_real_factor_is_met_to_31_bits():
    rng = np.random.default_rng(0)
    reals = 2 ** rng.uniform(-20, 3, 200)
    multipliers, shifts = quantize_multipliers(reals)

    assert (multipliers >= 1 << 30).all()
    np.testing.assert_allclose(multipliers * 2.0 ** (shifts - 31), reals, rtol=2**-31)


def _twice_rounded(value, multiplier, shift):
    """The definition, in exact fractions: halves of the product upwards, of the shift away."""
    product = Fraction(value * 2 ** max(shift, 0) * multiplier, 2**31)
    high = math.floor(product + Fraction(1, 2))
    return round_away(Fraction(high, 2 ** max(-shift, 0)))


@pytest.mark.parametrize("shift", [-12, -1, 0, 3])
def test_requantisation_rounds_the_product_and_then_the_shift(shift):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.integers(-(2**27), 2**27, 300), np.arange(-9, 10)])
    multiplier = int(rng.integers(1 << 30, 1 << 31))

    expected = [_twice_rounded(int(v), multiplier, shift) for v in values]

    assert requantize(values, multiplier, shift).tolist() == expected


def test_two_roundings_differ_from_one():
    # 5 / 8 * 1.0...: 2^30 is half: 3 * 0.5 = 1.5 -> 2, then 2 / 4 = 0.5 -> 1; at once 0.375 -> 0
    assert requantize(np.array([3, -3]), 1 << 30, -2).tolist() == [1, 0]


def test_channels_have_multipliers_and_shifts_of_their_own():
    values = np.full((2, 3), 100)

    scaled = requantize(values, np.array([1 << 30, 1 << 30, 3 << 29]), np.array([0, 1, -2]))

    assert scaled.tolist() == [[50, 100, 19]] * 2


def test_fused_activations_clamp_at_the_numbers_that_stand_for_0_and_6():
    assert activation_range(None, 0.1, 3) == (-128, 127)
    assert activation_range("relu", 0.1, 3) == (3, 127)
    assert activation_range("relu6", 0.1, 3) == (3, 63)
    assert activation_range("relu6", 0.01, 3) == (3, 127)
