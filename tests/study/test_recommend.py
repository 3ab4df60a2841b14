"""The recommended network, on fronts written by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.pareto import Box
from evonas.study.recommend import SLACK, recommend, worth_having
from evonas.study.trial import Trial

BOX = Box(ideal=(0.0, 100.0), reference=(0.9, 10_000.0), log10=(False, True))


def trial(number, error, params):
    return Trial(number, (0,), str(number), {"error": error, "params": params}, "complete")


def study(front, seed_error=0.20, names=("error", "params")):
    """Returns what `recommend` reads of a study."""
    seed = trial(-1, seed_error, 10_000.0)
    if seed_error is None:
        seed = replace(seed, values={"params": 10_000.0})
    problem = SimpleNamespace(
        objectives=[SimpleNamespace(name=name) for name in names],
        judged_by="error",
        columns=lambda rows: np.array([[row[name] for name in names] for row in rows]),
    )
    box = BOX if len(names) == 2 else Box((100.0,), (10_000.0,), (True,))
    return SimpleNamespace(
        front=lambda: list(front), seed_trial=lambda: seed, problem=problem, box=box, directory="d"
    )


TINY = trial(1, 0.55, 100.0)  # 0.61 from the ideal: the knee of the whole front
SMALL = trial(2, 0.24, 2_000.0)  # 0.04 above the seed network's error, 0.70 from the ideal
LARGE = trial(3, 0.15, 9_000.0)  # 0.99 from the ideal


def test_a_network_that_hardly_predicts_is_not_recommended_although_it_is_the_knee():
    assert pytest.approx(0.045) == SLACK * 0.9
    assert worth_having(study([TINY, SMALL, LARGE]), [TINY, SMALL, LARGE]) == [SMALL, LARGE]
    assert recommend(study([TINY, SMALL, LARGE])) is SMALL
    assert recommend(study([TINY, SMALL, LARGE], seed_error=0.6)) is TINY


def test_the_whole_front_is_taken_where_no_network_comes_near_the_seed_network():
    assert recommend(study([TINY, SMALL, LARGE], seed_error=0.01)) is TINY


def test_the_whole_front_is_taken_before_the_seed_network_is_trained_and_of_costs_alone():
    assert recommend(study([TINY, SMALL, LARGE], seed_error=None)) is TINY
    assert recommend(study([LARGE, TINY], names=("params",))) is TINY


def test_a_condition_stands_in_place_of_the_seed_network():
    assert recommend(study([TINY, SMALL, LARGE]), "params <= 500") is TINY
    with pytest.raises(ConfigError, match="no network on the front that satisfies 'params <= 5'"):
        recommend(study([TINY, SMALL, LARGE]), "params <= 5")
