from __future__ import annotations

import numpy as np
import pytest

from evonas.analysis import front_indices, hypervolume_over_trials, spread_indices
from evonas.pareto import Box, normalised_hypervolume

UNIT = Box((0.0, 0.0), (1.0, 1.0), (False, False))


def test_hypervolume_over_trials_adds_what_each_trial_alone_dominates():
    F = [[0.5, 0.5], [0.75, 0.75], [0.75, 0.25], [0.25, 1.0]]

    # 1/4; dominated; + 1/4 x 1/4; on the reference.
    assert hypervolume_over_trials(F, UNIT) == pytest.approx([0.25, 0.25, 0.3125, 0.3125])


@pytest.mark.parametrize("n_obj", [1, 2, 3, 4])
def test_hypervolume_over_trials_equals_that_of_every_beginning(n_obj):
    rng = np.random.default_rng(n_obj)
    box = Box((0.0,) + (10.0,) * (n_obj - 1), (0.9,) + (900.0,) * (n_obj - 1), (False,) * n_obj)
    F = np.column_stack([rng.random(60), 10 + 1000 * rng.random((60, n_obj - 1))])
    is_feasible = rng.random(60) < 0.7

    shown = hypervolume_over_trials(F, box, is_feasible)

    beginnings = [F[:i][is_feasible[:i]] for i in range(1, 61)]
    expected = [normalised_hypervolume(beginning, box) for beginning in beginnings]
    assert shown == pytest.approx(expected)
    assert (np.diff(shown) >= 0).all()


def test_infeasible_trials_count_nothing_and_may_hold_nan():
    F = [[np.nan, 0.1], [0.5, 0.5], [0.0, np.inf]]

    assert hypervolume_over_trials(F, UNIT, [False, True, False]).tolist() == [0, 0.25, 0.25]
    assert front_indices(F, [False, True, False]).tolist() == [1]


def test_a_feasible_nan_is_an_error():
    with pytest.raises(ValueError, match="without NaN"):
        hypervolume_over_trials([[np.nan, 0.1]], UNIT)


def test_a_mask_of_another_length_is_an_error():
    with pytest.raises(ValueError, match=r"Expected is_feasible of shape \(1,\), got \(2,\)"):
        front_indices([[0.1, 0.1]], [True, False])


def test_no_trials_have_no_hypervolume_and_no_front():
    nothing = np.empty((0, 2))

    assert hypervolume_over_trials(nothing, UNIT).shape == (0,)
    assert spread_indices(nothing, UNIT, 3).tolist() == []


def test_front_indices_are_sorted_by_the_first_objective():
    F = [[0.9, 0.1], [0.5, 0.5], [0.6, 0.6], [0.1, 0.9], [0.5, 0.5]]

    assert front_indices(F).tolist() == [3, 1, 4, 0]


def test_spread_indices_start_at_the_knee_and_take_the_ends():
    F = [[0.0, 0.9], [0.1, 0.7], [0.3, 0.3], [0.3, 0.3], [0.7, 0.1], [0.9, 0.0], [0.8, 0.8]]

    chosen = spread_indices(F, UNIT, n=3).tolist()

    assert chosen == [2, 0, 5]
    assert set(spread_indices(F, UNIT, n=99).tolist()) == {0, 1, 2, 4, 5}


def test_spread_indices_take_points_outside_the_box_last():
    F = [[0.4, 0.4], [0.1, 5.0], [0.3, 0.5]]

    assert spread_indices(F, UNIT, n=3).tolist() == [0, 2, 1]
