"""Windows of a fixed length, cut from stretches of recordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evonas.tasks.labels import Labels
from evonas.tasks.splits import Floats
from evonas.tasks.stretches import Stretch


def cut_windows(
    stretches: Sequence[Stretch], window: int, hop: int, label_at: str
) -> tuple[Floats, Labels, npt.NDArray[np.str_]]:
    """Returns all windows with a label, their labels, and their groups.

    Args:
        stretches: What no window leaves; those shorter than a window give none.
        window: Rows per window.
        hop: Rows from one window's start to the next.
        label_at: "majority" of classes (at a tie the lowest index, blank before all), "last", or
            "mean" of numbers.

    Returns:
        X (n, channels, window), y (n,) and groups (n,); windows with a blank label are left out.
    """
    long_enough = [stretch for stretch in stretches if len(stretch) >= window]
    if not long_enough:
        empty = np.zeros((0, stretches[0].values.shape[1], window), np.float32)
        return empty, stretches[0].labels[:0], np.zeros(0, np.str_)
    X, y, groups = [], [], []
    for stretch in long_enough:
        labels = _window_labels(stretch.labels, window, hop, label_at)
        is_labelled = labels == labels if labels.dtype.kind == "f" else labels >= 0
        views = np.lib.stride_tricks.sliding_window_view(stretch.values, window, axis=0)[::hop]
        X.append(views[is_labelled])  # (windows, channels, window)
        y.append(labels[is_labelled])
        groups.append(np.full(len(y[-1]), stretch.group))
    return np.concatenate(X), np.concatenate(y), np.concatenate(groups)


def _window_labels(labels: Labels, window: int, hop: int, label_at: str) -> Labels:
    if label_at == "last":
        return labels[window - 1 :: hop]
    windows = np.lib.stride_tricks.sliding_window_view(labels, window)[::hop]
    if label_at == "mean":
        return np.asarray(windows.mean(axis=1, dtype=np.float64))
    classes, codes = np.unique(labels, return_inverse=True)
    one_hot = codes.reshape(-1, 1) == np.arange(len(classes))  # (rows, classes)
    sums = np.vstack([np.zeros((1, len(classes)), np.int64), one_hot.cumsum(axis=0)])
    counts = (sums[window:] - sums[:-window])[::hop]  # (windows, classes)
    return np.asarray(classes[counts.argmax(axis=1)])
