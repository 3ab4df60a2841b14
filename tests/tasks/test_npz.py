import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evonas.errors import DataError
from evonas.tasks.load import load_splits
from evonas.tasks.npz import NpzSettings, NpzTask

X = np.arange(24, dtype=np.int16).reshape(4, 2, 3)
Y = np.array([0, 1, 1, 0], np.uint8)
GOOD = {"X_train": X, "y_train": Y, "X_test": X[:2], "y_test": Y[:2]}


@pytest.fixture
def save(tmp_path):
    """Returns a function that saves arrays and returns a task that reads them."""

    def save_arrays(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return NpzTask(NpzSettings(path=str(path)))

    return save_arrays


def without(*names):
    return {name: array for name, array in GOOD.items() if name not in names}


def test_arrays_come_back_as_saved(save):
    extras = {"scale": np.array([1, 2], np.float32), "group_train": np.array([1, 1, 2, 2])}
    raw = save(**GOOD, **extras, class_names=np.array(["sit", "walk"])).load()

    assert np.array_equal(raw.X_train, X)
    assert raw.X_train.dtype == np.int16
    assert raw.y_train.tolist() == [0, 1, 1, 0]
    assert raw.scale.tolist() == [1, 2]
    assert raw.groups_train.tolist() == [1, 1, 2, 2]
    assert raw.class_names == ("sit", "walk")
    assert raw.notes == ()


def test_float_labels_are_a_regression_target(save):
    raw = save(**without("y_train", "y_test"), y_train=Y + 0.5, y_test=Y[:2] + 0.5).load()

    assert raw.is_regression


def test_the_test_arrays_may_be_missing_together(save):
    assert len(save(**without("X_test", "y_test")).load().X_test) == 0


def test_groups_on_both_sides_of_the_official_split_are_noted(save):
    groups = {"group_train": np.array([1, 1, 2, 2]), "group_test": np.array([2, 3])}

    assert "1 groups are in both" in save(**GOOD, **groups).load().notes[0]


def test_arrays_of_other_names_are_noted(save):
    assert save(**GOOD, comment=np.array("mine")).load().notes == ("Arrays not used: comment.",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("y_train"), "y_train missing, the file has X_test, X_train, y_test"),
        (without("X_test"), "X_test missing"),
        (without("X_train", "y_train"), "X_train, y_train missing"),
        ({}, "the file has none"),
        ({**GOOD, "groups_train": Y}, "unknown array 'groups_train'. Did you mean 'group_train'"),
        ({**GOOD, "X_train": X[:3]}, "got 3 samples in X_train and 4 labels in y_train"),
        ({**GOOD, "X_train": np.array(3)}, "expected X_train as an array of samples"),
        ({**GOOD, "X_test": X[:2] * np.nan}, "X_test holds 12 values that are NaN"),
        ({**GOOD, "y_train": Y * 2}, "Class 1 is absent from the training part"),
        ({**GOOD, "y_train": np.array([{}, {}])}, "y_train is pickled"),
    ],
)
def test_wrong_arrays_are_refused_with_the_files_name(save, arrays, message):
    with pytest.raises(DataError, match=rf"data\.npz: .*{message}"):
        save(**arrays).load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"hello", "is pickled|cannot be read"),
        (b"PK\x03\x04 and then nothing", "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "data.npz"
    path.write_bytes(content)

    with pytest.raises(DataError, match=message):
        NpzTask(NpzSettings(path=str(path))).load()


def test_a_single_array_is_refused(tmp_path):
    np.save(tmp_path / "data.npy", X)

    with pytest.raises(DataError, match="several arrays, got one array"):
        NpzTask(NpzSettings(path=str(tmp_path / "data.npy"))).load()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_damaged_file_is_refused_or_read_but_never_crashes(tmp_path, place, value):
    path = tmp_path / "damaged.npz"
    np.savez_compressed(path, **GOOD)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] = value
    path.write_bytes(content)

    with contextlib.suppress(DataError):
        NpzTask(NpzSettings(path=str(path))).load()


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez(path, **GOOD)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match="cannot be read"):
        NpzTask(NpzSettings(path=str(path))).load()


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"none\.npz: expected an \.npz file, but it does not exist"
    ):
        NpzTask(NpzSettings(path=str(tmp_path / "none.npz"))).load()
    with pytest.raises(DataError, match="but it is a folder"):
        NpzTask(NpzSettings(path=str(tmp_path))).load()


@pytest.mark.parametrize(
    ("name", "shape", "num_outputs", "n_train_val", "n_test"),
    [
        ("ecg5000", (1, 140), 5, 500, 4500),
        ("hapt", (6, 128), 12, 7795, 3174),
        ("fsdd_theo", (32, 64), 10, 2500, 500),
        ("cmapss_fd001", (14, 30), 1, 17731, 100),
        ("mnist_t10k", (1, 28, 28), 10, 8000, 2000),
    ],
)
def test_real_sets_load_in_their_official_shape(
    data_dir, name, shape, num_outputs, n_train_val, n_test
):
    splits = load_splits("npz", {"path": str(data_dir / f"{name}.npz")}, 0.25, seed=0)

    assert splits.input_shape == shape
    assert splits.num_outputs == num_outputs
    assert len(splits.train) + len(splits.val) == n_train_val
    assert len(splits.test) == n_test
    assert len(splits.val) / n_train_val == pytest.approx(0.25, abs=0.06)
    assert np.isfinite(splits.train.X).all()


def test_hapt_comes_in_natural_units_by_its_scale(data_dir):
    splits = load_splits("npz", {"path": str(data_dir / "hapt.npz")}, 0.25, seed=0)

    assert np.abs(splits.normalisation.mean[:3]).max() == pytest.approx(0.8, abs=0.3)  # 1 g


def test_a_set_without_training_part_is_refused(data_dir):
    with pytest.raises(DataError, match="X_train, y_train missing"):
        load_splits("npz", {"path": str(data_dir / "kws01.npz")}, 0.25, seed=0)
