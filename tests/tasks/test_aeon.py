import sys

import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.aeon import AeonSettings, AeonTask
from evonas.tasks.load import load_splits

HEADER = """@problemName Tiny
@timeStamps false
@missing false
@univariate true
@equalLength false
{labels}
@data
"""


@pytest.fixture
def tiny(tmp_path):
    """Returns a function that writes the set Tiny and returns a task that reads it."""
    pytest.importorskip("aeon")

    def write(train, test="1,2,3:a\n4,5,6:b\n", labels="@classLabel true a b", **keys):
        for part, lines in [("TRAIN", train), ("TEST", test)]:
            (tmp_path / f"Tiny_{part}.ts").write_text(HEADER.format(labels=labels) + lines)
        return AeonTask(AeonSettings(name="Tiny", data_dir=str(tmp_path), **keys))

    return write


def test_japanese_vowels_load_offline_in_equal_length():
    pytest.importorskip("aeon")
    raw = AeonTask(AeonSettings(name="JapaneseVowels")).load()

    assert raw.X_train.shape == (270, 12, 25)
    assert raw.X_test.shape == (370, 12, 25)
    assert np.bincount(raw.y_train).tolist() == [30] * 9
    assert raw.class_names == tuple("123456789")


def test_the_ragged_version_is_padded_and_says_so():
    pytest.importorskip("aeon")
    splits = load_splits("aeon", {"name": "JapaneseVowels", "equal_length": False}, 0.2, seed=0)

    assert splits.input_shape == (12, 26)  # the longest training series
    assert "padded on the left with their first value" in splits.notes[0]
    assert "1 of 370 test series are longer" in splits.notes[1]


def test_a_regression_set_has_a_number_as_its_target():
    pytest.importorskip("aeon")
    splits = load_splits("aeon", {"name": "Covid3Month"}, 0.2, seed=0)

    assert splits.is_regression
    assert (len(splits.train) + len(splits.val), len(splits.test)) == (140, 61)


def test_a_local_set_is_read_and_padded(tiny):
    raw = tiny("1,2,3:b\n4,5:a\n").load()

    assert raw.X_train.tolist() == [[[1, 2, 3]], [[4, 4, 5]]]
    assert (raw.y_train.tolist(), raw.class_names) == ([1, 0], ("a", "b"))


def test_a_local_set_may_lie_in_a_folder_of_its_name(tiny, tmp_path):
    task = tiny("1,2,3:b\n4,5:a\n")
    (tmp_path / "Tiny").mkdir()
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Tiny_{part}.ts").rename(tmp_path / "Tiny" / f"Tiny_{part}.ts")

    assert len(task.load().X_train) == 2


def test_a_local_regression_set_has_numbers(tiny):
    raw = tiny("1,2:0.5\n4,5:2\n", "1,2:1\n", labels="@targetLabel true").load()

    assert raw.y_train.tolist() == [0.5, 2]


def test_max_train_limits_the_training_part(tiny):
    raw = tiny("1,2:a\n1,3:b\n1,4:a\n1,5:b\n", max_train=2).load()

    assert sorted(raw.y_train.tolist()) == [0, 1]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("1,2,x:a\n4,5:b\n", r"Tiny_TRAIN\.ts cannot be read as a \.ts file"),
        ("1,2,?:a\n4,5,6:b\n", "X_train holds 1 value that is NaN"),
        ("1,2,3:a\n4,5,6:a\n", r"Class 1 \('b'\) is absent from the training part"),
        ("", r"Tiny_TRAIN\.ts holds 0 series"),
    ],
)
def test_a_malformed_local_set_is_refused(tiny, train, message):
    with pytest.raises(DataError, match=rf"^Tiny: .*{message}"):
        tiny(train).load()


def test_a_local_set_that_is_missing_says_what_was_expected(tmp_path):
    pytest.importorskip("aeon")

    with pytest.raises(DataError, match="expected ECG5000_TRAIN.ts and ECG5000_TEST.ts in"):
        AeonTask(AeonSettings(name="ECG5000", data_dir=str(tmp_path))).load()


def test_a_failed_download_says_what_to_do(monkeypatch):
    datasets = pytest.importorskip("aeon.datasets")

    def fail(*args, **kwargs):
        raise ValueError("no\nnetwork")

    monkeypatch.setattr(datasets, "load_classification", fail)
    with pytest.raises(DataError, match=r"\(no network\)\. Put ECG5000_TRAIN\.ts .* as data_dir"):
        AeonTask(AeonSettings(name="ECG5000")).load()


def test_an_unknown_set_is_refused_with_a_suggestion(monkeypatch, tmp_path):
    pytest.importorskip("aeon")
    monkeypatch.setenv("AEON_DATA", str(tmp_path))

    with pytest.raises(DataError, match="no set of this name. Did you mean 'JapaneseVowels'"):
        AeonTask(AeonSettings(name="JapanseVowels")).load()


def test_without_aeon_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon", None)

    with pytest.raises(DataError, match=r"pip install 'evonas\[data\]'"):
        AeonTask(AeonSettings(name="JapaneseVowels")).load()
