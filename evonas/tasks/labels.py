"""Labels of any form -> class indices with names, or floats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError

Array = npt.NDArray[np.generic]
Labels = npt.NDArray[np.int64] | npt.NDArray[np.float64]


def sort_names(names: Iterable[str]) -> list[str]:
    """Returns distinct names in order: by value where all are numbers, else as text."""
    distinct = set(names)
    try:
        return sorted(distinct, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(distinct)


def encode_labels(y_train: Array, y_test: Array) -> tuple[Array, Array, tuple[str, ...]]:
    """Returns labels as int64 indices into the sorted names of all that occur, and the names.

    Args:
        y_train: (n,) strings or integers.
        y_test: (m,) the same; m may be 0.
    """
    train, test = y_train.astype(np.str_), y_test.astype(np.str_)
    names = sort_names([*np.unique(train).tolist(), *np.unique(test).tolist()])
    position = {name: index for index, name in enumerate(names)}

    def indices(labels: npt.NDArray[np.str_]) -> Array:
        distinct, inverse = np.unique(labels, return_inverse=True)
        return np.array([position[str(n)] for n in distinct], dtype=np.int64)[inverse.reshape(-1)]

    return indices(train), indices(test), tuple(names)


def has_gaps(y_train: Array, y_test: Array) -> bool:
    """Whether labels are integers other than exactly 0 .. K-1, training and test ones together."""
    if not {y_train.dtype.kind, y_test.dtype.kind} <= set("iu"):
        return False
    present = np.union1d(y_train, y_test)
    return not np.array_equal(present, np.arange(len(present)))


def encode_texts(
    texts: Sequence[npt.NDArray[np.str_]], target: str
) -> tuple[list[Labels], npt.NDArray[np.str_] | None]:
    """Returns labels as numbers, NaN for "", or as indices of sorted names, -1 for "".

    Args:
        texts: Arrays of shape (rows_i,).
        target: "class", "number", or "auto" for numbers where a label has a fraction.

    Returns:
        The labels, as many arrays, and the names of the classes or None for numbers.

    Raises:
        DataError: All labels are blank, or one that should be a number is none.
    """
    distinct = {str(name) for array in texts for name in np.unique(array)} - {""}
    if not distinct:
        raise DataError("Every label is blank.")
    odd = [name for name in distinct if not _is_number(name)]
    if target == "number" and odd:
        raise DataError(f"Expected labels that are numbers, got {min(odd)!r}.")
    has_fraction = not odd and any(float(name) % 1 for name in distinct)
    if target == "number" or (target == "auto" and has_fraction):
        return [np.where(array == "", "nan", array).astype(np.float64) for array in texts], None
    names = np.array(sort_names(distinct))
    position = {str(name): index for index, name in enumerate(names)} | {"": -1}
    return [np.array([position[str(n)] for n in array], np.int64) for array in texts], names


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
