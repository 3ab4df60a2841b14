import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.tasks.load import load_splits
from evonas.tasks.synthetic_adding import Adding


@pytest.mark.parametrize("length", [2, 3, 50])
def test_the_target_is_the_sum_of_the_marked_numbers(length, rng):
    X, y = Adding(length=length).draw(200, rng)

    assert X.shape == (200, 2, length)
    assert np.array_equal(np.unique(X[:, 1]), [0, 1] if length > 2 else [1])
    assert y == pytest.approx((X[:, 0] * X[:, 1]).sum(axis=1), abs=1e-6)


def test_one_mark_lies_anywhere_in_each_half(rng):
    X, _ = Adding(length=7).draw(500, rng)

    first, second = X[:, 1, :3], X[:, 1, 3:]
    assert (first.sum(axis=1) == 1).all()
    assert (second.sum(axis=1) == 1).all()
    assert set(first.argmax(axis=1)) == {0, 1, 2}
    assert set(second.argmax(axis=1)) == {0, 1, 2, 3}


def test_the_constant_1_has_an_rmse_of_the_root_of_a_sixth(rng):
    X, y = Adding().draw(20000, rng)

    assert (X[:, 0].min(), X[:, 0].max()) == pytest.approx((0, 1), abs=1e-3)
    assert np.sqrt(np.mean((y - 1) ** 2)) == pytest.approx(np.sqrt(1 / 6), rel=0.02)


def test_it_is_a_regression():
    splits = load_splits("synthetic", {"pattern": "adding", "train": 40}, 0.25, seed=0)

    assert splits.is_regression
    assert (splits.input_shape, splits.num_outputs) == ((2, 50), 1)


def test_one_step_has_no_room_for_two_marks():
    with pytest.raises(ConfigError, match=r"\[task\] length: .* equal to 2, got 1"):
        load_splits("synthetic", {"pattern": "adding", "length": 1}, 0.25, seed=0)
