"""How well scores tell anomalous clips from normal ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evonas.tasks.toyadmos import AnomalyTest

Doubles = npt.NDArray[np.floating]
Measure = Callable[[Doubles, npt.NDArray[np.bool_]], float]

MAX_FALSE_ALARMS = 0.1
"""Share of the normal clips up to which DCASE 2020 task 2 takes its partial AUC."""


def auc(scores: Doubles, is_anomaly: npt.NDArray[np.bool_]) -> float:
    """Returns the area under the ROC curve: how often an anomaly scores above a normal clip.

    Maximised; 0.5 by chance. A tie counts half (Hanley and McNeil 1982
    <https://doi.org/10.1148/radiology.143.1.7063747>).

    Args:
        scores: (n,) finite, higher for the more anomalous.
        is_anomaly: (n,) with at least one of either kind.

    Raises:
        ValueError: One kind is absent.
    """
    _check_kinds(is_anomaly)
    anomalies, normal = scores[is_anomaly], np.sort(scores[~is_anomaly])
    below = np.searchsorted(normal, anomalies, side="left")
    up_to = np.searchsorted(normal, anomalies, side="right")
    return float(np.mean(below + up_to) / (2 * len(normal)))


def partial_auc(scores: Doubles, is_anomaly: npt.NDArray[np.bool_]) -> float:
    """Returns the area under the ROC curve up to a tenth of false alarms, maximised.

    Scaled so that chance is 0.5 and the best is 1 (McClish 1989
    <https://doi.org/10.1177/0272989X8900900307>), as the pAUC of DCASE 2020 task 2 is.

    Args:
        scores: (n,) finite, higher for the more anomalous.
        is_anomaly: (n,) with at least one of either kind.

    Raises:
        ValueError: One kind is absent.
    """
    _check_kinds(is_anomaly)
    alarms = np.unique(scores)[::-1]  # thresholds; each is a point of the curve
    hits, false = (
        np.r_[0.0, 1 - np.searchsorted(np.sort(scores[kind]), alarms) / np.count_nonzero(kind)]
        for kind in (is_anomaly, ~is_anomaly)
    )
    inside = false <= MAX_FALSE_ALARMS
    x = np.r_[false[inside], MAX_FALSE_ALARMS]
    y = np.r_[hits[inside], np.interp(MAX_FALSE_ALARMS, false, hits)]
    area, chance = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)), MAX_FALSE_ALARMS**2 / 2
    return (1 + (area - chance) / (MAX_FALSE_ALARMS - chance)) / 2


def confidence_scores(log_probabilities: Doubles, test: AnomalyTest) -> Doubles:
    """Returns how anomalous clips are by classification confidence, (clips,).

    A clip's score is minus the mean over its samples of the logarithm of the probability of its
    own machine.

    Args:
        log_probabilities: (clips, samples, machines) of the clips of a test.
        test: Whose clips they are.

    Raises:
        ValueError: The shape is another one.
    """
    _check_shape("log_probabilities", log_probabilities, (*test.X.shape[:2], len(test.names)))
    own = np.take_along_axis(log_probabilities, test.machine[:, None, None], axis=2)[..., 0]
    return np.asarray(-own.mean(axis=1))


def reconstruction_scores(errors: Doubles, test: AnomalyTest) -> Doubles:
    """Returns how anomalous clips are by their reconstruction, (clips,).

    A clip's score is the mean over its samples of their mean squared errors, as in MLPerf Tiny's
    anomaly detection.

    Args:
        errors: (clips, samples) mean squared errors of the clips of a test.
        test: Whose clips they are.

    Raises:
        ValueError: The shape is another one.
    """
    _check_shape("errors", errors, test.X.shape[:2])
    return np.asarray(errors.mean(axis=1))


def by_machine(measure: Measure, scores: Doubles, test: AnomalyTest) -> dict[str, float]:
    """Returns a measure of each machine's clips, and their mean over the machines under "mean".

    Args:
        measure: `auc` or `partial_auc`.
        scores: (clips,) of the clips of a test, higher for the more anomalous.
        test: Whose clips they are.

    Raises:
        ValueError: A machine has clips of one kind only.
    """
    own = [test.machine == place for place in range(len(test.names))]
    found = {
        name: measure(scores[clips], test.is_anomaly[clips])
        for name, clips in zip(test.names, own, strict=True)
    }
    return found | {"mean": float(np.mean(list(found.values())))}


def _check_kinds(is_anomaly: npt.NDArray[np.bool_]) -> None:
    n = int(np.count_nonzero(is_anomaly))
    if not 0 < n < len(is_anomaly):
        raise ValueError(f"Expected anomalies and normal clips, got {n} and {len(is_anomaly) - n}.")


def _check_shape(name: str, found: Doubles, expected: tuple[int, ...]) -> None:
    if found.shape != expected:
        raise ValueError(f"Expected {name} of shape {expected}, got {found.shape}.")
