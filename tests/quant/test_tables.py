import numpy as np
import pytest

from evonas.quant.tables import TABLE, clip_int16, power_of_two, sigmoid, tanh

EVERY_INT16 = np.arange(-(1 << 15), 1 << 15)


def test_the_table_is_that_of_tensorflow_lite():
    # sigmoid_table_uint16 (tensorflow/lite/kernels/internal/common.h), some of its entries
    assert TABLE[:8].tolist() == [32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513]
    assert TABLE[120:124].tolist() == [65097, 65115, 65132, 65149]
    assert TABLE[-11:].tolist() == [65534] * 10 + [65535]
    assert TABLE.sum() == 15_670_629


@pytest.mark.parametrize("power", range(-15, -8))
def test_sigmoid_and_tanh_are_met_to_few_units(power):
    x = EVERY_INT16 * 2.0**power

    # measured: 1.3 and 2.5 units of 2^-15
    np.testing.assert_allclose(sigmoid(EVERY_INT16, power), 2.0**15 / (1 + np.exp(-x)), atol=1.5)
    np.testing.assert_allclose(tanh(EVERY_INT16, power), 2.0**15 * np.tanh(x), atol=2.7)


def test_both_rise_and_are_symmetric():
    assert (np.diff(sigmoid(EVERY_INT16)) >= 0).all()
    assert (np.diff(tanh(EVERY_INT16)) >= 0).all()
    positive = EVERY_INT16[EVERY_INT16 > 0]
    assert (sigmoid(positive) + sigmoid(-positive) == 1 << 15).all()
    assert (tanh(positive) == -tanh(-positive)).all()


def test_zero_and_the_ends_are_exact():
    assert sigmoid(np.array([0])).item() == 1 << 14
    assert tanh(np.array([0])).item() == 0
    ends = np.array([-(1 << 15), (1 << 15) - 1])
    assert sigmoid(ends, -9).tolist() == [1, 32767]  # saturated at 10.6
    assert tanh(ends, -9).tolist() == [-32767, 32767]


def test_a_unit_is_the_smallest_that_covers_the_values():
    assert power_of_two(8.0, -15, -9) == -12  # 8 / 2^-12 = 32768, clamped by one
    assert power_of_two(8.1, -15, -9) == -11
    assert power_of_two(0.3, -15, -9) == -15
    assert power_of_two(1e6, -15, -9) == -9
    assert power_of_two(0.0, -15, -9) == -15


def test_int16_is_clamped():
    assert clip_int16(np.array([-40_000, 5, 40_000])).tolist() == [-32768, 5, 32767]
