"""Multi-fidelity: which candidates go on, with which recipe, and what was reached."""

import numpy as np
import pytest
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.proxy.recipe import Recipe
from evonas.study.rungs import (
    by_rung,
    crowding_distances,
    expected_steps,
    promoted,
    ranked,
    rung_recipe,
)
from evonas.study.trial import Evaluation


def evaluation(stage, seed, metric=0.5, error=None):
    return Evaluation(7, stage, seed, metric, 1.0, 1.0, 10, 0.1, "torch", error)


def test_each_rung_trains_the_steps_since_the_one_below():
    recipe = Recipe(epochs=3, learning_rate=0.04)

    steps = [rung_recipe(recipe, (30, 100, 300), rung).steps for rung in range(3)]
    assert steps == [30, 70, 200]
    assert rung_recipe(recipe, (30, 100), 1) == Recipe(steps=70, learning_rate=0.04)


def test_ranks_come_before_crowding_and_the_ends_of_a_layer_before_its_middle():
    F = np.array([[2.0, 2.0], [3.0, 3.0], [0.0, 5.0], [5.0, 0.0], [1.0, 3.0]])

    # layer 1 is points 0, 2, 3, 4: ends 2 and 3; 0 lies between (1, 3) and (5, 0): 4/5 + 3/5;
    # 4 between (0, 5) and (2, 2): 2/5 + 3/5. Layer 2 is point 1.
    assert crowding_distances(F[[0, 4]]).tolist() == [np.inf, np.inf]
    distances = crowding_distances(F[[0, 2, 3, 4]])
    assert distances[0] == pytest.approx(1.4)
    assert distances[3] == pytest.approx(1.0)
    assert ranked(F).tolist() == [2, 3, 0, 4, 1]


def test_the_order_is_that_of_pymoo():
    rng = np.random.default_rng(0)
    for n_obj in (2, 3):
        F = rng.random((40, n_obj))
        layers = NonDominatedSorting().do(F)
        expected = []
        for layer in layers:
            distances = calc_crowding_distance(F[layer])
            expected.append(
                {(int(i), round(float(d), 9)) for i, d in zip(layer, distances, strict=True)}
            )
        order = ranked(F).tolist()
        for found, layer in zip(expected, layers, strict=True):
            own, order = order[: len(layer)], order[len(layer) :]
            assert set(own) == {i for i, _ in found}
            by_number = dict(found)
            falling = [by_number[i] for i in own]
            assert falling == sorted(falling, reverse=True)


def test_the_best_third_goes_on_once():
    F = np.column_stack([np.arange(9.0), np.arange(9.0)])[::-1]

    assert promoted(F, [False] * 9).tolist() == [8, 7, 6]
    assert promoted(F, [True] * 8 + [False]).tolist() == [8]
    assert promoted(F[:2], [False] * 2).tolist() == []
    assert promoted(F, [True] * 9).tolist() == []


def test_one_that_went_on_earlier_stays_there():
    early = np.array([[5.0, 5.0], [6.0, 6.0], [7.0, 7.0]])
    assert promoted(early, [False] * 3).tolist() == [0]
    later = np.concatenate([early, [[1.0, 1.0], [2.0, 2.0], [9.0, 9.0]]])

    assert promoted(later, [True] + [False] * 5).tolist() == [3, 4]


def test_rungs_reached_end_at_the_first_that_failed():
    rows = [evaluation("rung", 2), evaluation("rung", 1), evaluation("proxy", 0)]
    rows += [evaluation("proxy", 1), evaluation("final", 0)]
    assert [(e.stage, e.seed) for e in by_rung(rows)] == [("proxy", 0), ("rung", 1), ("rung", 2)]

    rows[1] = evaluation("rung", 1, None, "diverged")
    assert [(e.stage, e.seed) for e in by_rung(rows)] == [("proxy", 0)]


def test_the_int8_form_at_a_rung_belongs_to_it():
    rows = [evaluation("proxy", 0), evaluation("rung", 1), evaluation("rung_int8", 1, 0.6)]

    assert [e.metrics for e in by_rung(rows)] == [
        {"error": 0.5},
        {"error": 0.5, "int8_error": 0.6},
    ]


def test_a_third_of_the_candidates_takes_the_steps_of_the_next_rung():
    assert expected_steps((30, 90, 270)) == pytest.approx(30 + 60 / 3 + 180 / 9)


def table(**proxy):
    return validate_table(StudyConfig, {"task": {"kind": "synthetic"}, "proxy": proxy}, "here")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"rungs": [30, 30]}, r"rungs must rise; got 30, 30"),
        ({"rungs": [30]}, r"rungs: .* at least 2"),
        ({"rungs": [30, 60], "epochs": 3}, r"either epochs or rungs"),
    ],
)
def test_rungs_that_cannot_be_followed_are_refused(keys, message):
    with pytest.raises(ConfigError, match=message):
        table(**keys)


def test_a_study_from_before_there_were_rungs_goes_on():
    plain = table()
    data = plain.model_dump(exclude_none=True, mode="json")
    del data["proxy"]["inherit"], data["search"]["repeats"]

    assert validate_table(StudyConfig, data, "old").fixed_digest == plain.fixed_digest
    digests = {c.fixed_digest for c in (plain, table(rungs=[30, 100]), table(inherit=True))}
    assert len(digests | {plain.with_overrides(["search.repeats=1"]).fixed_digest}) == 4
