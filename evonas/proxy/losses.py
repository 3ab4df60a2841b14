"""Losses: the target's scale, class weights, and the loss that a validation part is judged by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError
from evonas.proxy.recipe import Recipe
from evonas.tasks.metrics import mean_of_difference, predictions
from evonas.tasks.splits import Splits

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TargetScale:
    """Standardised target = (y - mean) / std; classes keep 0 and 1.

    Attributes:
        mean: A number, or one of every target, (k,), where a sample has several.
        std: The same, positive.
    """

    mean: float | npt.NDArray[np.float64] = 0.0
    std: float | npt.NDArray[np.float64] = 1.0

    @property
    def is_natural(self) -> bool:
        """Whether standardised targets are the targets themselves."""
        return bool(np.all(self.mean == 0) and np.all(self.std == 1))


def loss_kind(recipe: Recipe, is_regression: bool) -> str:
    """Returns the loss's name, never "auto"; for a function of the user's own that of "auto".

    Raises:
        ConfigError: The recipe's loss is of the other kind of task.
    """
    if callable(recipe.loss) or recipe.loss == "auto":
        return "mse" if is_regression else "cross-entropy"
    if (recipe.loss == "cross-entropy") == is_regression:
        fitting, target = (
            ("mse, l1 or log-cosh", "numbers") if is_regression else ("cross-entropy", "classes")
        )
        raise ConfigError(
            f"loss: {recipe.loss!r} does not suit a task whose targets are {target}; "
            f"choose auto or {fitting}."
        )
    return recipe.loss


def target_scale(splits: Splits) -> TargetScale:
    """Returns the scale of numeric targets, of the whole training part; of classes 0 and 1."""
    if not splits.is_regression:
        return TargetScale()
    mean, std = splits.target_moments
    if splits.num_outputs == 1:
        return TargetScale(float(mean[0]), float(std[0]))
    return TargetScale(mean, std)


def standardised(y: Array, scale: TargetScale) -> Array:
    """Returns targets to train on: classes as int64, numbers standardised, as float32.

    Args:
        y: (n,), or (n, k) numbers. Those of a batch rather than of a whole part: as many targets as
            an autoencoder's are not to be held twice.
        scale: Of the targets.
    """
    if np.issubdtype(y.dtype, np.integer):
        return np.asarray(y, dtype=np.int64)
    return ((y.astype(np.float64) - scale.mean) / scale.std).astype(np.float32)


def class_weights(y: Array, num_classes: int) -> npt.NDArray[np.float32]:
    """Returns n / (K count) of each class, (num_classes,); 1 for a class without samples.

    K is the number of classes that occur, so that the mean weight of the samples is 1.
    """
    counts = np.bincount(y, minlength=num_classes)
    balanced = len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, balanced, 1.0).astype(np.float32)


def mean_loss(kind: str, outputs: Array, y: Array, scale: TargetScale) -> float:
    """Returns the mean loss, without smoothing or class weights; NaN where an output is not finite.

    Args:
        kind: "cross-entropy", "mse", "l1" or "log-cosh".
        outputs: (n, num_outputs) logits, or numbers in natural units.
        y: (n,) classes, or numbers in natural units, (n,) or (n, num_outputs).
        scale: Of the targets; all but cross-entropy are those of standardised targets.
    """
    if not len(y) or not np.isfinite(outputs).all():
        return float("nan")
    if kind == "cross-entropy":
        wide = outputs.astype(np.float64)
        shifted = wide - wide.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(y)), y]
        return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - chosen))
    return mean_of_difference(_OF_DIFFERENCE[kind], y, predictions(outputs, True), scale.std)


def _log_cosh(x: Array) -> Array:
    far: Array = np.abs(x)
    loss: Array = far + np.log1p(np.exp(-2 * far)) - math.log(2)  # cosh itself overflows
    return loss


_OF_DIFFERENCE: dict[str, Callable[[Array], Array]] = {
    "mse": np.square,
    "l1": np.abs,
    "log-cosh": _log_cosh,
}
