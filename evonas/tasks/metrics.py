"""Task metrics: what `error` means for a study. All are minimised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError, unknown_name
from evonas.tasks.moments import moments

Array = npt.NDArray[np.generic]
MetricFunction = Callable[[Array, Array], float]

_BLOCK = 1024
"""Samples of several numbers each that are compared together in float64."""

_COLUMNS = 32
"""Columns of numbers whose medians are taken together."""


@dataclass(frozen=True)
class Metric:
    """One number for how wrong predictions are.

    Attributes:
        name: As in a config's [task] metric.
        unit: Dimension in evonas.units: "share", or "target" for the target's own unit.
        is_regression: Whether it compares numbers; else classes.
        function: (y_true, y_pred), both (n,), or (n, k) of k > 1 numbers a sample, -> the value,
            minimised.
    """

    name: str
    unit: str
    is_regression: bool
    function: MetricFunction

    def __call__(self, y_true: Array, y_pred: Array) -> float:
        """Returns the metric's value, minimised; NaN only where the function itself gives NaN.

        Args:
            y_true: (n,) classes or numbers, or (n, k) numbers; n at least 1.
            y_pred: The same.

        Raises:
            ValueError: The shapes differ or are empty.
            ConfigError: A metric of the user's own returned no number.
        """
        most = 2 if self.is_regression else 1
        if y_true.shape != y_pred.shape or not 1 <= y_true.ndim <= most or not y_true.size:
            shape = "(n,) or (n, k)" if self.is_regression else "(n,)"
            raise ValueError(
                f"Expected y_true and y_pred of one shape {shape} with n at least 1, got "
                f"{y_true.shape} and {y_pred.shape}."
            )
        value = self.function(y_true, y_pred)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise ConfigError(
                f"Expected the metric {self.name!r} to return a number to be minimised, got "
                f"{value!r}."
            ) from None


def error(y_true: Array, y_pred: Array) -> float:
    """Returns the share of wrong predictions."""
    return float(np.mean(y_true != y_pred))


def balanced_error(y_true: Array, y_pred: Array) -> float:
    """Returns 1 - the mean recall over the classes that occur in y_true."""
    return 1 - float(np.mean([np.mean(y_pred[y_true == k] == k) for k in np.unique(y_true)]))


def f1_error(y_true: Array, y_pred: Array) -> float:
    """Returns 1 - macro-F1, over the classes in y_true or y_pred, as scikit-learn's f1_score."""
    scores = []
    for k in np.union1d(y_true, y_pred):
        is_true, is_pred = y_true == k, y_pred == k
        # 2 TP + FP + FN = the occurrences on both sides, never 0 for a class in the union
        scores.append(2 * np.sum(is_true & is_pred) / (np.sum(is_true) + np.sum(is_pred)))
    return 1 - float(np.mean(scores))


def mae(y_true: Array, y_pred: Array) -> float:
    """Returns the mean absolute error over all numbers, in the target's unit."""
    return mean_of_difference(np.abs, y_true, y_pred)


def rmse(y_true: Array, y_pred: Array) -> float:
    """Returns the root of the mean squared error over all numbers, in the target's unit."""
    return float(np.sqrt(mean_of_difference(np.square, y_true, y_pred)))


def mean_of_difference(
    function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    y_true: Array,
    y_pred: Array,
    unit: float | npt.NDArray[np.float64] = 1.0,
) -> float:
    """Returns the mean of a function of (y_pred - y_true) / unit over all numbers, in float64.

    Args:
        function: Of every element.
        y_true: (n,), or (n, k), which is taken in blocks: k may be hundreds.
        y_pred: The same.
        unit: What a difference is measured in; (k,) for one of every column.
    """
    if y_true.ndim == 1:
        return float(np.mean(function(_difference(y_true, y_pred) / unit)))
    blocks = (slice(start, start + _BLOCK) for start in range(0, len(y_true), _BLOCK))
    sums = [np.sum(function(_difference(y_true[b], y_pred[b]) / unit)) for b in blocks]
    return float(np.sum(sums) / y_true.size)


