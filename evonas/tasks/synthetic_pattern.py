"""What every pattern of the synthetic task is: keys of its own, and samples drawn by them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from evonas.config_table import Table
from evonas.tasks.splits import Floats

Samples = tuple[Floats, npt.NDArray[np.generic]]
"""X (n, channels, ...) and y (n,): int64 classes, or float32 numbers to predict."""


class AbstractPattern(Table, ABC):
    """Keys of [task] that all patterns take.

    Attributes:
        train: Training samples.
        test: Test samples.
        groups: 0, or how many groups share the training samples evenly.
        data_seed: Of the samples; the split has a seed of its own.
    """

    train: Annotated[int, Field(ge=4)] = 2000
    test: Annotated[int, Field(ge=0)] = 1000
    groups: Annotated[int, Field(ge=0)] = 0
    data_seed: Annotated[int, Field(ge=0)] = 0

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, or () where the target is a number."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the samples, such as the best error that is possible."""

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Samples:
        """Returns n samples; n may be 0."""
