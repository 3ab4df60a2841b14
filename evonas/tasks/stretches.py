"""Stretches of recordings: consecutive rows that windows may span and that stay in one part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError
from evonas.tasks.labels import Labels, sort_names
from evonas.tasks.splits import Floats


@dataclass(frozen=True)
class Stretch:
    """Consecutive rows of one recording that windows may span.

    Attributes:
        values: (rows, channels).
        labels: (rows,) class indices with -1 for blank, or numbers with NaN for blank.
        group: What no two parts of the data may share.
    """

    values: Floats
    labels: Labels
    group: str

    def __len__(self) -> int:
        return len(self.labels)


def cut_at_changes(
    values: Floats, labels: Labels, groups: npt.NDArray[np.str_], across_labels: bool
) -> list[Stretch]:
    """Returns the stretches of a recording within which the group stays the same.

    Args:
        values: (rows, channels).
        labels: (rows,).
        groups: (rows,).
        across_labels: Whether a stretch may span different labels.
    """
    is_start = groups[1:] != groups[:-1]
    if not across_labels:
        is_start = is_start | (labels[1:] != labels[:-1])
    borders = [0, *(np.flatnonzero(is_start) + 1).tolist(), len(groups)]
    return [
        Stretch(values[start:stop], labels[start:stop], str(groups[start]))
        for start, stop in zip(borders, borders[1:], strict=False)
    ]


def cut_in_blocks(stretches: Sequence[Stretch], n_blocks: int, window: int) -> list[Stretch]:
    """Returns about n_blocks stretches of equal length, each a group of its own.

    Blocks are consecutive in time and share no row, so windows of different blocks share none. A
    block is at least two windows long where its stretch allows it.
    """
    rows = sum(len(stretch) for stretch in stretches)
    length = max(rows / n_blocks, 2 * window)
    blocks: list[Stretch] = []
    for stretch in stretches:
        count = max(1, int(len(stretch) // length))
        borders = np.linspace(0, len(stretch), count + 1).round().astype(int).tolist()
        for start, stop in zip(borders, borders[1:], strict=False):
            name = f"{stretch.group}, block {len(blocks)}"
            blocks.append(Stretch(stretch.values[start:stop], stretch.labels[start:stop], name))
    return blocks


def take_groups(
    stretches: Sequence[Stretch], wanted: Sequence[str | int]
) -> tuple[list[Stretch], list[Stretch]]:
    """Returns the stretches of other groups, and those of the groups wanted.

    Raises:
        DataError: A group does not exist, or no other is left.
    """
    names, known = {str(group) for group in wanted}, {s.group for s in stretches}
    if not names <= known or names == known:
        raise DataError(
            f"Expected some but not all of the groups in test_groups, got "
            f"{', '.join(sort_names(names))}; the data has {', '.join(sort_names(known))}."
        )
    others = [stretch for stretch in stretches if stretch.group not in names]
    return others, [stretch for stretch in stretches if stretch.group in names]
