import math

import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.proxy.losses import (
    TargetScale,
    class_weights,
    loss_kind,
    mean_loss,
    standardised,
    target_scale,
)
from evonas.proxy.recipe import Recipe


def test_cross_entropy_of_known_logits():
    logits = np.array([[0.0, 0.0], [math.log(3), 0.0]], np.float32)

    loss = mean_loss("cross-entropy", logits, np.array([0, 1]), TargetScale())

    assert loss == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_cross_entropy_of_huge_logits_does_not_overflow():
    logits = np.array([[1e30, 0.0]], np.float32)

    assert mean_loss("cross-entropy", logits, np.array([0]), TargetScale()) == 0


def test_regression_losses_are_those_of_standardised_targets():
    outputs, y = np.array([[10.0], [16.0]], np.float32), np.array([12.0, 12.0])

    # errors of -2 and 4 in natural units, -1 and 2 in units of the target's deviation
    assert mean_loss("mse", outputs, y, TargetScale(5.0, 2.0)) == pytest.approx(2.5)
    assert mean_loss("l1", outputs, y, TargetScale(5.0, 2.0)) == pytest.approx(1.5)
    expected = (math.log(math.cosh(1)) + math.log(math.cosh(2))) / 2
    assert mean_loss("log-cosh", outputs, y, TargetScale(5.0, 2.0)) == pytest.approx(expected)


def test_log_cosh_of_a_large_error_is_the_error_less_log_2():
    found = mean_loss("log-cosh", np.array([[1e6]], np.float32), np.array([0.0]), TargetScale())

    assert found == pytest.approx(1e6 - math.log(2), rel=1e-12)  # cosh of it overflows


def test_an_output_that_is_not_finite_makes_the_loss_nan():
    outputs = np.array([[np.inf, 0.0]], np.float32)

    assert math.isnan(mean_loss("cross-entropy", outputs, np.array([0]), TargetScale()))


def test_class_weights_are_inverse_frequencies_and_one_for_an_absent_class():
    weights = class_weights(np.array([0, 0, 0, 1]), 3)

    assert weights == pytest.approx([4 / (2 * 3), 4 / (2 * 1), 1.0])


def test_numbers_are_standardised_by_the_training_part(numbers):
    scale = target_scale(numbers)
    y = standardised(numbers.train.y, scale)

    assert y.dtype == np.float32
    assert y.mean() == pytest.approx(0, abs=1e-5)
    assert y.std() == pytest.approx(1, abs=1e-5)


def test_classes_keep_their_values(classes):
    assert target_scale(classes) == TargetScale(0.0, 1.0)
    assert standardised(classes.train.y, TargetScale()).tolist() == classes.train.y.tolist()


@pytest.mark.parametrize(("loss", "is_regression"), [("mse", False), ("cross-entropy", True)])
def test_a_loss_of_the_other_kind_of_task_is_refused(loss, is_regression):
    with pytest.raises(ConfigError, match="auto"):
        loss_kind(Recipe(loss=loss), is_regression)


def test_auto_takes_the_loss_of_the_task():
    assert loss_kind(Recipe(), is_regression=False) == "cross-entropy"
    assert loss_kind(Recipe(), is_regression=True) == "mse"
    assert loss_kind(Recipe(loss="l1"), is_regression=True) == "l1"


def test_several_numbers_are_standardised_column_by_column(several):
    scale = target_scale(several)
    y = standardised(several.train.y, scale)

    assert np.asarray(scale.mean) == pytest.approx([300, 5, 7], rel=0.02)
    assert y[:, :2].mean(axis=0) == pytest.approx([0, 0], abs=1e-4)
    assert y[:, :2].std(axis=0) == pytest.approx([1, 1], abs=1e-4)
    assert scale.std[2] == 1  # the column that never changes
    assert np.abs(y[:, 2]).max() == 0


def test_losses_of_several_numbers_are_means_over_all_of_them():
    outputs = np.array([[10.0, 1.0], [16.0, 3.0]], np.float32)
    y = np.array([[12.0, 2.0], [12.0, 3.0]])
    scale = TargetScale(np.array([5.0, 0.0]), np.array([2.0, 0.5]))

    # errors of -2, 4 and -1, 0 in natural units, -1, 2 and -2, 0 in deviations
    assert mean_loss("mse", outputs, y, scale) == pytest.approx((1 + 4 + 4 + 0) / 4)
    assert mean_loss("l1", outputs, y, scale) == pytest.approx((1 + 2 + 2 + 0) / 4)
