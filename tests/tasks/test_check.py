from dataclasses import replace

import numpy as np
import pytest

from evonas.errors import DataError
from evonas.tasks.check import check
from evonas.tasks.splits import RawData

X = np.zeros((4, 2, 5), np.float32)
Y = np.array([0, 1, 1, 0])
GOOD = RawData(X_train=X, y_train=Y, X_test=X[:2], y_test=Y[:2])


def broken_at(*index):
    broken = X.copy()
    broken[index] = np.nan
    return broken


WRONG = {
    "an axis is missing": ({"X_train": X[:, 0]}, r"add the channel axis: X_train\[:, None, :\]"),
    "too many axes": ({"X_train": X[:, :, :, None, None]}, r"got \(4, 2, 5, 1, 1\)"),
    "text inputs": ({"X_train": X.astype(str)}, "Expected X_train of numbers"),
    "no length": ({"X_train": X[:, :, :0]}, r"X_train is empty: its shape is \(4, 2, 0\)"),
    "no samples": ({"X_train": X[:0], "y_train": Y[:0]}, "X_train is empty"),
    "one sample": ({"X_train": X[:1], "y_train": Y[:1]}, "at least 2 training samples, got 1"),
    "labels in a column": ({"y_train": Y[:, None]}, r"got \(4, 1\); flatten it: y_train\[:, 0\]"),
    "too few labels": ({"y_train": Y[:3]}, "got 4 samples in X_train and 3 labels in y_train"),
    "complex labels": ({"y_train": Y * 1j}, "integers .* or floats .*, got complex128"),
    "other channels in the test part": ({"X_test": X[:2, :1]}, r"got \(1, 5\) in X_test"),
    "no test labels": ({"y_test": Y[:0]}, "got 2 samples in X_test and 0 labels"),
    "classes and numbers": ({"y_test": np.ones(2)}, "in both, got int64 and float64"),
    "scale of one channel": ({"scale": np.ones(1)}, r"scale of shape \(2,\)"),
    "scale of zero": ({"scale": np.array([1.0, 0])}, r"other than 0 in scale, got \[1.0, 0.0\]"),
    "too few groups": ({"groups_train": Y[:3]}, r"one group per training sample, shape \(4,\)"),
    "a validation part of another length": (
        {"is_validation": np.array([True, False])},
        r"is_validation of shape \(4,\), booleans, got \(2,\), bool",
    ),
    "a validation part that is all": ({"is_validation": Y >= 0}, "holds 4 of 4 samples"),
    "a class in the validation part alone": (
        {"is_validation": Y == 1},
        "Class 1 is in the set's own validation part alone",
    ),
    "groups of objects": ({"groups_train": Y.astype(object)}, "groups of numbers or strings"),
    "NaN": (
        {"X_train": broken_at(2, 1, 3)},
        r"X_train holds 1 value that is NaN, .* the first at X_train\[2, 1, 3\]",
    ),
    "NaNs": (
        {"X_test": broken_at(1, 0)[:2]},
        r"X_test holds 5 values .* first at X_test\[1, 0, 0\]",
    ),
    "too large": ({"X_train": X + np.float64(1e300) * np.ones(5)}, "beyond float32"),
    "NaN targets": (
        {"y_train": np.array([1, np.nan, 2, 3]), "y_test": np.ones(2)},
        r"y_train holds 1 value .* at y_train\[1\]",
    ),
    "numbers in three axes": (
        {"y_train": np.ones((4, 2, 3)), "y_test": np.ones((2, 2, 3))},
        r"shape \(n,\) or \(n, k\), got \(4, 2, 3\); flatten it: y_train.reshape",
    ),
    "no numbers": ({"y_train": np.ones((4, 0))}, r"one number or more .*, got shape \(4, 0\)"),
    "other numbers in the test part": (
        {"y_train": np.eye(4), "y_test": np.ones((2, 3))},
        r"as many numbers a sample in y_test as in y_train, got shapes \(2, 3\) and \(4, 4\)",
    ),
    "NaN among several targets": (
        {"y_train": np.where(np.eye(4) > 0, np.nan, 1), "y_test": np.ones((2, 4))},
        r"y_train holds 4 values .* at y_train\[0, 0\]",
    ),
    "constant targets": (
        {"y_train": np.tile(np.arange(5.0), (4, 1)), "y_test": np.ones((2, 5))},
        r"in every sample the numbers 0.0, 1.0, 2.0, ... only",
    ),
    "groups of several targets": (
        {"y_train": np.eye(4), "y_test": np.eye(4)[:2], "groups_train": np.zeros((4, 4))},
        r"one group per training sample, shape \(4,\), got \(4, 4\)",
    ),
    "a constant target": ({"y_train": np.ones(4), "y_test": np.ones(2)}, "number 1.0 only"),
    "negative classes": ({"y_train": Y - 1}, "classes numbered from 0, got -1"),
    "one class": ({"y_train": Y * 0, "y_test": Y[:2] * 0}, "one class only"),
    "a gap": ({"y_train": Y * 2}, r"Class 1 is absent .* \(y_train has 2 of the 3 classes 0 .. 2"),
    "a class of the test part alone": (
        {"y_test": np.array([2, 2]), "class_names": ("sit", "walk", "run")},
        r"Class 2 \('run'\) is absent from the training part .* has 2 of class 2",
    ),
    "a named class without samples": (
        {"class_names": ("sit", "walk", "run")},
        r"Class 2 \('run'\) is absent from the training part",
    ),
    "too few names": ({"class_names": ("sit",)}, "1 class_names for classes up to 1"),
}


def test_good_data_passes():
    check(GOOD)


def test_several_numbers_pass_even_where_one_of_them_never_changes():
    y = np.stack([Y, Y * 0 + 3, Y * 2], axis=1).astype(np.float32)

    check(replace(GOOD, y_train=y, y_test=y[:2], groups_train=np.arange(4)))


def test_a_missing_test_part_passes():
    check(replace(GOOD, X_test=X[:0], y_test=Y[:0]))


@pytest.mark.parametrize("what", WRONG)
def test_wrong_data_is_refused_in_one_clear_line(what):
    changes, message = WRONG[what]

    with pytest.raises(DataError, match=message) as caught:
        check(replace(GOOD, **changes))

    assert "\n" not in str(caught.value)


def test_nan_beyond_the_first_block_is_found_at_its_index():
    X_train = np.zeros((3000, 1, 2), np.float16)
    X_train[2500, 0, 1] = np.inf
    raw = replace(GOOD, X_train=X_train, y_train=np.arange(3000) % 2, X_test=X_train[:1])

    with pytest.raises(DataError, match=r"X_train\[2500, 0, 1\]"):
        check(replace(raw, y_test=Y[:1]))
