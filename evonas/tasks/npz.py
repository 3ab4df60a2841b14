"""The user's own arrays in one .npz file."""

from __future__ import annotations

import difflib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, final

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.arrays import raw_data
from evonas.tasks.check import check
from evonas.tasks.paths import expand_path
from evonas.tasks.splits import RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

Array = npt.NDArray[np.generic]

REQUIRED = ("X_train", "y_train", "X_test", "y_test")
OPTIONAL = ("scale", "group_train", "group_test", "class_names")

_UNREADABLE: tuple[type[Exception], ...] = (
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise on files that are damaged, encrypted or of another kind."""


class NpzSettings(Table):
    """Keys of [task] for kind = "npz".

    Attributes:
        path: The file; ~ and variables such as ${EVONAS_DATA} are replaced.
        max_train: Use about this many training samples only, stratified; None uses all.
    """

    path: str
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class NpzTask(AbstractTask):
    """Arrays X_train, y_train, X_test, y_test of an .npz file, and a few optional ones.

    X is (n, channels, length) or (n, channels, height, width) of real numbers. y is (n,): integers
    from 0 or strings are classes, floats a number to predict; floats (n, k) are k numbers to
    predict. Optional: scale (channels,), factors to natural units; group_train and group_test (n,),
    subjects that a validation split keeps whole; class_names (K,). The test arrays may be missing
    together.
    """

    settings: NpzSettings
    Settings: ClassVar[type[Table]] = NpzSettings

    def load(self) -> RawData:
        """Returns the file's arrays, checked.

        Raises:
            DataError: The file is missing, damaged or pickled, lacks arrays, or they are wrong.
        """
        path = expand_path(self.settings.path)
        arrays = read_npz(path)
        try:
            raw = _raw(arrays)
            check(raw)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        return limit_training(raw, self.settings.max_train)


def read_npz(path: Path) -> dict[str, Array]:
    """Returns all arrays of an .npz file.

    Raises:
        DataError: The file is missing, damaged, no .npz or holds pickled objects.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path}: expected an .npz file, but it {what}.")
    try:
        with path.open("rb") as stream:  # numpy leaves a file open that it cannot read
            return _read_all(stream)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read ({reason}); is it damaged?") from None


def _read_all(stream: IO[bytes]) -> dict[str, Array]:
    name, arrays = "the file", {}
    try:
        archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError("expected an .npz file of several arrays, got one array.")
        with archive:
            for name in archive.files:
                arrays[name] = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise DataError(
            f"{name} is pickled or of another kind, which is not read as it could run code; save "
            f"plain numeric arrays with numpy.savez."
        ) from None
    return arrays


def _raw(arrays: dict[str, Array]) -> RawData:
    notes = _check_names(arrays)
    X_train, y_train = arrays["X_train"], arrays["y_train"]
    groups, groups_test = arrays.get("group_train"), arrays.get("group_test")
    if groups is not None and groups_test is not None:
        shared = np.intersect1d(groups, groups_test)
        if len(shared):
            notes.append(f"{len(shared)} groups are in both the training and the test part.")
    names = arrays.get("class_names")
    return raw_data(
        X_train,
        y_train,
        arrays.get("X_test", X_train[:0]),
        arrays.get("y_test", y_train[:0]),
        groups=groups,
        scale=arrays.get("scale"),
        class_names=() if names is None else tuple(str(name) for name in names.reshape(-1)),
        notes=tuple(notes),
    )


def _check_names(arrays: dict[str, Array]) -> list[str]:
    has_test = "X_test" in arrays or "y_test" in arrays
    missing = [n for n in (REQUIRED if has_test else REQUIRED[:2]) if n not in arrays]
    if missing:
        raise DataError(
            f"expected the arrays {', '.join(REQUIRED)}; {', '.join(missing)} missing, the file "
            f"has {', '.join(sorted(arrays)) or 'none'}."
        )
    scalars = [name for name in REQUIRED if name in arrays and arrays[name].ndim == 0]
    if scalars:
        raise DataError(f"expected {scalars[0]} as an array of samples, got one value.")
    unknown = sorted(set(arrays) - {*REQUIRED, *OPTIONAL})
    for name in unknown:
        near = difflib.get_close_matches(name, set(OPTIONAL) - set(arrays), n=1, cutoff=0.8)
        if near:
            raise DataError(f"unknown array {name!r}. Did you mean {near[0]!r}?")
    return [f"Arrays not used: {', '.join(unknown)}."] if unknown else []
