import math

import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.tasks.metrics import (
    METRICS,
    Metric,
    constant_prediction_error,
    predictions,
    resolve_metric,
)

TRUE = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PRED = np.array([0, 0, 0, 1, 1, 0, 2, 2])


def test_error_is_the_share_of_wrong_predictions():
    assert METRICS["error"](TRUE, PRED) == 2 / 8


def test_balanced_error_averages_recalls_over_classes():
    # recalls 3/4, 1/2, 1
    assert METRICS["balanced_error"](TRUE, PRED) == pytest.approx(1 - (3 / 4 + 1 / 2 + 1) / 3)


def test_balanced_error_leaves_out_classes_that_are_never_true():
    assert METRICS["balanced_error"](np.array([0, 0]), np.array([0, 1])) == pytest.approx(0.5)


def test_f1_error_averages_f1_over_classes():
    # F1 = 2 TP / (true + predicted): 6 / (4 + 4), 2 / (2 + 2), 4 / (2 + 2)
    assert METRICS["f1_error"](TRUE, PRED) == pytest.approx(1 - (6 / 8 + 2 / 4 + 1) / 3)


def test_f1_error_counts_a_class_that_is_only_predicted_as_missed():
    # class 0: 2 / (2 + 1), class 1: 0 / (0 + 1)
    value = METRICS["f1_error"](np.array([0, 0]), np.array([0, 1]))

    assert value == pytest.approx(1 - (2 / 3 + 0) / 2)


def test_mae_and_rmse_are_in_the_targets_unit():
    y_true, y_pred = np.array([1.0, 2.0, 3.0], np.float32), np.array([1.0, 5.0, -1.0], np.float32)

    assert METRICS["mae"](y_true, y_pred) == pytest.approx((0 + 3 + 4) / 3)
    assert METRICS["rmse"](y_true, y_pred) == pytest.approx(math.sqrt((0 + 9 + 16) / 3))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_perfect_predictions_is_zero(name):
    y = np.array([2, 0, 1, 1])

    assert METRICS[name](y, y) == 0


@pytest.mark.parametrize("shapes", [((3,), (2,)), ((0,), (0,)), ((3, 1), (3, 1))])
def test_a_metric_refuses_other_shapes(shapes):
    with pytest.raises(ValueError, match=r"Expected y_true and y_pred of one shape \(n,\)"):
        METRICS["error"](np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_the_default_metric_suits_the_target():
    assert resolve_metric(None, is_regression=False).name == "error"
    assert resolve_metric(None, is_regression=True).name == "rmse"


def test_an_unknown_metric_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'balanced_error'"):
        resolve_metric("balanced_eror", is_regression=False)


@pytest.mark.parametrize(("name", "is_regression"), [("mae", False), ("f1_error", True)])
def test_a_metric_of_the_other_kind_of_target_is_refused(name, is_regression):
    with pytest.raises(ConfigError, match=f"metric '{name}' compares .*; choose one of"):
        resolve_metric(name, is_regression)


def test_a_function_becomes_a_metric_that_pickles():
    cloudpickle = pytest.importorskip("cloudpickle")
    offset = 3
    metric = resolve_metric(lambda y_true, y_pred: np.sum(y_true != y_pred) + offset, False)

    copy = cloudpickle.loads(cloudpickle.dumps(metric))

    assert copy(TRUE, PRED) == 5.0
    assert isinstance(copy, Metric)


def test_a_function_that_returns_no_number_is_a_config_error():
    def two_numbers(y_true, y_pred):
        return "many"

    with pytest.raises(ConfigError, match="metric 'two_numbers' to return a number"):
        resolve_metric(two_numbers, False)(TRUE, PRED)


def test_something_else_is_no_metric():
    with pytest.raises(ConfigError, match="Expected a metric's name or a function, got 3"):
        resolve_metric(3, False)


def test_predictions_are_the_largest_logit_or_the_number():
    logits = np.array([[0.1, 0.9, 0.0], [2.0, 1.0, 0.0]])

    assert predictions(logits, is_regression=False).tolist() == [1, 0]
    assert predictions(np.array([[1.5], [2.5]]), is_regression=True).tolist() == [1.5, 2.5]


def test_the_constant_for_error_is_the_training_majority():
    train, val = np.array([0, 1, 1]), np.array([0, 0, 0, 1])

    assert constant_prediction_error(METRICS["error"], train, val) == 3 / 4


def test_the_constant_for_balanced_error_scores_one_class_of_three():
    y = np.array([0, 0, 0, 1, 2])

    assert constant_prediction_error(METRICS["balanced_error"], y, y) == pytest.approx(2 / 3)


def test_the_constant_for_numbers_is_mean_or_median_as_the_metric_prefers():
    train, val = np.array([0.0, 0.0, 9.0]), np.array([1.0])

    assert constant_prediction_error(METRICS["rmse"], train, val) == pytest.approx(2)  # mean 3
    assert constant_prediction_error(METRICS["mae"], train, val) == pytest.approx(1)  # median 0


def test_errors_of_several_numbers_are_over_all_of_them():
    y_true = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    y_pred = y_true + np.array([[1.0, 0.0], [0.0, -3.0], [2.0, 0.0]])

    assert METRICS["mae"](y_true, y_pred) == pytest.approx((1 + 3 + 2) / 6)
    assert METRICS["rmse"](y_true, y_pred) == pytest.approx(math.sqrt((1 + 9 + 4) / 6))


def test_errors_of_many_samples_of_several_numbers_are_of_all_blocks(rng):
    y_true, y_pred = rng.normal(size=(2, 2500, 3))

    expected = np.sqrt(np.mean((y_pred - y_true) ** 2))

    assert METRICS["rmse"](y_true, y_pred) == pytest.approx(expected, rel=1e-12)


def test_several_classes_a_sample_are_refused():
    with pytest.raises(ValueError, match=r"of one shape \(n,\) with"):
        METRICS["error"](np.zeros((2, 2), int), np.zeros((2, 2), int))


def test_the_constant_of_several_numbers_has_one_of_every_column(rng):
    train = rng.normal(size=(500, 70)) * np.arange(1, 71) + 100
    train[:50] += 1000  # a tenth far off: the median is the better constant for the mae
    val = rng.normal(size=(40, 70)) + 100

    mean, median = train.mean(axis=0), np.median(train, axis=0)

    found = [constant_prediction_error(METRICS[name], train, val) for name in ("rmse", "mae")]
    assert found[0] == pytest.approx(np.sqrt(np.mean((val - mean) ** 2)))
    assert found[1] == pytest.approx(np.mean(np.abs(val - median)))


def test_several_outputs_are_several_numbers_and_one_is_one():
    assert predictions(np.zeros((4, 3)), True).shape == (4, 3)
    assert predictions(np.zeros((4, 1)), True).shape == (4,)
