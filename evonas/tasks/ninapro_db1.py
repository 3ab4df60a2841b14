"""NinaPro DB1: movements of the hand from surface electromyography."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.labels import Labels
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.ninapro_recording import MOVEMENTS, low_passed, read_recording
from evonas.tasks.splits import Floats, RawData
from evonas.tasks.stretches import Stretch
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask
from evonas.tasks.windows import cut_windows

COPY = LocalCopy(
    title="NinaPro DB1",
    source="https://ninapro.hevs.ch/instructions/DB1.html (after registration)",
    licence="terms on that page; cite Atzori et al. 2014",
    folder="ninapro_db1",
    tree="S1_A1_E1.mat, S1_A1_E2.mat, S1_A1_E3.mat ... S27_A1_E3.mat, side by side or in folders "
    "s1 ... s27",
)
N_MOVEMENTS = sum(MOVEMENTS.values())
TEST_REPETITIONS = (2, 5, 7)
"""Of ten, as published with the set."""

Subject = Annotated[int, Field(ge=1, le=27)]


class NinaproDb1Settings(Table):
    """Keys of [task] for kind = "ninapro_db1".

    Attributes:
        data_dir: Folder of the .mat files, or of folders s1 ... s27 with them; ~ and variables
            such as ${EVONAS_DATA} are replaced.
        subjects: Those that are used: their other repetitions train what is tested on them.
        window: Samples per window, at 100 Hz.
        hop: Samples from one window to the next.
        rest: Whether rest is a class too, the first; every 52nd of its windows is used, which
            makes it about as frequent as a movement.
        low_pass: Cut-off in Hz of a filter over each repetition, forwards and backwards; 0 filters
            nothing.
        max_train: Use about this many training windows only, stratified; None uses all.
    """

    data_dir: str
    subjects: Annotated[tuple[Subject, ...], Field(min_length=1)] = tuple(range(1, 28))
    window: PositiveInt = 150
    hop: PositiveInt = 25
    rest: bool = True
    low_pass: Annotated[float, Field(ge=0, lt=50)] = 1.0
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class NinaproDb1Task(AbstractTask):
    """Windows of ten electrodes, (10, 150) of 1.5 s; 52 movements and rest.

    Set and split: Atzori et al. 2014 <https://doi.org/10.1038/sdata.2014.53>: repetitions 2, 5 and
    7 are the test part; validation keeps repetitions of a subject whole. Labels are `restimulus`,
    whose borders follow the movement. A window lies within one repetition and the rest before it,
    and is of the class of most of its samples.

    PIT feeds whole repetitions, padded, behind a low pass of 1 Hz
    <https://github.com/EmbeddedML-EDAGroup/PIT>, data_loader/NinaProDB1DataLoader.py; here are
    windows of the length of TCCNet's input, behind the same filter. It runs backwards too, so a
    network behind it is none for a stream: low_pass = 0 leaves it out.
    """

    settings: NinaproDb1Settings
    Settings: ClassVar[type[Table]] = NinaproDb1Settings

    def load(self) -> RawData:
        """Returns the windows of all subjects that are asked for.

        Raises:
            DataError: The copy is missing, damaged or of another form, or no window fits.
        """
        settings = self.settings
        root = COPY.root(settings.data_dir)
        parts: tuple[list[Stretch], list[Stretch]] = ([], [])
        for subject in sorted(set(settings.subjects)):
            for exercise in MOVEMENTS:
                for repetition, stretch in self._repetitions(root, subject, exercise):
                    parts[repetition in TEST_REPETITIONS].append(stretch)
        if not all(parts):
            raise DataError(f"{root}: no repetition is left for training, or none for the test.")
        X, y, groups = self._windows(parts[0])
        X_test, y_test, _ = self._windows(parts[1])
        rest = ("rest",) if settings.rest else ()
        raw = RawData(
            X_train=X,
            y_train=y,
            X_test=X_test,
            y_test=y_test,
            groups_train=groups,
            class_names=(*rest, *(f"movement {n}" for n in range(1, N_MOVEMENTS + 1))),
            notes=(f"Test: repetitions {', '.join(map(str, TEST_REPETITIONS))}.",),
        )
        return limit_training(raw, settings.max_train)

    def _repetitions(self, root: Path, subject: int, exercise: int) -> list[tuple[int, Stretch]]:
        """Returns the number of each repetition in a recording, and its rows."""
        recording = read_recording(_file(root, subject, exercise), exercise)
        borders = recording.repetition_borders()
        found = []
        for start, stop in zip(borders, borders[1:], strict=False):
            values, labels = recording.values[start:stop], recording.movements[start:stop]
            last_moving = start + int(np.flatnonzero(labels)[-1])
            repetition = int(recording.repetitions[last_moving])
            if self.settings.low_pass:
                values = low_passed(values, self.settings.low_pass)
            stretch = Stretch(values, labels, f"S{subject}, repetition {repetition}")
            found.append((repetition, stretch))
        return found

    def _windows(self, stretches: Sequence[Stretch]) -> tuple[Floats, Labels, npt.NDArray[Any]]:
        settings = self.settings
        X, y, groups = cut_windows(stretches, settings.window, settings.hop, "majority")
        is_kept = y > 0
        if settings.rest:
            is_kept[np.flatnonzero(y == 0)[::N_MOVEMENTS]] = True
        if not is_kept.any():
            raise DataError(
                f"No window of {settings.window} samples shows a movement: the longest repetition "
                f"has {max(len(stretch) for stretch in stretches)}."
            )
        return X[is_kept], y[is_kept] - (not settings.rest), groups[is_kept]


def _file(root: Path, subject: int, exercise: int) -> Path:
    name = f"S{subject}_A1_E{exercise}.mat"
    folders = (root, *(root / form.format(subject) for form in ("s{}", "S{}", "s{:02}")))
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise COPY.missing(root / name)
