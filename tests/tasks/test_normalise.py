import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.normalise import fit_normalisation, natural_inputs, normalise_in_place


def test_mean_and_deviation_are_per_channel_over_samples_and_positions():
    X = np.array([[[1, 3], [10, 10]], [[5, 7], [30, 30]]], np.float32)  # (2, 2, 2)

    fitted = fit_normalisation(X)

    assert fitted.mean.tolist() == [4, 20]
    assert fitted.std == pytest.approx([np.sqrt(5), 10])  # deviations 3, 1, 1, 3


def test_blocks_change_nothing(rng):
    X = rng.normal(5, 3, size=(2500, 2, 4)).astype(np.float32)  # more than two blocks

    fitted = fit_normalisation(X)

    assert fitted.mean == pytest.approx(X.mean(axis=(0, 2), dtype=np.float64), rel=1e-6)
    assert fitted.std == pytest.approx(X.std(axis=(0, 2), dtype=np.float64), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_a_constant_channel_becomes_zeros(value):
    X = np.full((50, 1, 7), value, np.float32)

    fitted = fit_normalisation(X)
    normalise_in_place(X, fitted)

    assert fitted.std.tolist() == [1]
    assert not X.any()


def test_a_large_offset_costs_no_precision():
    X = (1e6 + np.arange(8, dtype=np.float32)).reshape(2, 1, 4)

    assert fit_normalisation(X).std == pytest.approx([np.sqrt(63 / 12)])  # of 0 .. 7


def test_scale_brings_stored_values_to_natural_units():
    X = np.array([[[2], [4]]], np.int16)

    natural = natural_inputs(X, np.array([0.5, 10], np.float32))

    assert natural.dtype == np.float32
    assert natural.ravel().tolist() == [1, 40]


def test_scaling_does_not_write_into_its_argument():
    X = np.ones((1, 1, 3), np.float32)

    natural_inputs(X, np.array([2.0]))

    assert X.tolist() == [[[1, 1, 1]]]


def test_natural_units_beyond_float32_are_refused():
    X = natural_inputs(np.full((2, 1, 3), 1e38, np.float32), np.array([100.0]))

    with pytest.raises(DataError, match="too large for float32"):
        fit_normalisation(X)
