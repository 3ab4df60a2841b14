import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.labels import encode_labels, encode_texts, has_gaps, sort_names


def test_numbers_sort_by_value_and_text_by_letters():
    assert sort_names(["10", "9", "9", "-1.5"]) == ["-1.5", "9", "10"]
    assert sort_names(["10", "9", "b", "a"]) == ["10", "9", "a", "b"]


def test_training_and_test_labels_share_one_numbering():
    train, test, names = encode_labels(np.array(["c", "a"]), np.array(["b"]))

    assert (train.tolist(), test.tolist(), names) == ([2, 0], [1], ("a", "b", "c"))


def test_gaps_are_looked_for_in_training_and_test_labels_together():
    assert not has_gaps(np.array([0, 2]), np.array([1]))
    assert has_gaps(np.array([1, 2]), np.array([1]))
    assert not has_gaps(np.array([1.5]), np.array([2.5]))


def test_texts_with_a_fraction_are_numbers_where_the_target_is_open():
    (numbers,), names = encode_texts([np.array(["1", "2.5", ""])], "auto")

    assert names is None
    assert numbers[:2].tolist() == [1, 2.5]
    assert np.isnan(numbers[2])


def test_whole_numbers_are_classes_where_the_target_is_open():
    (first, second), names = encode_texts([np.array(["10", ""]), np.array(["9"])], "auto")

    assert (first.tolist(), second.tolist(), names.tolist()) == ([1, -1], [0], ["9", "10"])


def test_whole_numbers_are_numbers_where_asked():
    assert encode_texts([np.array(["1", "2"])], "number")[1] is None


def test_words_are_no_numbers():
    with pytest.raises(DataError, match="labels that are numbers, got 'walk'"):
        encode_texts([np.array(["1", "walk"])], "number")


def test_blank_labels_alone_are_refused():
    with pytest.raises(DataError, match="Every label is blank"):
        encode_texts([np.array(["", ""])], "auto")
