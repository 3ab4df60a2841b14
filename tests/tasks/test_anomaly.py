import numpy as np
import pytest

from evonas.tasks.anomaly import (
    auc,
    by_machine,
    confidence_scores,
    partial_auc,
    reconstruction_scores,
)
from evonas.tasks.toyadmos import AnomalyTest


def test_auc_counts_the_pairs_in_order_and_half_of_the_ties():
    # anomalies 3 and 2 against normal 1, 2, 4: 3 beats 1 and 2, 2 beats 1 and ties with 2
    scores = np.array([3.0, 2, 1, 2, 4])

    assert auc(scores, np.array([True, True, False, False, False])) == pytest.approx(3.5 / 6)


def test_auc_equals_scikit_learns(rng):
    roc_auc_score = pytest.importorskip("sklearn.metrics").roc_auc_score
    scores, is_anomaly = rng.integers(0, 20, 300) / 10, rng.random(300) < 0.4

    assert auc(scores, is_anomaly) == pytest.approx(roc_auc_score(is_anomaly, scores))


def test_partial_auc_looks_at_few_false_alarms_alone():
    # a tenth of 20 normal clips are 20.5 and 20; of the anomalies 22, 19.5 and 1 one comes before
    # them, so a third is hit all the way
    scores = np.array([*np.arange(2, 19), 20.0, 20.5, 0, 22, 19.5, 1])
    is_anomaly = np.arange(23) >= 20
    area, chance, best = 0.1 * 1 / 3, 0.1**2 / 2, 0.1

    found = partial_auc(scores, is_anomaly)

    assert found == pytest.approx((1 + (area - chance) / (best - chance)) / 2)
    assert partial_auc(np.where(is_anomaly, 30, scores), is_anomaly) == pytest.approx(1)
    assert partial_auc(np.where(is_anomaly, -1, scores), is_anomaly) < 0.5


@pytest.mark.parametrize("levels", [4, 20, 1000])
def test_partial_auc_equals_scikit_learns(rng, levels):
    roc_auc_score = pytest.importorskip("sklearn.metrics").roc_auc_score
    for n in (23, 300):
        scores, is_anomaly = rng.integers(0, levels, n) / 10, rng.random(n) < 0.4

        expected = roc_auc_score(is_anomaly, scores, max_fpr=0.1)
        assert partial_auc(scores, is_anomaly) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [auc, partial_auc])
def test_measures_need_both_kinds(measure):
    with pytest.raises(ValueError, match="got 0 and 2"):
        measure(np.ones(2), np.zeros(2, bool))


@pytest.fixture
def test_part():
    """Two machines with a normal and an anomalous clip each, of two samples."""
    return AnomalyTest(
        X=np.zeros((4, 2, 128, 8), np.float32),
        machine=np.array([0, 0, 1, 1]),
        is_anomaly=np.array([False, True, False, True]),
        names=("ToyCar 01", "ToyCar 02"),
    )


def test_a_clip_is_the_more_anomalous_the_less_its_own_machine_is_recognised(test_part):
    probability = np.array([[0.9, 0.8], [0.7, 0.2], [0.5, 0.5], [0.9, 0.9]])  # of the own machine
    own = np.log(probability)
    other = np.log(1 - probability)
    first = test_part.machine[:, None] == 0
    log_probabilities = np.stack([np.where(first, own, other), np.where(first, other, own)], axis=2)

    found = by_machine(auc, confidence_scores(log_probabilities, test_part), test_part)

    assert found == {"ToyCar 01": 1.0, "ToyCar 02": 0.0, "mean": 0.5}


def test_a_clip_is_the_more_anomalous_the_worse_it_is_reconstructed(test_part):
    # means over the samples 2, 3, 5 and 1
    errors = np.array([[1.0, 3.0], [3.0, 3.0], [0.0, 10.0], [1.0, 1.0]])

    scores = reconstruction_scores(errors, test_part)

    assert scores.tolist() == [2.0, 3.0, 5.0, 1.0]
    assert by_machine(auc, scores, test_part) == {"ToyCar 01": 1.0, "ToyCar 02": 0.0, "mean": 0.5}


def test_another_shape_is_refused(test_part):
    with pytest.raises(ValueError, match=r"of shape \(4, 2, 2\), got \(4, 2\)"):
        confidence_scores(np.zeros((4, 2)), test_part)
    with pytest.raises(ValueError, match=r"errors of shape \(4, 2\), got \(4,\)"):
        reconstruction_scores(np.zeros(4), test_part)
