"""Recordings in CSV files: channels, labels and groups by the names of their columns."""

from __future__ import annotations

import csv
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evonas.errors import DataError, unknown_name
from evonas.tasks.paths import expand_path
from evonas.tasks.splits import Floats

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Recording:
    """One file's rows.

    Attributes:
        values: (rows, channels).
        labels: (rows,) as they stand in the file, "" where blank or NaN.
        groups: (rows,) as they stand in the file, or the file's name where there is no column.
    """

    values: Floats
    labels: Texts
    groups: Texts


@dataclass(frozen=True)
class Columns:
    """Which columns of a file are what.

    Attributes:
        channels: Names of the inputs; empty for every numeric column but label and group.
        label: Name of the label's column.
        group: Name of the group's column, or None: then each file is a group.
        delimiter: Between the columns.
    """

    channels: tuple[str, ...]
    label: str
    group: str | None
    delimiter: str


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Returns the files that paths name, in order: a file, a folder's *.csv, or a glob's matches.

    Raises:
        DataError: A path names no file.
    """
    found: list[Path] = []
    for pattern in patterns:
        path = expand_path(pattern)
        if path.is_dir():
            files = sorted(path.glob("*.csv"))
        elif path.is_file():
            files = [path]
        else:
            files = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
        if not files:
            raise DataError(f"{path}: expected a CSV file, a folder of *.csv files or a pattern.")
        found.extend(file for file in files if file not in found)
    return found


def read_recordings(files: Sequence[Path], columns: Columns) -> tuple[list[Recording], Columns]:
    """Returns the files' rows, and the columns with the channels that were found in the first.

    Raises:
        DataError: A file cannot be read, lacks a column or rows, or a channel's cell is no number.
    """
    stems = [file.name for file in files]
    recordings = []
    for file in files:
        header, rows = _read_rows(file, columns.delimiter)
        if not columns.channels:
            columns = _with_channels(file, header, rows[0], columns)
        group = file.name if stems.count(file.name) == 1 else str(file)
        recordings.append(_recording(file, header, rows, columns, group))
    return recordings, columns


def _read_rows(file: Path, delimiter: str) -> tuple[list[str], list[list[str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            lines = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
            rows = [row for row in lines if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV ({error}).") from None
    if len(rows) < 2:
        raise DataError(f"{file}: expected a line of column names and rows, got {len(rows)} lines.")
    header = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise DataError(
                f"{file}: row {number} has {len(row)} cells, the header {len(header)}; is the "
                f"delimiter {delimiter!r}?"
            )
    return header, rows[1:]


def _with_channels(file: Path, header: list[str], row: list[str], columns: Columns) -> Columns:
    channels = tuple(
        name
        for name, cell in zip(header, row, strict=True)
        if name not in (columns.label, columns.group) and _is_number(cell)
    )
    if not channels:
        raise DataError(f"{file}: no numeric column beside the label; name the channels.")
    return Columns(channels, columns.label, columns.group, columns.delimiter)


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(np.float32(cell)))
    except ValueError:
        return False


def _recording(
    file: Path, header: list[str], rows: list[list[str]], columns: Columns, group: str
) -> Recording:
    def column(name: str) -> list[str]:
        if name not in header:
            raise DataError(f"{file}: {unknown_name('column', name, header)}")
        position = header.index(name)
        return [row[position].strip() for row in rows]

    values = [_numbers(file, name, column(name)) for name in columns.channels]
    groups = [group] * len(rows) if columns.group is None else column(columns.group)
    labels = ["" if cell.lower() == "nan" else cell for cell in column(columns.label)]
    return Recording(
        values=np.stack(values, axis=1),  # (rows, channels)
        labels=np.array(labels, dtype=np.str_),
        groups=np.array(groups, dtype=np.str_),
    )


def _numbers(file: Path, name: str, cells: list[str]) -> Floats:
    try:
        with np.errstate(over="ignore"):
            values = np.array(cells, dtype=np.float64).astype(np.float32)
        bad = np.flatnonzero(~np.isfinite(values))
    except ValueError:
        bad = np.flatnonzero([not _is_number(cell) for cell in cells])
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{file}: column {name!r} holds {len(bad)} cells that are no finite number, the first "
            f"in row {row + 2}: {cells[row]!r}; fill or remove those rows."
        )
    return values
