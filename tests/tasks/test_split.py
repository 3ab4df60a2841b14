import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from evonas.errors import ConfigError, DataError
from evonas.tasks.split import split, validation_mask
from evonas.tasks.splits import RawData


@pytest.fixture
def raw(rng):
    """40 samples whose first value is their number."""
    X = rng.normal(size=(40, 2, 3)).astype(np.float32)
    X[:, 0, 0] = np.arange(40)
    y = np.arange(40) % 4
    return RawData(X_train=X, y_train=y, X_test=X[:8] + 100, y_test=y[:8])


def numbers(part, splits):
    mean, std = splits.normalisation.mean[0], splits.normalisation.std[0]
    return np.round(part.X[:, 0, 0] * std + mean).astype(int).tolist()


def test_train_and_validation_share_no_sample_and_lose_none(raw):
    splits = split(raw, 0.25, seed=0)

    train, val = numbers(splits.train, splits), numbers(splits.val, splits)

    assert sorted(train + val) == list(range(40))
    assert len(val) == 12  # 3 of the 10 of each class, as 2.5 rounds up


def test_labels_stay_with_their_samples(raw):
    splits = split(raw, 0.25, seed=0)

    for part in (splits.train, splits.val):
        assert [n % 4 for n in numbers(part, splits)] == part.y.tolist()


def test_normalisation_is_fitted_on_the_training_part_alone(raw):
    splits = split(raw, 0.25, seed=0)

    assert splits.train.X.mean(axis=(0, 2)) == pytest.approx([0, 0], abs=1e-6)
    assert splits.train.X.std(axis=(0, 2)) == pytest.approx([1, 1], abs=1e-6)
    others = raw.X_train.copy()
    others[validation_mask(raw, 0.25, 0)] += 1000
    same = split(replace(raw, X_train=others), 0.25, seed=0)
    assert same.normalisation.mean.tolist() == splits.normalisation.mean.tolist()


def test_the_test_part_gets_the_training_parts_normalisation(raw):
    splits = split(raw, 0.25, seed=0)

    natural = splits.test.X * splits.normalisation.std[:, None] + splits.normalisation.mean[:, None]

    assert natural == pytest.approx(raw.X_test, abs=1e-4)


def test_the_raw_data_stays_as_it_was(raw):
    before = raw.X_train.copy(), raw.X_test.copy()

    split(replace(raw, scale=np.array([2.0, 3.0])), 0.25, seed=0)

    assert np.array_equal(raw.X_train, before[0])
    assert np.array_equal(raw.X_test, before[1])


def test_scale_changes_natural_units_but_not_what_networks_see(raw):
    plain, scaled = split(raw, 0.25, 0), split(replace(raw, scale=np.array([2.0, 3.0])), 0.25, 0)

    assert scaled.normalisation.mean == pytest.approx(plain.normalisation.mean * [2, 3], rel=1e-5)
    np.testing.assert_allclose(scaled.train.X, plain.train.X, atol=1e-5)


def test_groups_stay_whole(raw):
    groups = np.arange(40) // 4
    splits = split(replace(raw, groups_train=groups), 0.25, seed=0)

    train = {groups[n] for n in numbers(splits.train, splits)}
    val = {groups[n] for n in numbers(splits.val, splits)}

    assert not train & val
    assert len(val) in (2, 3)
    assert "groups whole" in splits.notes[0]


