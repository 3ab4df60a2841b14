import numpy as np
import pytest

from evonas.errors import DataError
from evonas.proxy.batches import batches, used_samples
from evonas.proxy.recipe import Recipe
from evonas.tasks.splits import Normalisation, Part, Splits


def splits_of(y):
    y = np.asarray(y)
    part = Part(np.zeros((len(y), 1, 4), np.float32), y)
    normalisation = Normalisation(np.zeros(1, np.float32), np.ones(1, np.float32))
    return Splits(part, part, part, 3, y.dtype.kind == "f", normalisation)


def test_all_samples_are_used_by_default():
    assert used_samples(splits_of([2, 0, 1, 1]), 1.0).tolist() == [0, 1, 2, 3]


def test_a_fraction_keeps_the_shares_of_the_classes_and_one_of_each():
    y = np.array([0] * 60 + [1] * 39 + [2])
    used = used_samples(splits_of(np.roll(y, 17)), 0.1)

    counts = np.bincount(np.roll(y, 17)[used], minlength=3)
    assert counts.tolist() == [6, 4, 1]


def test_a_fraction_of_numbers_spans_their_range():
    used = used_samples(splits_of(np.arange(100.0)[::-1]), 0.1)

    assert used.tolist() == list(range(4, 100, 10))


def test_every_pass_sees_each_sample_once_and_in_another_order():
    samples = np.arange(10, 31)  # 21 samples: batches of 5, the last of 6
    seen = list(batches(samples, Recipe(epochs=2, batch_size=5), seed=3))

    assert [len(batch) for batch in seen] == [5, 5, 5, 6] * 2
    first, second = np.concatenate(seen[:4]), np.concatenate(seen[4:])
    assert sorted(first) == sorted(second) == samples.tolist()
    assert first.tolist() != second.tolist()


def test_steps_end_the_last_pass_early():
    seen = list(batches(np.arange(8), Recipe(steps=5, batch_size=4), seed=0))

    assert [len(batch) for batch in seen] == [4] * 5


def test_the_order_is_a_function_of_the_seed():
    first, again, other = (
        np.concatenate(list(batches(np.arange(20), Recipe(epochs=1), seed))) for seed in (1, 1, 2)
    )

    assert first.tolist() == again.tolist() != other.tolist()


def test_one_training_sample_is_refused():
    with pytest.raises(DataError, match="at least 2"):
        used_samples(splits_of([0]), 1.0)
