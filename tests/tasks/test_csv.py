import numpy as np
import pytest

from evonas.errors import ConfigError, DataError
from evonas.tasks.csv import CsvSettings, CsvTask
from evonas.tasks.load import load_splits


@pytest.fixture
def write(tmp_path):
    """Returns a function that writes rows (x, label, subject) to a file and returns its path."""

    def write_rows(name, rows, header="x,label,subject"):
        lines = [header, *(",".join(str(cell) for cell in row) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return str(tmp_path / name)

    return write_rows


def load(path, **keys):
    return CsvTask(CsvSettings(**{"path": path, "window": 4, "label": "label"} | keys)).load()


def recording(n, start=0, subject="s1"):
    """Rows that count from start; the label changes every 10 rows."""
    return [(start + i, ("sit", "walk")[i // 10 % 2], subject) for i in range(n)]


def rows_of(X):
    return set(X[:, 0].ravel().astype(int).tolist())


@pytest.fixture
def subjects(write):
    """One file of 6 subjects, 40 rows each, that counts its rows."""
    rows = [row for s in range(6) for row in recording(40, 40 * s, f"s{s}")]
    return write("all.csv", rows)


def test_windows_of_one_subject_stay_in_one_part(subjects):
    raw = load(subjects, group="subject", hop=1, test=0.3)

    train, test = rows_of(raw.X_train), rows_of(raw.X_test)
    assert not {row // 40 for row in train} & {row // 40 for row in test}
    assert len({row // 40 for row in test}) == 2  # 0.3 of 6
    assert {f"s{row // 40}" for row in train} == set(raw.groups_train)


def test_no_window_spans_two_subjects(subjects):
    raw = load(subjects, group="subject", hop=1, test=0)

    assert len(raw.X_train) == 6 * (40 - 4 + 1)
    assert (np.diff(raw.X_train, axis=2) == 1).all()


def test_labels_belong_to_their_windows(subjects):
    raw = load(subjects, group="subject", hop=10, test=0)

    for x, y in zip(raw.X_train, raw.y_train, strict=True):
        assert raw.class_names[y] == ("sit", "walk")[int(x[0, 0]) % 40 // 10 % 2]


def test_test_groups_are_the_test_part(subjects):
    raw = load(subjects, group="subject", test_groups=["s2", "s5"])

    assert {row // 40 for row in rows_of(raw.X_test)} == {2, 5}
    assert set(raw.groups_train) == {"s0", "s1", "s3", "s4"}


def test_a_file_is_a_group_where_no_column_is(write, tmp_path):
    for i in range(4):
        write(f"r{i}.csv", recording(40, 40 * i))
    raw = load(str(tmp_path), channels=("x",), test_groups=["r3.csv"])

    assert set(raw.groups_train) == {"r0.csv", "r1.csv", "r2.csv"}
    assert {row // 40 for row in rows_of(raw.X_test)} == {3}


def test_test_files_are_left_out_of_a_pattern_that_matches_them(write, tmp_path):
    paths = [write(f"r{i}.csv", recording(40, 40 * i)) for i in range(3)]
    raw = load(str(tmp_path / "r*.csv"), channels=("x",), test_path=paths[1])

    assert {row // 40 for row in rows_of(raw.X_test)} == {1}
    assert {row // 40 for row in rows_of(raw.X_train)} == {0, 2}


def test_one_recording_is_cut_into_blocks_that_share_no_row(write):
    path = write("one.csv", recording(400))
    settings = {"path": path, "window": 8, "hop": 1, "label": "label", "channels": ["x"]}
    splits = load_splits("csv", settings, 0.25, seed=0)

    mean, std = splits.normalisation.mean[0], splits.normalisation.std[0]
    rows = [set(np.round(p.X * std + mean).astype(int).ravel().tolist())
            for p in (splits.train, splits.val, splits.test)]  # fmt: skip
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert len(rows[0] | rows[1] | rows[2]) == 400
    assert "1 groups are cut into 20 blocks of time" in splits.notes[1]


def test_files_that_are_one_class_each_can_be_cut_into_blocks(write, tmp_path):
    for name in ("sit", "walk", "run"):
        write(f"{name}.csv", [(i, name, "s1") for i in range(80)])

    with pytest.raises(DataError, match="holds all samples of some class.* set blocks"):
        load(str(tmp_path), channels=("x",))
    raw = load(str(tmp_path), channels=("x",), blocks=12)
    assert np.bincount(raw.y_train).min() > 0
    assert len(raw.y_test) > 0


def test_labels_with_a_fraction_are_a_target(write):
    path = write("one.csv", [(i, i / 2, "s1") for i in range(100)])
    raw = load(path, channels=("x",), label_at="mean", test=0)

    assert raw.is_regression
    assert raw.y_train == pytest.approx(raw.X_train.mean(axis=(1, 2)) / 2)


def test_whole_numbers_are_a_target_where_asked(write):
    path = write("one.csv", [(i, i, "s1") for i in range(100)])

    assert load(path, channels=("x",), target="number").is_regression
    assert not load(path, channels=("x",), test=0).is_regression


def test_blank_labels_leave_windows_out(write):
    rows = [(i, "" if i < 20 else "walk" if i < 60 else "sit", "s1") for i in range(100)]
    raw = load(write("one.csv", rows), channels=("x",), test=0)

    assert raw.class_names == ("sit", "walk")
    assert min(rows_of(raw.X_train)) >= 20


def test_windows_stay_within_a_label_where_asked(write):
    raw = load(write("one.csv", recording(100)), channels=("x",), across_labels=False, hop=1)

    windows = np.concatenate([raw.X_train, raw.X_test])[:, 0]
    assert (windows[:, 0] // 10 == windows[:, -1] // 10).all()


def test_channels_are_all_numeric_columns_by_default(write):
    rows = [(i, -i, "quiet", i // 5 % 2, f"s{i // 20}") for i in range(100)]
    path = write("all.csv", rows, header="x,y,comment,label,subject")
    raw = load(path, group="subject")

    assert raw.X_train.shape[1] == 2
    assert raw.notes == ("Channels: x, y.",)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"channels": ("z",)}, r"all\.csv: Unknown column 'z'. .*Known: label, subject, x"),
        ({"label": "labels"}, "Unknown column 'labels'. Did you mean 'label'"),
        ({"group": "suject"}, "Unknown column 'suject'. Did you mean 'subject'"),
        ({"channels": ("subject",)}, "'subject' holds 240 cells .* the first in row 2: 's0'"),
        ({"window": 300}, "No labelled window of 300 samples: .* one group has 240"),
        ({"target": "number"}, "labels that are numbers, got 'sit'"),
        ({"delimiter": ";", "channels": ("x",)}, "Unknown column 'x'"),
        ({"test_groups": ("s9",), "group": "subject"}, "got s9; the data has s0, s1"),
        ({"test_path": "nowhere/*.csv"}, "nowhere/.*: expected a CSV file"),
    ],
)
def test_what_does_not_fit_the_file_is_refused_in_one_line(subjects, keys, message):
    with pytest.raises(DataError, match=message) as caught:
        load(subjects, **keys)

    assert "\n" not in str(caught.value)


def test_only_test_files_are_refused(subjects):
    with pytest.raises(DataError, match="every file is in test_path"):
        load(subjects, test_path=subjects)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "expected a line of column names and rows, got 1 lines"),
        ([(1, "sit", "s1"), (2, "sit")], "row 3 has 2 cells, the header 3"),
        ([(1, "sit", "s1"), ("", "sit", "s1")], "'x' holds 1 cells .* in row 3: ''"),
        ([(1, "sit", "s1"), ("nan", "sit", "s1")], "'x' holds 1 cells .* in row 3: 'nan'"),
        ([("a", "sit", "s1"), ("b", "sit", "s1")], "no numeric column beside the label"),
        ([(1, "", "s1"), (2, "", "s1")], "Every label is blank"),
    ],
)
def test_a_malformed_file_is_refused(write, rows, message):
    with pytest.raises(DataError, match=message):
        load(write("bad.csv", rows))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DataError, match="cannot be read as CSV"):
        load(str(tmp_path / "bad.csv"))


@pytest.mark.parametrize(("label", "label_at"), [("label", "mean"), ("x", "majority")])
def test_a_windows_label_must_suit_the_target(subjects, label, label_at):
    target = "class" if label == "label" else "number"

    with pytest.raises(ConfigError, match=f"label_at = '{label_at}' does not suit"):
        load(subjects, group="subject", label=label, label_at=label_at, target=target,
             channels=("x",))  # fmt: skip


def test_two_ways_to_hold_out_a_test_part_are_refused():
    settings = {"path": "a", "window": 4, "label": "y", "test_groups": ["a"], "test_path": "b"}

    with pytest.raises(ConfigError, match="give either test_groups or test_path, not both"):
        load_splits("csv", settings, 0.25, seed=0)
