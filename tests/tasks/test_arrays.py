import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.arrays import from_arrays
from evonas.tasks.check import check

X = np.zeros((4, 1, 3), np.float32)


def test_integers_from_0_stay_as_they_are():
    raw = from_arrays(X, [0, 1, 1, 0], X[:1], [1])

    assert raw.y_train.tolist() == [0, 1, 1, 0]
    assert raw.class_names == ()


def test_strings_are_numbered_in_alphabetical_order():
    raw = from_arrays(X, ["walk", "sit", "walk", "sit"], X[:2], ["sit", "walk"])

    assert raw.y_train.tolist() == [1, 0, 1, 0]
    assert raw.y_test.tolist() == [0, 1]
    assert raw.class_names == ("sit", "walk")


def test_integers_with_gaps_are_numbered_by_value_and_named():
    raw = from_arrays(X, [10, 2, 10, -1])

    assert raw.y_train.tolist() == [2, 1, 2, 0]
    assert raw.class_names == ("-1", "2", "10")


def test_booleans_are_two_classes():
    raw = from_arrays(X, [True, False, True, False])

    check(raw)
    assert raw.y_train.tolist() == [1, 0, 1, 0]


def test_an_object_column_of_strings_is_taken():
    assert from_arrays(X, np.array(["b", "a", "a", "b"], dtype=object)).class_names == ("a", "b")


def test_floats_are_a_target_even_where_they_are_whole():
    assert from_arrays(X, [1.0, 2.0, 3.0, 4.0]).is_regression


def test_without_a_test_part_it_is_empty():
    raw = from_arrays(X, ["a", "b", "a", "b"])

    check(raw)
    assert (len(raw.X_test), len(raw.y_test)) == (0, 0)


def test_groups_and_scale_are_kept():
    raw = from_arrays(X, [0, 1, 0, 1], groups=["s1", "s1", "s2", "s2"], scale=[2.0])

    check(raw)
    assert raw.groups_train.tolist() == ["s1", "s1", "s2", "s2"]
    assert raw.scale.tolist() == [2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X, "y": [0, 1, 0, 1], "X_test": X}, "both X_test and y_test, or neither"),
        ({"X": [[1, 2], [3]], "y": [0, 1]}, "Expected X as one array"),
        ({"X": X, "y": [None, 1, 0, 1]}, "Expected y of numbers or strings"),
        ({"X": 3.0, "y": [0]}, "Expected X as an array, got 3.0"),
    ],
)
def test_what_is_no_array_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        from_arrays(**arguments)
