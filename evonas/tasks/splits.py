"""What a task hands to a study: raw arrays, and the parts that are made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evonas.tasks.moments import Doubles, is_constant, moments

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RawData:
    """A data set as loaded, in natural units, before any split or normalisation.

    Attributes:
        X_train: (n, channels, length) or (n, channels, height, width), any real type.
        y_train: (n,); integers 0 .. K-1 are classes, floats a regression target. Floats (n, k) are
            k numbers a sample; one of them, (n, 1), is as (n,).
        X_test: As X_train; n may be 0.
        y_test: As y_train.
        groups_train: (n,) subject, engine or speaker of each sample, or None.
        scale: (channels,) factors from stored values to natural units, or None.
        class_names: Names of the classes, or () where unknown or for regression.
        notes: What the loader did to the data and its user should know.
        is_validation: (n,) which training samples are the set's own validation part, or None: then
            `split` draws one.
    """

    X_train: npt.NDArray[np.generic]
    y_train: npt.NDArray[np.generic]
    X_test: npt.NDArray[np.generic]
    y_test: npt.NDArray[np.generic]
    groups_train: npt.NDArray[np.generic] | None = None
    scale: npt.NDArray[np.generic] | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_validation: npt.NDArray[np.bool_] | None = None

    @property
    def is_regression(self) -> bool:
        """Whether targets are numbers: their type is float."""
        return self.y_train.dtype.kind == "f"


@dataclass(frozen=True)
class Part:
    """One part of a data set, normalised.

    Attributes:
        X: (n, channels, length) or (n, channels, height, width), float32.
        y: (n,) int64 class indices, or float32 targets in natural units; (n, k) of k > 1 numbers.
    """

    X: Floats
    y: npt.NDArray[np.generic]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Normalisation:
    """x_normalised = (x - mean) / std, per channel, fitted on the training part.

    Attributes:
        mean: (channels,) in natural units.
        std: (channels,) in natural units, positive.
    """

    mean: Floats
    std: Floats


@dataclass(frozen=True)
class Splits:
    """Disjoint parts of a task's data, normalised by the training part.

    Attributes:
        train: What networks learn from.
        val: What a search sees of their errors.
        test: Scored once, after the front is chosen; may be empty.
        num_outputs: Classes, or the numbers that a regression predicts.
        is_regression: Whether targets are numbers.
        normalisation: What was done to the inputs.
        class_names: Names of the classes, or ().
        fingerprint: SHA-256 over all arrays and the split; two studies share it only on equal data.
        notes: What the loader and the split did to the data and its user should know.
    """

    train: Part
    val: Part
    test: Part
    num_outputs: int
    is_regression: bool
    normalisation: Normalisation
    class_names: tuple[str, ...] = ()
    fingerprint: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, channels first."""
        return tuple(int(n) for n in self.train.X.shape[1:])

    @property
    def target(self) -> str:
        """What networks answer, in words: "a number", "640 numbers" or "5 classes"."""
        return describe_target(self.is_regression, self.num_outputs)

    @cached_property
    def target_moments(self) -> tuple[Doubles, Doubles]:
        """Mean and standard deviation of every target of a regression, (num_outputs,).

        Of the training part; a target that never changes has a deviation of 1. Computed once, as
        every training of a process asks for them.
        """
        if self.train.y.ndim == 1:
            y = np.asarray(self.train.y, np.float64)
            return np.array([y.mean()]), np.array([y.std() or 1.0])
        mean, std = moments(self.train.y)
        return mean, np.where(is_constant(mean, std) | (std == 0), 1.0, std)


def describe_target(is_regression: bool, num_outputs: int) -> str:
    """Returns what networks answer in words, such as "a number", "640 numbers" or "5 classes"."""
    if not is_regression:
        return f"{num_outputs} classes"
    return "a number" if num_outputs == 1 else f"{num_outputs} numbers"
