"""ToyADMOS as in DCASE 2020: does a machine sound as it should?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.cache import cached
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.mel import magnitudes, slaney_bands
from evonas.tasks.splits import Floats, RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask
from evonas.tasks.wav import read_wav

COPY = LocalCopy(
    title="ToyADMOS (DCASE 2020 task 2)",
    source="https://zenodo.org/record/3678171 (dev_data_ToyCar.zip)",
    licence="CC BY-NC-SA 4.0",
    folder="dev_data",
    tree="ToyCar/train/normal_id_01_00000000.wav ... and ToyCar/test/{normal,anomaly}_id_*.wav",
)
RATE = 16_000
N_FFT, HOP = 1024, 512
"""64 ms every 32 ms."""
BANDS = 128
CENTRAL = slice(50, 250)
"""Frames of a clip that MLPerf Tiny uses."""

DEFAULTS = {"machine_id": (64, 32), "autoencoder": (5, 1)}
"""Form -> frames of a sample, and frames from one to the next."""

_NAME = re.compile(r"(normal|anomaly)_id_(\d\d)_\d+\.wav")
_SPAN = slice(CENTRAL.start * HOP - N_FFT // 2, (CENTRAL.stop - 1) * HOP + N_FFT // 2)
"""Samples that the central frames see: librosa centres the n-th at sample n HOP."""


class ToyadmosSettings(Table):
    """Keys of [task] for kind = "toyadmos".

    Attributes:
        data_dir: The folder dev_data, or the one that holds it or ToyCar; ~ and variables such as
            ${EVONAS_DATA} are replaced.
        machine: "ToyCar", MLPerf Tiny's, or "ToyConveyor".
        form: "machine_id", where the class is which machine is heard, or "autoencoder", MLPerf
            Tiny's, where the target is the sample itself.
        window: Frames of a sample, at most 200, every 32 ms; by default 64, or 5 of "autoencoder".
        hop: Frames from one sample of a clip to the next; by default 32, or 1 of "autoencoder".
        cache: Folder to keep the mel bands in; None keeps nothing.
        max_train: Use about this many training clips only; None uses all.
    """

    data_dir: str
    machine: Literal["ToyCar", "ToyConveyor"] = "ToyCar"
    form: Literal["machine_id", "autoencoder"] = "machine_id"
    window: Annotated[int, Field(ge=1, le=200)] | None = None
    hop: PositiveInt | None = None
    cache: str | None = None
    max_train: PositiveInt | None = None


@dataclass(frozen=True)
class AnomalyTest:
    """The official test part, normal and anomalous clips, in natural units.

    Attributes:
        X: (clips, samples, 128, window), read-only: a view of the clips' bands, of which samples
            that overlap take no memory of their own.
        machine: (clips,) numbers of the machines.
        is_anomaly: (clips,).
        names: Of the machines.
    """

    X: Floats
    machine: npt.NDArray[np.int64]
    is_anomaly: npt.NDArray[np.bool_]
    names: tuple[str, ...]

    def every(self, step: int) -> AnomalyTest:
        """Returns every so many of the clips, from the first on."""
        return AnomalyTest(
            self.X[::step], self.machine[::step], self.is_anomaly[::step], self.names
        )


@final
@dataclass(frozen=True)
class ToyadmosTask(AbstractTask):
    """Windows of 128 log-mel bands of machines that sound as they should.

    form = "machine_id": (128, 64); the class is which of the toys is heard. A clip is the more
    anomalous the less surely networks recognise its machine: the classification confidence of
    Inoue et al. 2020 (DCASE workshop, "Detection of anomalous sounds for machine condition
    monitoring using classification confidence"). A search sees the error of that classification.

    form = "autoencoder": (128, 5), MLPerf Tiny's; the target is the sample itself, 640 decibels,
    number c * 5 + t that of band c at frame t. A clip is the more anomalous the worse networks
    reconstruct it. A search sees the error of the reconstruction of normal sound, in decibels.

    The test part is the normal test clips of either; `anomaly_test` and evonas.tasks.anomaly give
    the AUC.

    Set: Koizumi et al. 2020 <https://arxiv.org/abs/2006.05822>. Bands as in MLPerf Tiny's anomaly
    detection: 20 / 2 log10 of the power in 128 bands of librosa's mel scale, 64 ms every 32 ms,
    frames 50 to 249 <https://github.com/mlcommons/tiny>, benchmark/training/anomaly_detection.
    """

    settings: ToyadmosSettings
    Settings: ClassVar[type[Table]] = ToyadmosSettings

    def load(self) -> RawData:
        """Returns the windows of normal clips; groups are clips.

        Raises:
            DataError: The copy is missing, damaged or of another form.
        """
        files, machines = self._files("train", "normal")
        test_files, test_machines = self._files("test", "normal")
        names = self._names(machines)
        chosen = limit_training(
            RawData(
                X_train=np.arange(len(files)),  # clips, until it is known which are used
                y_train=_numbers(machines, names),
                X_test=np.arange(len(test_files)),
                y_test=_numbers(test_machines, names),
                class_names=names,
            ),
            self.settings.max_train,
        )
        X = _flat(self._samples([files[i] for i in chosen.X_train], "train"))
        X_test = _flat(self._samples(test_files, "test"))
        n, n_test = len(X) // len(chosen.X_train), len(X_test) // len(test_files)
        of_clips = replace(
            chosen,
            X_train=X,
            y_train=np.repeat(chosen.y_train, n),
            X_test=X_test,
            y_test=np.repeat(chosen.y_test, n_test),
            groups_train=np.repeat([files[i].name for i in chosen.X_train], n),
        )
        if self.settings.form == "machine_id":
            return of_clips
        # Views: the targets take no memory beside the samples.
        y, y_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
        return replace(of_clips, y_train=y, y_test=y_test, class_names=())

    def anomaly_test(self) -> AnomalyTest:
        """Returns all test clips, normal and anomalous, for evonas.tasks.anomaly.

        Raises:
            DataError: The copy is missing, damaged or of another form.
        """
        names = self._names(self._files("train", "normal")[1])
        files, machines = self._files("test", "normal|anomaly")
        return AnomalyTest(
            X=self._samples(files, "all_test"),
            machine=_numbers(machines, names),
            is_anomaly=np.array([file.name.startswith("anomaly") for file in files]),
            names=names,
        )

    def _files(self, part: str, kinds: str) -> tuple[list[Path], list[str]]:
        """Returns a part's recordings and the machine of each, as two digits."""
        settings = self.settings
        root = COPY.root(settings.data_dir)
        folder = (root / settings.machine if root.name != settings.machine else root) / part
        COPY.require(folder)
        matches = [(path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob("*.wav"))]
        found = [(path, match[2]) for path, match in matches if match and match[1] in kinds]
        if not found:
            raise COPY.error(f"{folder} has no recording such as normal_id_01_00000000.wav")
        return [path for path, _ in found], [machine for _, machine in found]

    def _names(self, machines: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{self.settings.machine} {number}" for number in sorted(set(machines)))

    def _samples(self, files: Sequence[Path], part: str) -> Floats:
        """Returns the windows of recordings, (clips, samples, 128, window), as a view."""
        settings = self.settings
        window, hop = DEFAULTS[settings.form]

        def make() -> dict[str, Floats]:
            return {"bands": np.stack([_log_bands(file) for file in files])}

        name = f"toyadmos_{settings.machine}_{part}"
        bands = cached(settings.cache, name, {"form": 1}, files, make)["bands"]
        views: Floats = np.lib.stride_tricks.sliding_window_view(
            bands.astype(np.float32, copy=False), settings.window or window, axis=2
        )
        return views[:, :, :: settings.hop or hop].transpose(0, 2, 1, 3)


def _flat(samples: Floats) -> Floats:
    """Returns the samples of all clips one after another, with memory of their own."""
    return np.ascontiguousarray(samples).reshape(-1, *samples.shape[2:])


def _numbers(machines: Sequence[str], names: Sequence[str]) -> npt.NDArray[np.int64]:
    known = {name.rpartition(" ")[2]: place for place, name in enumerate(names)}
    unknown = set(machines) - set(known)
    if unknown:
        raise COPY.error(f"machine {min(unknown)} is in the test part and not in training")
    return np.array([known[machine] for machine in machines], np.int64)


def _log_bands(file: Path) -> Floats:
    """Returns a recording's central frames in decibels, (128, 200)."""
    signal = read_wav(file, RATE)
    if len(signal) < _SPAN.stop:
        raise DataError(
            f"{file}: expected {_SPAN.stop / RATE:g} s of sound at least, got "
            f"{len(signal) / RATE:g} s."
        )
    spectra = magnitudes(signal[None, _SPAN] / 2**15, N_FFT, HOP, N_FFT)[0]  # (frames, bins)
    bands = spectra**2 @ slaney_bands(BANDS, N_FFT, RATE)
    return np.asarray(10 * np.log10(bands + np.finfo(np.float64).eps).T, np.float32)