def test_a_class_missing_from_validation_is_noted(raw):
    groups = np.where(raw.y_train == 3, 0, np.arange(40) // 4)  # class 3 lives in group 0
    named = replace(raw, groups_train=groups, class_names=("a", "b", "c", "fall"))

    assert "Validation has no sample of class fall." in split(named, 0.25, seed=0).notes


def test_types_are_float32_inputs_and_int64_classes(raw):
    splits = split(replace(raw, X_train=raw.X_train.astype(np.float64)), 0.25, seed=0)

    for part in (splits.train, splits.val, splits.test):
        assert (part.X.dtype, part.y.dtype) == (np.float32, np.int64)
    assert (splits.num_outputs, splits.is_regression) == (4, False)
    assert splits.input_shape == (2, 3)


def test_regression_targets_stay_in_natural_units(raw):
    target = replace(raw, y_train=np.arange(40) * 10.0, y_test=np.arange(8) * 10.0)
    splits = split(target, 0.25, seed=0)

    assert (splits.num_outputs, splits.is_regression) == (1, True)
    assert splits.val.y.dtype == np.float32
    assert [n * 10.0 for n in numbers(splits.val, splits)] == splits.val.y.tolist()
    assert len(splits.val) == 10


def test_no_test_part_becomes_an_empty_one(raw):
    splits = split(replace(raw, X_test=raw.X_test[:0], y_test=raw.y_test[:0]), 0.25, seed=0)

    assert splits.test.X.shape == (0, 2, 3)


def test_the_fingerprint_tells_data_and_split_apart(raw):
    changed = raw.X_test.copy()
    changed[-1, -1, -1] += 1
    prints = [
        split(raw, 0.25, seed=0).fingerprint,
        split(raw, 0.25, seed=1).fingerprint,
        split(raw, 0.5, seed=0).fingerprint,
        split(replace(raw, X_test=changed), 0.25, seed=0).fingerprint,
        split(replace(raw, scale=np.ones(2)), 0.25, seed=0).fingerprint,
        split(replace(raw, y_train=raw.y_train.astype(np.int32)), 0.25, seed=0).fingerprint,
    ]

    assert len(set(prints)) == 6
    assert split(raw, 0.25, seed=0).fingerprint == prints[0]


def test_images_are_split_like_series(rng):
    X = rng.integers(0, 255, size=(20, 3, 4, 5), dtype=np.uint8)
    splits = split(RawData(X, np.arange(20) % 2, X[:0], np.zeros(0, int)), 0.25, seed=0)

    assert splits.input_shape == (3, 4, 5)
    assert splits.train.X.mean(axis=(0, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-5)


@pytest.mark.parametrize("validation", [0, 1, -0.5, float("nan")])
def test_a_share_outside_0_to_1_is_refused(raw, validation):
    with pytest.raises(ConfigError, match="validation between 0 and 1"):
        split(raw, validation, seed=0)


def test_wrong_data_is_refused(raw):
    with pytest.raises(DataError, match="one label per sample"):
        split(replace(raw, y_train=raw.y_train[:-1]), 0.25, seed=0)


def test_the_sets_own_validation_part_is_taken_as_it_is(raw):
    own = np.arange(40) >= 30
    splits = [split(replace(raw, is_validation=own), 0.5, seed) for seed in (0, 1)]

    assert numbers(splits[0].val, splits[0]) == list(range(30, 40))
    assert numbers(splits[0].train, splits[0]) == list(range(30))
    assert splits[0].fingerprint == splits[1].fingerprint
    assert "Validation is the set's own part, 25.0 %" in splits[0].notes[0]


def several(raw, n_columns):
    """The raw data with targets of which column k is the sample's number + 100 k."""
    y = np.arange(40.0)[:, None] + 100 * np.arange(n_columns)
    return replace(raw, y_train=y, y_test=y[:8])


def test_several_numbers_stay_with_their_samples(raw):
    splits = split(several(raw, 3), 0.25, seed=0)

    assert (splits.num_outputs, splits.target) == (3, "3 numbers")
    assert splits.test.y.shape == (8, 3)
    for part in (splits.train, splits.val):
        assert part.y.dtype == np.float32
        expected = np.array(numbers(part, splits))[:, None] + [0, 100, 200]
        assert part.y.tolist() == expected.tolist()


def test_groups_of_several_numbers_stay_whole(raw):
    splits = split(replace(several(raw, 3), groups_train=np.arange(40) // 5), 0.25, seed=0)

    groups = {n // 5 for n in numbers(splits.val, splits)}
    assert len(splits.val) == 5 * len(groups)


def test_one_number_in_a_column_is_one_number(raw):
    column = split(several(raw, 1), 0.25, seed=0)
    flat = split(replace(raw, y_train=np.arange(40.0), y_test=np.arange(8.0)), 0.25, seed=0)

    assert (column.num_outputs, column.target) == (1, "a number")
    for name in ("train", "val", "test"):
        ours, theirs = getattr(column, name), getattr(flat, name)
        assert np.array_equal(ours.X, theirs.X)
        assert ours.y.tolist() == theirs.y.tolist()


def test_every_target_is_part_of_the_fingerprint(raw):
    first = several(raw, 3)
    y = first.y_train.copy()
    y[7, 2] += 1

    assert (
        split(first, 0.25, 0).fingerprint != split(replace(first, y_train=y), 0.25, 0).fingerprint
    )


def test_parts_do_not_share_memory_with_the_callers_arrays(raw):
    y = several(raw, 3).y_train.astype(np.float32)
    splits = split(replace(raw, y_train=y, y_test=y[:8]), 0.25, seed=0)

    for part in (splits.train, splits.val, splits.test):
        assert not np.shares_memory(part.y, y)


def test_targets_as_large_as_the_inputs_are_held_once():
    X = np.random.default_rng(0).normal(size=(20_000, 64, 5)).astype(np.float32)
    raw = RawData(X_train=X, y_train=X.reshape(len(X), -1), X_test=X[:0], y_test=np.zeros((0, 320)))
    tracemalloc.start()
    try:
        split(raw, 0.25, seed=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 2 < peak / X.nbytes < 2.6  # inputs and targets, and a block in float64