def _difference(y_true: Array, y_pred: Array) -> npt.NDArray[np.float64]:
    return y_pred.astype(np.float64) - y_true.astype(np.float64)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("error", "share", False, error),
        Metric("balanced_error", "share", False, balanced_error),
        Metric("f1_error", "share", False, f1_error),
        Metric("mae", "target", True, mae),
        Metric("rmse", "target", True, rmse),
    )
}
"""Name -> metric."""


def resolve_metric(metric: str | MetricFunction | None, is_regression: bool) -> Metric:
    """Returns the metric of a study.

    Args:
        metric: A name in METRICS; None for error or rmse; or a function of (y_true, y_pred), both
            (n,) or, of several numbers a sample, (n, k), that returns a number to be minimised.
        is_regression: Whether the task's targets are numbers.

    Raises:
        ConfigError: The name is unknown, or of the other kind of task.
    """
    if metric is None:
        return METRICS["rmse" if is_regression else "error"]
    if not isinstance(metric, str):
        if not callable(metric):
            raise ConfigError(f"Expected a metric's name or a function, got {metric!r}.")
        name = getattr(metric, "__name__", type(metric).__name__)
        return (
            metric if isinstance(metric, Metric) else Metric(name, "target", is_regression, metric)
        )
    if metric not in METRICS:
        raise ConfigError(unknown_name("metric", metric, METRICS))
    found = METRICS[metric]
    if found.is_regression != is_regression:
        fitting = ", ".join(m.name for m in METRICS.values() if m.is_regression == is_regression)
        target, wanted = ("numbers", "classes") if is_regression else ("classes", "numbers")
        raise ConfigError(
            f"The metric {metric!r} compares {wanted}, but the task's labels are {target}; choose "
            f"one of {fitting}."
        )
    return found


def predictions(outputs: npt.NDArray[Any], is_regression: bool) -> Array:
    """Returns what a network's outputs say.

    Args:
        outputs: (n, num_outputs).
        is_regression: Whether they are numbers; else logits.

    Returns:
        Classes (n,); one number a sample, (n,); or several, (n, k).
    """
    if is_regression:
        return outputs.reshape(len(outputs)) if outputs.size == len(outputs) else outputs
    return np.asarray(np.argmax(outputs, axis=1))


def constant_prediction_error(
    metric: Metric, train_y: npt.NDArray[Any], val_y: npt.NDArray[Any]
) -> float:
    """Returns the metric on val_y of the constant that is best on train_y.

    The constants tried are the classes, the most frequent first; or the mean and the median of
    numbers, of every column where a sample has several. Of equally good ones the first is taken.

    Args:
        metric: What is minimised.
        train_y: (n,) classes or numbers, or (n, k) numbers, to choose the constant by.
        val_y: As train_y, to score it on.
    """
    constants: list[npt.NDArray[Any]]
    if metric.is_regression and train_y.ndim == 2:
        columns = (
            train_y[:, start : start + _COLUMNS] for start in range(0, train_y.shape[1], _COLUMNS)
        )
        medians = np.concatenate([np.median(block, axis=0) for block in columns])
        constants = [moments(train_y)[0], medians]
    elif metric.is_regression:
        numbers = train_y.astype(np.float64)
        constants = [np.asarray(numbers.mean()), np.asarray(np.median(numbers))]
    else:
        classes, counts = np.unique(train_y, return_counts=True)
        constants = list(classes[np.argsort(-counts, kind="stable")])
    best = min(constants, key=lambda constant: metric(train_y, _filled(constant, train_y)))
    return metric(val_y, _filled(best, val_y))


def _filled(constant: npt.NDArray[Any], y: Array) -> Array:
    """Returns a constant in the shape of y; several columns without memory of their own."""
    return np.full(len(y), constant) if y.ndim == 1 else np.broadcast_to(constant, y.shape)
