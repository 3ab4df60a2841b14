from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas import pareto
from evonas.pareto import Box

SMALL_POINTS = st.integers(1, 4).flatmap(
    lambda n_obj: st.lists(
        st.lists(st.integers(0, 5), min_size=n_obj, max_size=n_obj), min_size=1, max_size=12
    )
)
"""Points on a small grid, so that copies and ties are common."""


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.all(a <= b) and np.any(a < b))


@pytest.fixture
def box() -> Box:
    return Box(ideal=(0.0, 100.0), reference=(0.8, 10_000.0), log10=(False, True))


def test_a_worse_point_is_dominated_and_a_trade_off_is_not():
    F = [[1, 4], [2, 2], [4, 1], [3, 3], [2, 5]]  # (3, 3) by (2, 2), (2, 5) by (1, 4)

    assert pareto.non_dominated(F).tolist() == [True, True, True, False, False]


def test_all_copies_of_a_non_dominated_point_are_kept():
    assert pareto.non_dominated([[1, 2], [1, 2], [1, 3]]).tolist() == [True, True, False]


def test_no_points_have_an_empty_mask_and_no_volume():
    assert pareto.non_dominated(np.empty((0, 2))).tolist() == []
    assert pareto.hypervolume(np.empty((0, 2)), [1, 1]) == 0.0


def test_infinite_values_are_the_worst():
    assert pareto.non_dominated([[1, np.inf], [1, 2], [0, np.inf]]).tolist() == [False, True, True]


@given(SMALL_POINTS)
@settings(max_examples=150, deadline=None)
def test_non_dominated_is_its_definition_over_all_pairs(rows):
    F = np.array(rows, dtype=float)

    expected = [not any(dominates(other, point) for other in F) for point in F]

    assert pareto.non_dominated(F).tolist() == expected


@given(SMALL_POINTS)
@settings(max_examples=60, deadline=None)
def test_hypervolume_is_the_number_of_dominated_unit_cells(rows):
    F = np.array(rows)
    ref = 4  # some points lie on it or beyond
    cells = np.array(list(product(range(ref), repeat=F.shape[1])))

    dominated = (cells[:, None] >= F[None]).all(axis=2).any(axis=1)

    assert pareto.hypervolume(F, [ref] * F.shape[1]) == pytest.approx(dominated.sum())


def test_hypervolume_of_two_steps_is_the_union_of_their_rectangles():
    # 3 x 1 and 2 x 3 up to (4, 4), overlapping in 2 x 1.
    assert pareto.hypervolume([[1, 3], [2, 1]], [4, 4]) == pytest.approx(3 + 6 - 2)


def test_igd_plus_counts_only_where_a_point_is_worse():
    # To (0, 2) the nearest is (1, 0): worse by 1 in the first objective only; to (2, 0) none.
    assert pareto.igd_plus([[1, 0]], [[0, 2], [2, 0]]) == pytest.approx(0.5)


def test_additive_epsilon_is_the_largest_shift_needed():
    # (0, 2) needs a shift of 1 from (1, 2); (2, 0) needs 2 from either.
    assert pareto.additive_epsilon([[1, 2], [3, 2]], [[0, 2], [2, 0]]) == pytest.approx(2.0)


def test_no_points_are_infinitely_far_from_a_front():
    nothing = np.empty((0, 2))

    assert pareto.igd_plus(nothing, [[0, 1]]) == np.inf
    assert pareto.additive_epsilon(nothing, [[0, 1]]) == np.inf


@pytest.mark.parametrize(
    "call",
    [
        lambda F: pareto.non_dominated(F),
        lambda F: pareto.hypervolume(F, [1, 1]),
        lambda F: pareto.igd_plus(F, [[0, 0]]),
        lambda F: pareto.additive_epsilon(F, [[0, 0]]),
        lambda F: pareto.farthest_point_order(F, 0),
        lambda F: Box((0.0, 0.0), (1.0, 1.0), (False, False)).normalise(F),
    ],
)
def test_nan_and_wrong_shapes_are_errors(call):
    with pytest.raises(ValueError, match="Expected F(_normalised)? without NaN, got 1"):
        call([[0.1, np.nan], [0.2, 0.3]])
    with pytest.raises(
        ValueError, match=r"Expected F(_normalised)? of shape \(n, .*\), got \(2,\)"
    ):
        call([0.1, 0.2])


