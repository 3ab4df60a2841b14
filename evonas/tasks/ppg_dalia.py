"""PPG-DaLiA: heart rate from a wrist's pulse wave and acceleration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from evonas.config_table import Table
from evonas.errors import ConfigError, DataError
from evonas.tasks.cache import cached
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.safe_pickle import read_pickle
from evonas.tasks.splits import Floats, RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

COPY = LocalCopy(
    title="PPG-DaLiA",
    source="https://archive.ics.uci.edu/dataset/495/ppg+dalia",
    licence="terms on that page; cite Reiss et al. 2019",
    folder="PPG_FieldStudy",
    tree="S1/S1.pkl ... S15/S15.pkl",
)
SUBJECTS = tuple(range(1, 16))
RATE = 32
"""Hz of the wrist's accelerometer; the pulse wave has twice that."""
WINDOW = 8 * RATE
"""Of one label: 8 s."""
HOP = 2 * RATE
"""From one label to the next: 2 s."""

Subject = Annotated[int, Field(ge=1, le=15)]


class PpgDaliaSettings(Table):
    """Keys of [task] for kind = "ppg_dalia".

    Attributes:
        data_dir: The folder PPG_FieldStudy, or the one that holds it; ~ and variables such as
            ${EVONAS_DATA} are replaced.
        test_subject: The one that is left out of training and is the test part.
        subjects: Those that are used at all, the test subject among them.
        cache: Folder to keep the wrist's signals in, so that the pickles, over a gigabyte each,
            are read once; None keeps nothing.
        max_train: Use about this many training windows only; None uses all.
    """

    data_dir: str
    test_subject: Subject = 1
    subjects: tuple[Subject, ...] = SUBJECTS
    cache: str | None = None
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class PpgDaliaTask(AbstractTask):
    """Windows of 8 s every 2 s, (4, 256): pulse wave and three accelerations; beats per minute.

    Leave one subject out: one is the test part, and whole others are drawn for validation. Set and
    labels: Reiss et al. 2019 <https://doi.org/10.3390/s19143079>. The pulse wave, of 64 Hz, is
    taken at every second sample, without a filter before it, as TEMPONet and PIT take it
    <https://github.com/EmbeddedML-EDAGroup/PIT>, data_loader/DaliaDataLoader.py.
    """

    settings: PpgDaliaSettings
    Settings: ClassVar[type[Table]] = PpgDaliaSettings

    def load(self) -> RawData:
        """Returns the windows of all subjects but one, and that one's as the test part.

        Raises:
            DataError: The copy is missing, damaged or of another form.
            ConfigError: The test subject is not among the subjects, or is the only one.
        """
        settings = self.settings
        subjects = sorted(set(settings.subjects))
        others = [subject for subject in subjects if subject != settings.test_subject]
        if settings.test_subject not in subjects or not others:
            raise ConfigError(
                f"[task] expected subjects with test_subject = {settings.test_subject} and others, "
                f"got {subjects}."
            )
        root = COPY.root(settings.data_dir)
        COPY.require(*(_file(root, subject) for subject in subjects))
        parts = [_windows(root, subject, settings.cache) for subject in others]
        X_test, y_test = _windows(root, settings.test_subject, settings.cache)
        groups = [np.full(len(y), f"S{n}") for n, (_, y) in zip(others, parts, strict=True)]
        raw = RawData(
            X_train=np.concatenate([X for X, _ in parts]),
            y_train=np.concatenate([y for _, y in parts]),
            X_test=X_test,
            y_test=y_test,
            groups_train=np.concatenate(groups),
            notes=(f"Test: subject S{settings.test_subject}; {len(others)} others.",),
        )
        return limit_training(raw, settings.max_train)


def _file(root: Path, subject: int) -> Path:
    return root / f"S{subject}" / f"S{subject}.pkl"


def _windows(root: Path, subject: int, cache: str | None) -> tuple[Floats, npt.NDArray[np.float32]]:
    """Returns one subject's windows (n, 4, 256) and heart rates (n,)."""
    file = _file(root, subject)
    arrays = cached(cache, f"ppg_dalia_S{subject}", {"form": 1}, [file], lambda: _read(file))
    signals, labels = arrays["signals"], arrays["labels"]
    views = np.lib.stride_tricks.sliding_window_view(signals, WINDOW, axis=0)[::HOP]
    if abs(len(views) - len(labels)) > 1:  # one that is cut short at the end is left out
        raise DataError(
            f"{file}: expected one label per window of 8 s every 2 s, got {len(views)} windows and "
            f"{len(labels)} labels."
        )
    n = min(len(views), len(labels))
    return np.ascontiguousarray(views[:n], np.float32), labels[:n].astype(np.float32)


def _read(file: Path) -> Mapping[str, Floats]:
    """Returns the wrist's signals (rows, 4) at 32 Hz and the labels (n,)."""
    content = read_pickle(file)
    wave = _array(file, content, ("signal", "wrist", "BVP"), 1)[::2]
    acceleration = _array(file, content, ("signal", "wrist", "ACC"), 3)
    labels = _array(file, content, ("label",), 1)
    rows = min(len(wave), len(acceleration))
    if max(len(wave), len(acceleration)) - rows > HOP or rows < WINDOW:
        raise DataError(
            f"{file}: expected BVP at 64 Hz and ACC at 32 Hz of one length in time, 8 s at least, "
            f"got {len(wave) / RATE:g} s and {len(acceleration) / RATE:g} s."
        )
    signals = np.column_stack([wave[:rows], acceleration[:rows]])
    return {"signals": signals, "labels": labels[:, 0]}


def _array(file: Path, content: Any, keys: Sequence[str], columns: int) -> Floats:
    """Returns the array behind a path of keys as (rows, columns)."""
    name = "".join(f"[{key!r}]" for key in keys)
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            raise DataError(f"{file}: expected {name} in it, as PPG-DaLiA's pickles have.")
        content = content[key]
    try:
        array = np.asarray(content).astype(np.float32)
    except (TypeError, ValueError):
        raise DataError(f"{file}: expected numbers in {name}.") from None
    if array.size % columns or array.shape[1:] not in ((columns,), ()):
        raise DataError(f"{file}: expected {name} of shape (rows, {columns}), got {array.shape}.")
    return array.reshape(-1, columns)
