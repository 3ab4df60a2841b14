"""Arrays from Python as a task's raw data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError
from evonas.tasks.labels import encode_labels, has_gaps
from evonas.tasks.splits import RawData

Array = npt.NDArray[np.generic]


def from_arrays(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    X_test: npt.ArrayLike | None = None,
    y_test: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    scale: npt.ArrayLike | None = None,
    class_names: tuple[str, ...] = (),
) -> RawData:
    """Returns arrays as a task's raw data; `split` checks them.

    Args:
        X: (n, channels, length) or (n, channels, height, width), real.
        y: (n,) floats to predict, or (n, k) for k of them a sample; or (n,) classes: integers or
            strings, numbered in order where they are not 0 .. K-1, and then named.
        X_test: As X; None, with y_test, for no test part.
        y_test: As y.
        groups: (n,) subjects or recordings that the validation split keeps whole, or None.
        scale: (channels,) factors to natural units, or None.
        class_names: (K,) names of the classes 0 .. K-1.

    Raises:
        DataError: Only one of X_test and y_test came, or an argument is no array.
    """
    if (X_test is None) != (y_test is None):
        raise DataError("Expected both X_test and y_test, or neither.")
    X_train, y_train = _array("X", X), _array("y", y)
    tested, y_tested = X_train[:0], y_train[:0]
    if X_test is not None:
        tested, y_tested = _array("X_test", X_test), _array("y_test", y_test)
    if not class_names and has_gaps(y_train, y_tested):
        y_train, y_tested = y_train.astype(np.str_), y_tested.astype(np.str_)
    return raw_data(
        X_train,
        y_train,
        tested,
        y_tested,
        groups=None if groups is None else _array("groups", groups),
        scale=None if scale is None else _array("scale", scale),
        class_names=class_names,
    )


def raw_data(
    X_train: Array,
    y_train: Array,
    X_test: Array,
    y_test: Array,
    groups: Array | None = None,
    scale: Array | None = None,
    class_names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> RawData:
    """Returns raw data; labels that are strings become indices of sorted names."""
    if {y_train.dtype.kind, y_test.dtype.kind} <= set("US") and y_train.ndim == y_test.ndim == 1:
        y_train, y_test, class_names = encode_labels(y_train, y_test)
    return RawData(
        X_train=X_train,
        y_train=y_train.astype(np.uint8) if y_train.dtype.kind == "b" else y_train,
        X_test=X_test,
        y_test=y_test.astype(np.uint8) if y_test.dtype.kind == "b" else y_test,
        groups_train=groups,
        scale=scale,
        class_names=class_names,
        notes=notes,
    )


def _array(name: str, values: Any) -> Array:
    try:
        array: Array = np.asarray(values)
        if array.dtype.kind == "O":  # a pandas column of strings, or a ragged list
            array = np.array(array.tolist())
    except ValueError:
        raise DataError(f"Expected {name} as one array, got sequences of several shapes.") from None
    if array.dtype.kind == "O":
        raise DataError(f"Expected {name} of numbers or strings, got Python objects.")
    if array.ndim == 0:
        raise DataError(f"Expected {name} as an array, got {values!r}.")
    return array
