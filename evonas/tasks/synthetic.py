"""Small generated data sets, for tests and first steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from evonas.config import Table
from evonas.tasks.splits import Floats, RawData
from evonas.tasks.task import AbstractTask

_CYCLES = (1.0, 4.0)
"""Range of the regression target: cycles of the wave within a sample."""


class SyntheticSettings(Table):
    """Keys of [task] for kind = "synthetic".

    Attributes:
        target: "class", or "number" to predict how many cycles a sample holds.
        shape: (channels, length) or (channels, height, width).
        classes: Number of classes; class k has k + 1 cycles, or runs in direction k * pi / K.
        train: Training samples, about equally many of each class.
        test: Test samples.
        noise: Standard deviation of the noise; the waves have amplitudes of 1 on average.
        groups: 0, or how many groups share the training samples evenly.
        data_seed: Of the samples; the split has a seed of its own.
    """

    target: Literal["class", "number"] = "class"
    shape: Annotated[tuple[PositiveInt, ...], Field(min_length=2, max_length=3)] = (1, 64)
    classes: Annotated[int, Field(ge=2)] = 3
    train: Annotated[int, Field(ge=4)] = 120
    test: Annotated[int, Field(ge=0)] = 60
    noise: Annotated[float, Field(ge=0)] = 0.5
    groups: Annotated[int, Field(ge=0)] = 0
    data_seed: Annotated[int, Field(ge=0)] = 0


@final
@dataclass(frozen=True)
class SyntheticTask(AbstractTask):
    """Waves of random phase and amplitude in noise.

    A one-dimensional sample is told by its frequency, a two-dimensional one by its direction
    (classes) or its frequency (numbers).
    """

    settings: SyntheticSettings
    Settings: ClassVar[type[Table]] = SyntheticSettings

    def load(self) -> RawData:
        """Returns the same samples at each call."""
        settings = self.settings
        rng = np.random.default_rng(settings.data_seed)
        X_train, y_train = self._draw(settings.train, rng)
        X_test, y_test = self._draw(settings.test, rng)
        is_class = settings.target == "class"
        return RawData(
            X_train=X_train,
            y_train=y_train,
            X_test=X_test,
            y_test=y_test,
            groups_train=_groups(settings.train, settings.groups),
            class_names=tuple(f"wave{k}" for k in range(settings.classes)) if is_class else (),
        )

    def _draw(self, n: int, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.generic]]:
        channels, *sizes = self.settings.shape
        y: npt.NDArray[np.generic]
        if self.settings.target == "class":
            y = rng.permutation(np.arange(n) % self.settings.classes)
        else:
            y = rng.uniform(*_CYCLES, size=n).astype(np.float32)
        turns = self._turns(y.astype(np.float64), sizes)  # (n, *sizes)
        phase = rng.uniform(size=(n, channels, *[1] * len(sizes)))
        amplitude = rng.uniform(0.5, 1.5, size=phase.shape)
        X = amplitude * np.sin(2 * np.pi * (turns[:, None] + phase))
        X += rng.normal(scale=self.settings.noise, size=X.shape)
        return X.astype(np.float32), y

    def _turns(self, y: npt.NDArray[np.float64], sizes: list[int]) -> npt.NDArray[np.float64]:
        """Returns the wave's phase over the positions, in turns: (n, *sizes)."""
        axes = [np.arange(size) / size for size in sizes]
        is_class = self.settings.target == "class"
        if len(sizes) == 1:
            return np.asarray(np.multiply.outer(y + 1 if is_class else y, axes[0]))
        angle = np.pi * y / self.settings.classes if is_class else np.zeros(len(y))
        cycles = np.full(len(y), 2.0) if is_class else y
        rows = np.multiply.outer(cycles * np.cos(angle), axes[0])[:, :, None]
        columns = np.multiply.outer(cycles * np.sin(angle), axes[1])[:, None, :]
        return np.asarray(rows + columns)


def _groups(n: int, n_groups: int) -> npt.NDArray[np.generic] | None:
    return np.arange(n) * n_groups // n if n_groups else None
