"""CSV recordings, cut into windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt, model_validator

from evonas.config_table import Table
from evonas.errors import ConfigError, DataError
from evonas.tasks.holdout import Mask, whole_groups_mask
from evonas.tasks.labels import Labels, encode_labels, encode_texts
from evonas.tasks.recordings import Columns, find_files, read_recordings
from evonas.tasks.splits import Floats, RawData
from evonas.tasks.stretches import Stretch, cut_at_changes, cut_in_blocks, take_groups
from evonas.tasks.task import AbstractTask
from evonas.tasks.windows import cut_windows

Array = npt.NDArray[np.generic]
Names = npt.NDArray[np.str_] | None

AUTO_BLOCKS = 20
"""Blocks of time that a recording without groups is cut into; each is 5 % of the data."""


class CsvSettings(Table):
    """Keys of [task] for kind = "csv".

    Attributes:
        path: A file, a folder of *.csv files or a pattern; or a list of them. ~ and variables such
            as ${EVONAS_DATA} are replaced. Every file has a line of column names.
        window: Samples per window.
        hop: Samples from one window to the next; None for window, without overlap.
        channels: Columns that are inputs; empty for every numeric one but label and group.
        label: Column of the label. Windows whose label is blank are left out.
        group: Column of the subject or recording; None makes each file a group. No window spans
            two groups, and no group is in two parts of the data.
        target: "class", "number", or "auto" for numbers where a label has a fraction.
        label_at: A window's label: that of most samples ("majority", default for classes), the
            "last" one (default for numbers), or the "mean" of numbers.
        across_labels: Whether a window may span a change of the label.
        test: Share of the windows to hold out as the test part, in whole groups; 0 for none.
        test_groups: Groups that are the test part instead.
        test_path: Files that are the test part instead; they are left out of path.
        blocks: Number of blocks of time that all groups together are cut into, to be held out like
            groups; None does so only where groups are too few, and then with 20.
        test_seed: Decides which groups are the test part, where test does.
        delimiter: Between the columns.
    """

    path: str | tuple[str, ...]
    window: PositiveInt
    label: str
    hop: PositiveInt | None = None
    channels: tuple[str, ...] = ()
    group: str | None = None
    target: Literal["auto", "class", "number"] = "auto"
    label_at: Literal["majority", "last", "mean"] | None = None
    across_labels: bool = True
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    test_groups: tuple[str | int, ...] = ()
    test_path: str | tuple[str, ...] | None = None
    blocks: Annotated[int, Field(ge=3)] | None = None
    test_seed: Annotated[int, Field(ge=0)] = 0
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if self.test_groups and self.test_path:
            raise ValueError("give either test_groups or test_path, not both")
        return self


@final
@dataclass(frozen=True)
class CsvTask(AbstractTask):
    """Windows of recordings, held out by whole groups.

    Where there are too few groups to hold any out, each is cut into contiguous blocks of time,
    and the blocks are held out whole: no sample is in two parts of the data, though neighbouring
    blocks may be alike.
    """

    settings: CsvSettings
    Settings: ClassVar[type[Table]] = CsvSettings

    def load(self) -> RawData:
        """Returns the windows as (n, channels, window).

        Raises:
            DataError: A file is missing or malformed, or no window fits.
            ConfigError: label_at does not suit the target.
        """
        stretches, tested, names, notes = self._read()
        stretches, more_notes = self._with_enough_groups(stretches, tested is not None)
        X, y, groups = self._windows(stretches)
        if tested is not None:
            X_test, y_test, _ = self._windows(tested)
        else:
            is_test = self._test_mask(y, groups)
            X_test, y_test = X[is_test], y[is_test]
            X, y, groups = X[~is_test], y[~is_test], groups[~is_test]
        targets: tuple[Array, Array, tuple[str, ...]] = (y, y_test, ())
        if names is not None:  # only the classes that windows have
            targets = encode_labels(names[y], names[y_test])
        return RawData(
            X_train=X,
            y_train=targets[0],
            X_test=X_test,
            y_test=targets[1],
            groups_train=groups,
            class_names=targets[2],
            notes=(*notes, *more_notes),
        )

    def _read(self) -> tuple[list[Stretch], list[Stretch] | None, Names, list[str]]:
        """Returns training and fixed test stretches, the class names or None, and notes."""
        settings = self.settings
        columns = Columns(settings.channels, settings.label, settings.group, settings.delimiter)
        test_files = find_files(_several(settings.test_path)) if settings.test_path else []
        files = [f for f in find_files(_several(settings.path)) if f not in test_files]
        if not files:
            raise DataError(f"{settings.path}: every file is in test_path; none is left.")
        recordings, columns = read_recordings([*files, *test_files], columns)
        labels, names = encode_texts([r.labels for r in recordings], settings.target)
        parts = [
            cut_at_changes(recording.values, codes, recording.groups, settings.across_labels)
            for recording, codes in zip(recordings, labels, strict=True)
        ]
        stretches = [stretch for part in parts[: len(files)] for stretch in part]
        tested = [stretch for part in parts[len(files) :] for stretch in part]
        if settings.test_groups:
            stretches, tested = take_groups(stretches, settings.test_groups)
        return stretches, tested or None, names, [f"Channels: {', '.join(columns.channels)}."]

    def _with_enough_groups(
        self, stretches: list[Stretch], has_test: bool
    ) -> tuple[list[Stretch], list[str]]:
        """Returns the stretches, cut into blocks where asked or where groups are too few."""
        settings = self.settings
        # a group each for training, validation and, where it comes from here too, test
        n_needed = 2 if has_test or not settings.test else 3
        groups = {stretch.group for stretch in stretches if len(stretch) >= settings.window}
        if settings.blocks is None and len(groups) >= n_needed:
            return stretches, []
        blocks = cut_in_blocks(stretches, settings.blocks or AUTO_BLOCKS, settings.window)
        note = (
            f"{len(groups)} groups are cut into {len(blocks)} blocks of time that are held out "
            f"whole; neighbouring blocks may be alike, so errors may be optimistic."
        )
        return blocks, [note]

    def _windows(self, stretches: list[Stretch]) -> tuple[Floats, Labels, npt.NDArray[np.str_]]:
        settings = self.settings
        is_number = stretches[0].labels.dtype.kind == "f"
        label_at = settings.label_at or ("last" if is_number else "majority")
        if label_at == ("majority" if is_number else "mean"):
            kind = "numbers" if is_number else "classes"
            raise ConfigError(f"label_at = {label_at!r} does not suit a target of {kind}.")
        windows = cut_windows(stretches, settings.window, settings.hop or settings.window, label_at)
        if not len(windows[1]):
            raise DataError(
                f"No labelled window of {settings.window} samples: the longest stretch of one "
                f"group has {max(len(stretch) for stretch in stretches)}."
            )
        return windows

    def _test_mask(self, y: Labels, groups: npt.NDArray[np.str_]) -> Mask:
        if not self.settings.test:
            return np.zeros(len(y), np.bool_)
        rng = np.random.default_rng(self.settings.test_seed)
        classes = None if y.dtype.kind == "f" else y
        return whole_groups_mask(groups, classes, self.settings.test, rng)


def _several(paths: str | tuple[str, ...]) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths
