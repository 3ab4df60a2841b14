import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.ragged import align_right


def series(*values):
    return np.array([values], float)  # (1, length)


def test_shorter_series_are_padded_on_the_left_with_their_first_value():
    X, _, notes = align_right([series(1, 2, 3), series(4, 5)], [])

    assert X.tolist() == [[[1, 2, 3]], [[4, 4, 5]]]
    assert X.dtype == np.float32
    assert notes == (
        "Series of 2 to 3 samples: shorter than 3 are padded on the left with their first value.",
    )


def test_longer_test_series_keep_their_last_values():
    _, X_test, notes = align_right([series(1, 2)], [series(1, 2, 3), series(7)])

    assert X_test.tolist() == [[[2, 3]], [[7, 7]]]
    assert "1 of 2 test series are longer than the longest training series" in notes[1]


def test_equal_lengths_are_left_alone_and_nothing_is_noted():
    X, X_test, notes = align_right([series(1, 2)], [series(3, 4)])

    assert (X.tolist(), X_test.tolist(), notes) == ([[[1, 2]]], [[[3, 4]]], ())


def test_other_channels_and_empty_series_are_refused():
    with pytest.raises(DataError, match=r"one number of channels, got \[1, 2\]"):
        align_right([np.zeros((1, 3)), np.zeros((2, 3))], [])
    with pytest.raises(DataError, match="A series is empty"):
        align_right([np.zeros((1, 3)), np.zeros((1, 0))], [])
