import pytest

from evonas.cost.kernel_calls import KernelCall
from evonas.cost.weight_reads import weight_bytes_read


def test_a_convolution_fetches_its_weights_once_for_two_positions():
    call = KernelCall("conv", (1, 9, 4), (1, 9, 8), (1, 3), pads=(0, 1))

    assert weight_bytes_read(call) == 3 * 4 * 8 * 5


def test_a_dense_layer_fetches_them_once_and_a_depthwise_one_at_each_position():
    assert weight_bytes_read(KernelCall("dense", (1, 1, 40), (1, 1, 10))) == 400
    assert weight_bytes_read(KernelCall("depthwise", (5, 5, 6), (5, 5, 6), (3, 3))) == 9 * 6 * 25


def test_an_lstm_fetches_them_at_each_step():
    call = KernelCall("lstm", (1, 32, 6), (1, 32, 16))

    assert weight_bytes_read(call) == 32 * 4 * 16 * 22
    assert weight_bytes_read(call, 10**6) == 4 * 16 * 22


def test_a_product_of_several_steps_fetches_them_at_each():
    call = KernelCall("dense", (1, 32, 6), (1, 32, 16))

    assert weight_bytes_read(call) == 32 * 6 * 16
    assert weight_bytes_read(call, 10**6) == 6 * 16


def test_weights_that_a_cache_holds_are_fetched_once():
    call = KernelCall("conv", (1, 8, 4), (1, 8, 8), (1, 1))

    assert weight_bytes_read(call, 32) == 32
    assert weight_bytes_read(call, 16) == 32 + 32 * 3 / 2  # half of them again in 3 more passes


@pytest.mark.parametrize("kind", ["add", "pad", "average_pool"])
def test_what_has_no_weights_fetches_none(kind):
    assert weight_bytes_read(KernelCall(kind, (1, 8, 4), (1, 8, 4))) == 0