def test_wrong_columns_are_an_error_that_names_both_shapes():
    with pytest.raises(ValueError, match=r"Expected F of shape \(n, 2\), got \(8, 3\)\."):
        pareto.hypervolume(np.zeros((8, 3)), [1, 1])


def test_box_measures_costs_by_their_logarithm(box):
    # 1000 is half way from 100 to 10 000 in the logarithm; 0.2 a quarter of 0.8.
    assert box.normalise([[0.2, 1000.0]]) == pytest.approx(np.array([[0.25, 0.5]]))


def test_box_takes_a_value_better_than_the_ideal_for_the_ideal(box):
    coordinates = box.normalise([[-1.0, 0.0], [1.6, 1e6]])

    assert coordinates == pytest.approx(np.array([[0.0, 0.0], [2.0, 2.0]]))


def test_normalised_hypervolume_is_the_dominated_share_of_the_box(box):
    assert pareto.normalised_hypervolume([[0.2, 1000.0]], box) == pytest.approx(0.75 * 0.5)
    assert pareto.normalised_hypervolume([[0.0, 100.0]], box) == pytest.approx(1.0)
    assert pareto.normalised_hypervolume([[0.0, 10_000.0], [0.9, 100.0]], box) == 0.0


def test_points_outside_the_reference_add_nothing_to_a_front(box):
    inside, outside = [0.4, 1000.0], [0.01, 20_000.0]

    both = pareto.normalised_hypervolume([inside, outside], box)

    assert both == pareto.normalised_hypervolume([inside], box)


def test_box_from_points_bounds_them():
    box = Box.from_points([[0.5, 10], [0.1, 1000]], log10=[False, True])

    assert box == Box((0.1, 10.0), (0.5, 1000.0), (False, True))


@pytest.mark.parametrize(
    ("ideal", "reference", "log10"),
    [
        ((0.0, 1.0), (1.0,), (False, True)),
        ((1.0,), (1.0,), (False,)),
        ((0.0,), (float("nan"),), (False,)),
        ((0.0,), (1.0,), (True,)),
        ((), (), ()),
    ],
)
def test_a_box_without_an_inside_is_an_error(ideal, reference, log10):
    with pytest.raises(ValueError, match="Expected"):
        Box(ideal, reference, log10)


def test_knee_is_the_point_nearest_to_the_ideal_in_the_box(box):
    # Coordinates (0.1, 0.9), (0.3, 0.4), (0.9, 0): the second, although the first has less error.
    F = [[0.08, 100 * 10**1.8], [0.24, 100 * 10**0.8], [0.72, 100.0]]

    assert pareto.knee(F, box) == 1


def test_knee_of_equal_points_is_the_first_and_of_none_an_error(box):
    assert pareto.knee([[0.8, 200.0], [0.2, 200.0], [0.2, 200.0]], box) == 1
    with pytest.raises(ValueError, match="at least one point"):
        pareto.knee(np.empty((0, 2)), box)


def test_farthest_point_order_takes_the_ends_then_the_largest_gaps():
    line = np.array([0.0, 0.1, 0.5, 0.9, 1.0])[:, None]

    order = pareto.farthest_point_order(line, start=0)

    assert order.tolist() == [0, 4, 2, 1, 3]  # 1.0, then 0.5; 0.1 and 0.9 tie: the first


def test_farthest_point_order_orders_copies_once_each():
    order = pareto.farthest_point_order([[0, 0], [0, 0], [1, 1]], start=1)

    assert order.tolist() == [1, 2, 0]


@pytest.mark.parametrize("start", [-1, 2])
def test_farthest_point_order_needs_a_start_among_the_points(start):
    with pytest.raises(ValueError, match=r"Expected start in 0\.\.1"):
        pareto.farthest_point_order([[0, 0], [1, 1]], start)


def test_the_knee_lies_inside_the_box_where_a_point_does():
    box = Box((0.0, 1.0, 1.0, 1.0), (0.6, 1e4, 1e4, 1e4), (False, True, True, True))
    constant, useful = [0.66, 1.0, 1.0, 1.0], [0.3, 6e3, 6e3, 6e3]
    assert np.linalg.norm(box.normalise([constant])) < np.linalg.norm(box.normalise([useful]))
    assert pareto.knee([constant, useful], box) == 1
    assert pareto.knee([constant], box) == 0
