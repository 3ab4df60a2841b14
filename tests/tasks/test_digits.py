import sys

import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.digits import DigitsSettings, DigitsTask
from evonas.tasks.load import load_splits


@pytest.fixture
def shipped():
    return pytest.importorskip("sklearn.datasets").load_digits()


def load(**keys):
    return DigitsTask(DigitsSettings(**keys)).load()


def test_an_arrangement_tells_which_pixels_are_channels_and_steps(shipped):
    image, rows, pixels = (load(arrangement=name) for name in ("image", "rows", "pixels"))

    assert image.X_train.shape[1:] == (1, 8, 8)
    assert np.array_equal(rows.X_train, image.X_train[:, 0])  # (rows, columns)
    assert np.array_equal(pixels.X_train[:, 0, 8:16], image.X_train[:, 0, 1])


def test_the_parts_hold_every_digit_once_under_its_label(shipped):
    raw = load(arrangement="pixels")

    X = np.concatenate([raw.X_train, raw.X_test])[:, 0]
    y = np.concatenate([raw.y_train, raw.y_test])
    found = np.column_stack([X, y])
    expected = np.column_stack([shipped.data, shipped.target])
    assert np.array_equal(np.unique(found, axis=0), np.unique(expected, axis=0))
    assert len(found) == 1797
    assert raw.class_names == tuple("0123456789")


def test_the_test_part_is_a_fifth_of_every_class(shipped):
    raw = load()

    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(raw.y_test).tolist() == [round(n / 5) for n in counts]


def test_the_test_part_depends_on_its_seed_alone(shipped):
    splits = [load_splits("digits", {}, 0.25, seed) for seed in (0, 1)]

    assert np.array_equal(splits[0].test.y, splits[1].test.y)
    assert np.array_equal(load().X_test, load().X_test)
    assert not np.array_equal(load().X_test, load(test_seed=1).X_test)


def test_a_user_is_told_that_the_parts_share_writers(shipped):
    assert "not comparable with the published split" in load().notes[0]


def test_without_scikit_learn_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(DataError, match=r"scikit-learn .* pip install 'evonas\[data\]'"):
        load()
