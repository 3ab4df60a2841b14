"""CIFAR-10, the binary version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.splits import RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

COPY = LocalCopy(
    title="CIFAR-10",
    source="https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
    licence="no licence stated; cite Krizhevsky 2009",
    folder="cifar-10-batches-bin",
    tree="data_batch_1.bin ... data_batch_5.bin, test_batch.bin and batches.meta.txt",
)
TRAINING_FILES = tuple(f"data_batch_{n}.bin" for n in range(1, 6))
TEST_FILE = "test_batch.bin"
NAMES_FILE = "batches.meta.txt"
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
"""Bytes of an image: its class, then its red, green and blue pixels, row by row."""
N_TRAIN = 50_000
N_CLASSES = 10


class Cifar10Settings(Table):
    """Keys of [task] for kind = "cifar10".

    Attributes:
        data_dir: The folder cifar-10-batches-bin, or the one that holds it; ~ and variables such
            as ${EVONAS_DATA} are replaced.
        max_train: Use about this many training images only, stratified; None uses all.
    """

    data_dir: str
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class Cifar10Task(AbstractTask):
    """Colour images of 32 x 32 pixels, 0 .. 255, of ten classes, with the official test part.

    Set and format: Krizhevsky 2009 <https://www.cs.toronto.edu/~kriz/cifar.html>.
    """

    settings: Cifar10Settings
    Settings: ClassVar[type[Table]] = Cifar10Settings

    def load(self) -> RawData:
        """Returns the images of the five training files, and of the test file.

        Raises:
            DataError: The copy is missing, damaged or of another form.
        """
        root = COPY.root(self.settings.data_dir)
        names = (*TRAINING_FILES, TEST_FILE, NAMES_FILE)
        COPY.require(*(root / name for name in names))
        parts = [_read(root / name) for name in TRAINING_FILES]
        X_test, y_test = _read(root / TEST_FILE)
        n = sum(len(y) for _, y in parts)
        raw = RawData(
            X_train=np.concatenate([X for X, _ in parts]),
            y_train=np.concatenate([y for _, y in parts]),
            X_test=X_test,
            y_test=y_test,
            class_names=_class_names(root / NAMES_FILE),
            notes=() if n == N_TRAIN else (f"The copy has {n} of {N_TRAIN} training images.",),
        )
        return limit_training(raw, self.settings.max_train)


def _read(file: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Returns a file's images (n, 3, 32, 32) and classes (n,)."""
    content = np.fromfile(file, np.uint8)
    if not len(content) or len(content) % RECORD:
        raise DataError(
            f"{file}: expected a multiple of {RECORD} bytes, one class and {RECORD - 1} pixels an "
            f"image, got {len(content)}; is it whole?"
        )
    records = content.reshape(-1, RECORD)
    y = records[:, 0].astype(np.int64)
    if y.max() >= N_CLASSES:
        raise DataError(f"{file}: expected classes 0 .. 9, got {y.max()}; is it CIFAR-10's?")
    return records[:, 1:].reshape(-1, *SHAPE), y


def _class_names(file: Path) -> tuple[str, ...]:
    names = tuple(file.read_text(encoding="utf-8").split())
    if len(names) != N_CLASSES:
        raise DataError(f"{file}: expected {N_CLASSES} names of classes, got {len(names)}.")
    return names
