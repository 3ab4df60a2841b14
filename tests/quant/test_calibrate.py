import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.quant.calibrate import affine, channel_scales, observed_range


def test_a_range_covers_0_and_represents_it_exactly():
    wide = affine((-1.0, 3.0))
    positive = affine((2.0, 5.1))
    negative = affine((-5.1, -2.0))

    assert wide.scale == np.float32(4 / 255)
    assert wide.zero_point == -64  # -128 + 1 / (4 / 255) = -64.25
    assert (positive.scale, positive.zero_point) == (np.float32(0.02), -128)
    assert (negative.scale, negative.zero_point) == (np.float32(0.02), 127)


def test_a_tensor_that_is_always_0_has_a_scale():
    assert affine((0.0, 0.0)).scale > 0


def test_the_largest_weight_of_a_channel_becomes_127():
    weights = np.array([[0.5, -2.54], [0.1, 0.0]])

    scales = channel_scales(weights, np.zeros(2), 1.0)

    np.testing.assert_allclose(scales, [2.54 / 127, 0.1 / 127], rtol=1e-6)


def test_a_channel_without_weights_keeps_a_bias_of_30_bits():
    scales = channel_scales(np.zeros((2, 3)), np.array([5.0, 0.0]), input_scale=0.1)

    assert abs(5.0 / (0.1 * scales[0]) - 2**30) < 2**8
    assert scales[1] == 1


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_every_method_keeps_the_bulk_of_the_values(method):
    values = np.random.default_rng(0).normal(0, 1, 100_000)

    low, high = observed_range(values, method)

    assert values.min() <= low < -2
    assert 2 < high <= values.max()


def test_methods_differ_in_what_they_do_with_an_outlier():
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[7] = 100.0
    highs = {m: observed_range(values, m)[1] for m in ("minmax", "percentile")}

    assert highs["minmax"] == 100
    assert highs["percentile"] < 5


def test_the_range_of_least_square_error_is_found():
    values = np.random.default_rng(0).normal(0, 1, 20_000) ** 3
    errors = {}
    for method in ("minmax", "mse"):
        q = affine(observed_range(values, method))
        rounded = np.clip(np.rint(values / q.scale) + q.zero_point, -128, 127)
        errors[method] = np.mean(((rounded - q.zero_point) * q.scale - values) ** 2)

    assert errors["mse"] < errors["minmax"]


def test_an_unknown_method_is_named_with_its_neighbour():
    with pytest.raises(ConfigError, match="'minmx'. Did you mean 'minmax'"):
        observed_range(np.zeros(3), "minmx")
