"""Waves in noise, to be told by their frequency or direction: for tests and first steps."""

from __future__ import annotations

from typing import Annotated, Literal, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from evonas.tasks.synthetic_pattern import AbstractPattern, Samples

_CYCLES = (1.0, 4.0)
"""Range of the regression target: cycles of the wave within a sample."""


@final
class Waves(AbstractPattern):
    """Waves of random phase and amplitude in noise: pattern = "waves".

    A one-dimensional sample is told by its frequency, a two-dimensional one by its direction
    (classes) or its frequency (numbers). The classes have about equally many samples.

    Attributes:
        target: "class", or "number" to predict how many cycles a sample holds.
        shape: (channels, length) or (channels, height, width).
        classes: Number of classes; class k has k + 1 cycles, or runs in direction k * pi / K.
        noise: Standard deviation of the noise; the waves have amplitudes of 1 on average.
    """

    pattern: Literal["waves"] = "waves"
    target: Literal["class", "number"] = "class"
    shape: Annotated[tuple[PositiveInt, ...], Field(min_length=2, max_length=3)] = (1, 64)
    classes: Annotated[int, Field(ge=2)] = 3
    train: Annotated[int, Field(ge=4)] = 120
    test: Annotated[int, Field(ge=0)] = 60
    noise: Annotated[float, Field(ge=0)] = 0.5

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, or () where the target is a number."""
        return tuple(f"wave{k}" for k in range(self.classes)) if self.target == "class" else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """None."""
        return ()

    def draw(self, n: int, rng: np.random.Generator) -> Samples:
        """Returns n waves and their classes or cycles."""
        channels, *sizes = self.shape
        y: npt.NDArray[np.generic]
        if self.target == "class":
            y = rng.permutation(np.arange(n) % self.classes)
        else:
            y = rng.uniform(*_CYCLES, size=n).astype(np.float32)
        turns = self._turns(y.astype(np.float64), sizes)  # (n, *sizes)
        phase = rng.uniform(size=(n, channels, *[1] * len(sizes)))
        amplitude = rng.uniform(0.5, 1.5, size=phase.shape)
        X = amplitude * np.sin(2 * np.pi * (turns[:, None] + phase))
        X += rng.normal(scale=self.noise, size=X.shape)
        return X.astype(np.float32), y

    def _turns(self, y: npt.NDArray[np.float64], sizes: list[int]) -> npt.NDArray[np.float64]:
        """Returns the wave's phase over the positions, in turns: (n, *sizes)."""
        axes = [np.arange(size) / size for size in sizes]
        is_class = self.target == "class"
        if len(sizes) == 1:
            return np.asarray(np.multiply.outer(y + 1 if is_class else y, axes[0]))
        angle = np.pi * y / self.classes if is_class else np.zeros(len(y))
        cycles = np.full(len(y), 2.0) if is_class else y
        rows = np.multiply.outer(cycles * np.cos(angle), axes[0])[:, :, None]
        columns = np.multiply.outer(cycles * np.sin(angle), axes[1])[:, None, :]
        return np.asarray(rows + columns)
