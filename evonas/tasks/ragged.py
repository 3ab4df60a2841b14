"""Series of unequal lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError
from evonas.tasks.splits import Floats

Series = Sequence[npt.NDArray[np.generic]]


def align_right(train: Series, test: Series) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Returns all series at the length of the longest training one, and notes on what was done.

    Shorter ones are padded on the left with their own first value, so that every series ends at
    the last position, where a causal network reads its answer, and no step is introduced. Longer
    ones, which only the test part can hold, keep their last values.

    Args:
        train: Series of shape (channels, length_i).
        test: The same.

    Returns:
        Training and test series, (n, channels, length) float32, and notes, empty for equal lengths.

    Raises:
        DataError: The numbers of channels differ, or a series is empty.
    """
    channels = {len(series) for series in [*train, *test]}
    lengths = sorted({series.shape[1] for series in [*train, *test]})
    if len(channels) != 1:
        raise DataError(f"Expected series of one number of channels, got {sorted(channels)}.")
    if lengths[0] == 0:
        raise DataError("A series is empty; remove it.")
    length = max(series.shape[1] for series in train)
    notes = []
    if lengths[0] < length:
        notes.append(
            f"Series of {lengths[0]} to {lengths[-1]} samples: shorter than {length} are padded on "
            f"the left with their first value."
        )
    n_cut = sum(series.shape[1] > length for series in test)
    if n_cut:
        notes.append(
            f"{n_cut} of {len(test)} test series are longer than the longest training series: "
            f"their last {length} samples are kept."
        )
    return _fit(train, length, channels), _fit(test, length, channels), tuple(notes)


def _fit(series: Series, length: int, channels: set[int]) -> Floats:
    X = np.empty((len(series), *channels, length), np.float32)
    for row, values in zip(X, series, strict=True):
        kept = values[:, -length:]
        row[:, length - kept.shape[1] :] = kept
        row[:, : length - kept.shape[1]] = kept[:, :1]
    return X
