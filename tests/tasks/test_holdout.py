import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.errors import DataError
from evonas.tasks.holdout import random_mask, stratified_mask, whole_groups_mask

labels = st.lists(st.integers(0, 4), min_size=4, max_size=60).map(np.array)
shares = st.floats(0.05, 0.95)


def test_random_holds_out_the_share(rng):
    assert random_mask(20, 0.25, rng).sum() == 5


def test_random_leaves_something_on_both_sides(rng):
    assert random_mask(2, 0.01, rng).sum() == 1
    assert random_mask(2, 0.99, rng).sum() == 1


def test_random_cannot_hold_out_of_one_sample(rng):
    with pytest.raises(DataError, match="at least 2 samples"):
        random_mask(1, 0.5, rng)


def test_stratified_holds_out_the_share_of_every_class(rng):
    y = np.repeat([0, 1, 2], [40, 20, 3])

    mask = stratified_mask(y, 0.25, rng)

    assert np.bincount(y[mask]).tolist() == [10, 5, 1]  # 0.25 * 3 = 0.75 rounds to 1


@given(y=labels, share=shares, seed=st.integers(0, 5))
def test_stratified_has_every_class_of_two_samples_on_both_sides(y, share, seed):
    if np.bincount(y).max() < 2:
        return
    mask = stratified_mask(y, share, np.random.default_rng(seed))

    for k in np.unique(y):
        n_held = np.count_nonzero(mask & (y == k))
        assert (1 <= n_held <= np.sum(y == k) - 1) if np.sum(y == k) > 1 else n_held == 0


def test_stratified_needs_a_class_of_two_samples(rng):
    with pytest.raises(DataError, match="No class has two samples"):
        stratified_mask(np.array([0, 1, 2]), 0.5, rng)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=2, max_size=40),
    share=shares,
    seed=st.integers(0, 5),
)
def test_groups_stay_whole_and_every_class_stays_in_training(rows, share, seed):
    groups, y = np.array(rows).T
    try:
        mask = whole_groups_mask(groups, y, share, np.random.default_rng(seed))
    except DataError:
        every = {
            g for k in np.unique(y) for g in [np.unique(groups[y == k])] if len(g) == 1 for g in g
        }
        assert every == set(groups.tolist())  # each group alone holds some class
        return

    assert 0 < mask.sum() < len(mask)
    assert not set(groups[mask]) & set(groups[~mask])
    assert set(y[~mask]) == set(y)


def test_groups_of_equal_size_meet_the_share(rng):
    groups = np.repeat(np.arange(20), 7)

    mask = whole_groups_mask(groups, None, 0.25, rng)

    assert mask.sum() == 5 * 7


def test_groups_are_chosen_so_that_classes_are_held_out_alike(rng):
    groups = np.repeat(np.arange(20), 10)
    y = np.repeat(np.arange(20) % 2, 10)  # half of the groups hold class 0, half class 1

    mask = whole_groups_mask(groups, y, 0.2, rng)

    assert np.bincount(y[mask]).tolist() == [20, 20]


def test_a_class_that_lives_in_one_group_stays_in_training(rng):
    groups = np.repeat(np.arange(4), 5)
    y = np.where(groups == 2, 1, 0)

    for _ in range(10):
        assert not whole_groups_mask(groups, y, 0.25, rng)[groups == 2].any()


def test_one_group_cannot_be_held_out(rng):
    with pytest.raises(DataError, match=r"belong to one group \(s1\)"):
        whole_groups_mask(np.array(["s1", "s1"]), None, 0.5, rng)


def test_groups_that_are_classes_cannot_be_held_out(rng):
    with pytest.raises(DataError, match="Each of the 3 groups holds all samples of some class"):
        whole_groups_mask(np.arange(3), np.arange(3), 0.5, rng)
