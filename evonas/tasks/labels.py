"""Labels of any form -> class indices with names, or floats."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


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


def is_contiguous(y_train: Array, y_test: Array) -> bool:
    """Whether integer labels are exactly 0 .. K-1, training and test labels together."""
    present = np.union1d(y_train, y_test)
    return bool(np.array_equal(present, np.arange(len(present))))
