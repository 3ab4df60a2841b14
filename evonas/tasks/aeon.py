"""Any set of the UCR and UEA archives, and of the regression archive, by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.arrays import raw_data
from evonas.tasks.check import check
from evonas.tasks.paths import expand_path
from evonas.tasks.ragged import Series, align_right
from evonas.tasks.splits import RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

Labelled = tuple[Series, npt.NDArray[np.generic]]


class AeonSettings(Table):
    """Keys of [task] for kind = "aeon".

    Attributes:
        name: As in the archive, such as "JapaneseVowels".
        data_dir: Folder that holds NAME_TRAIN.ts and NAME_TEST.ts, or a folder NAME with them; ~
            and variables such as ${EVONAS_DATA} are replaced. None takes the sets inside aeon, or
            lets aeon download the set.
        equal_length: Whether to take the archive's own version of equal length where there is one;
            otherwise ragged series are padded on the left.
        max_train: Use about this many training samples only, stratified; None uses all.
    """

    name: str
    data_dir: str | None = None
    equal_length: bool = True
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class AeonTask(AbstractTask):
    """A set of time series with its official training and test part.

    Versions without missing values are taken where the archive has them.
    """

    settings: AeonSettings
    Settings: ClassVar[type[Table]] = AeonSettings

    def load(self) -> RawData:
        """Returns the set's series, (n, channels, length) float32, ragged ones padded.

        Raises:
            DataError: aeon is not installed, or the set cannot be found, fetched or read.
        """
        _check_installed()
        settings = self.settings
        if settings.data_dir is None:
            read = _from_aeon(settings.name, settings.equal_length)
        else:
            read = _from_folder(settings.name, expand_path(settings.data_dir), settings)
        try:
            (X_train, y_train), (X_test, y_test) = read("TRAIN"), read("TEST")
            X, X_tested, notes = align_right(list(X_train), list(X_test))
            raw = raw_data(X, y_train, X_tested, y_test, notes=notes)
            check(raw)
        except DataError as error:
            raise DataError(f"{settings.name}: {error}") from None
        return limit_training(raw, settings.max_train)


def _check_installed() -> None:
    try:
        import aeon  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"The aeon tasks need the package aeon ({error}); install it with:  "
            f"pip install 'evonas[data]'"
        ) from None


def _from_aeon(name: str, equal_length: bool) -> Callable[[str], Labelled]:
    """Returns a reader of a set inside aeon, in its cache, or downloaded by it."""
    from aeon.datasets import load_classification, load_regression
    from aeon.datasets.tsc_datasets import tsc_zenodo
    from aeon.datasets.tser_datasets import tsr_zenodo

    load = load_regression if name in tsr_zenodo else load_classification

    def read(part: str) -> Labelled:
        try:
            X, y = load(
                name, split=part.lower(), load_equal_length=equal_length, load_no_missing=True
            )
        except Exception as error:  # aeon raises whatever its reader, urllib and json raise
            raise DataError(_unavailable(name, {*tsc_zenodo, *tsr_zenodo}, error)) from None
        return X, np.asarray(y)

    return read


def _unavailable(name: str, known: set[str], error: Exception) -> str:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"the archives know no set of this name.{hint} A set of your own needs data_dir."
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"it is not inside aeon and could not be downloaded or read ({reason}). Put "
        f"{name}_TRAIN.ts and {name}_TEST.ts from https://timeseriesclassification.com into a "
        f"folder and give it as data_dir."
    )


def _from_folder(name: str, folder: Path, settings: AeonSettings) -> Callable[[str], Labelled]:
    """Returns a reader of a set's .ts files in a folder or in its subfolder NAME."""
    from aeon.datasets import load_from_ts_file

    lengths = ["_eq", ""] if settings.equal_length else [""]
    stems = [f"{name}{length}{missing}" for length in lengths for missing in ("_nmv", "")]
    bases = [place / stem for place in (folder / name, folder) for stem in stems]

    def file(base: Path, part: str) -> Path:
        return base.with_name(f"{base.name}_{part}.ts")

    def read(part: str) -> Labelled:
        for base in bases:
            if file(base, "TRAIN").is_file() and file(base, "TEST").is_file():
                return _read_ts(load_from_ts_file, file(base, part))
        raise DataError(f"expected {name}_TRAIN.ts and {name}_TEST.ts in {folder} or its {name}.")

    return read


def _read_ts(load: Callable[..., Any], path: Path) -> Labelled:
    try:
        X, y, header = load(str(path), return_meta_data=True)
    except Exception as error:  # whatever the line that is wrong makes aeon's reader raise
        raise DataError(f"{path} cannot be read as a .ts file ({error}).") from None
    if len(X) == 0 or len(y) != len(X):
        raise DataError(f"{path} holds {len(X)} series and {len(y)} labels.")
    labels = np.asarray(y)
    return X, labels.astype(np.float64) if header["targetlabel"] else labels
