import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.errors import DataError
from evonas.tasks.stretches import Stretch, cut_at_changes, cut_in_blocks, take_groups
from evonas.tasks.windows import cut_windows


def stretch(labels, group="s1"):
    """A stretch whose only channel counts its rows."""
    values = np.arange(len(labels), dtype=np.float32)[:, None]
    return Stretch(values, np.array(labels), group)


def test_windows_start_every_hop_and_end_within_the_stretch():
    X, y, groups = cut_windows([stretch([0] * 7)], window=3, hop=2, label_at="majority")

    assert X.tolist() == [[[0, 1, 2]], [[2, 3, 4]], [[4, 5, 6]]]
    assert y.tolist() == [0, 0, 0]
    assert groups.tolist() == ["s1"] * 3


def test_channels_come_first():
    values = np.array([[1, 10], [2, 20], [3, 30]], np.float32)  # (rows, channels)

    X, _, _ = cut_windows([Stretch(values, np.zeros(3, int), "s1")], 2, 1, "last")

    assert X.tolist() == [[[1, 2], [10, 20]], [[2, 3], [20, 30]]]


@pytest.mark.parametrize(
    ("label_at", "expected"),
    [("majority", [0, 0, 1, 1]), ("last", [0, 1, 1, 1])],
)
def test_a_windows_class_is_that_of_most_rows_or_of_the_last(label_at, expected):
    _, y, _ = cut_windows([stretch([0, 0, 0, 1, 1, 1])], 3, 1, label_at)

    assert y.tolist() == expected


def test_a_windows_number_is_the_last_or_the_mean():
    rows = [stretch([1.0, 2.0, 6.0])]

    assert cut_windows(rows, 3, 1, "last")[1].tolist() == [6]
    assert cut_windows(rows, 3, 1, "mean")[1].tolist() == [3]


@pytest.mark.parametrize(
    ("labels", "label_at"), [([0, -1, -1, 0], "majority"), ([0.0, np.nan, np.nan, 1.0], "last")]
)
def test_windows_with_a_blank_label_are_left_out(labels, label_at):
    X, y, _ = cut_windows([stretch(labels)], 2, 2, label_at)

    assert len(X) == len(y) == (0 if label_at == "majority" else 1)


def test_stretches_shorter_than_a_window_give_none():
    X, y, _ = cut_windows([stretch([0, 0]), stretch([1, 1, 1])], 3, 1, "last")

    assert y.tolist() == [1]
    assert cut_windows([stretch([0, 0])], 3, 1, "last")[0].shape == (0, 1, 3)
    assert X.shape == (1, 1, 3)


def test_a_change_of_group_ends_a_stretch():
    groups = np.array(["a", "a", "b", "a"])
    parts = cut_at_changes(np.zeros((4, 1), np.float32), np.zeros(4, int), groups, True)

    assert [(len(part), part.group) for part in parts] == [(2, "a"), (1, "b"), (1, "a")]


def test_a_change_of_label_ends_a_stretch_where_asked():
    values, labels, groups = np.zeros((4, 1), np.float32), np.array([0, 0, 1, 1]), np.full(4, "a")

    assert len(cut_at_changes(values, labels, groups, across_labels=True)) == 1
    assert len(cut_at_changes(values, labels, groups, across_labels=False)) == 2


@given(
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    n_blocks=st.integers(3, 20),
    window=st.integers(1, 30),
)
def test_blocks_cover_every_row_once_and_are_groups_of_their_own(lengths, n_blocks, window):
    stretches = [stretch(list(range(n)), f"s{i}") for i, n in enumerate(lengths)]

    blocks = cut_in_blocks(stretches, n_blocks, window)

    assert len({block.group for block in blocks}) == len(blocks)
    for i, n in enumerate(lengths):
        rows = [block.labels for block in blocks if block.group.startswith(f"s{i},")]
        assert np.concatenate(rows).tolist() == list(range(n))
        assert len(rows) == 1 or min(len(r) for r in rows) >= 2 * window


def test_groups_are_taken_out_by_name():
    others, taken = take_groups([stretch([0], "1"), stretch([0], "2"), stretch([0], "3")], [1, "3"])

    assert ([s.group for s in others], [s.group for s in taken]) == (["2"], ["1", "3"])


@pytest.mark.parametrize("wanted", [["4"], ["1", "2"]])
def test_unknown_groups_and_all_of_them_are_refused(wanted):
    with pytest.raises(DataError, match="some but not all .* the data has 1, 2"):
        take_groups([stretch([0], "1"), stretch([0], "2")], wanted)
