"""The training recipe: everything that a network's training depends on besides network and data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError

SCHEDULES = ("cosine", "one-cycle", "constant")
LOSSES = ("auto", "cross-entropy", "mse", "l1")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """How to train one network. AdamW throughout.

    Attributes:
        epochs: Passes over the training data, or None to count in steps.
        steps: Optimiser steps where epochs is None; whole epochs are made of them, at least one.
        batch_size: Samples a step; the last batch of an epoch may be smaller.
        learning_rate: Peak rate.
        weight_decay: Decoupled weight decay, on weight matrices and kernels only.
        schedule: "cosine" to 0, "one-cycle" (a linear rise over the first 30 % of steps, then
            cosine to 0) or "constant".
        loss: "cross-entropy", "mse" or "l1" (on standardised targets); "auto" takes cross-entropy
            for classes and mse for numbers.
        label_smoothing: Share of the target spread over all classes.
        class_weights: Whether classes weigh by the inverse of their frequency.
        dropout: Share of inputs of the last Dense layer that are dropped in training.
        data_fraction: Share of the training part that is used, the same for every network.
    """

    epochs: int | None = None
    steps: int = 100
    batch_size: int = 32
    learning_rate: float = 0.02
    weight_decay: float = 0.01
    schedule: str = "cosine"
    loss: str = "auto"
    label_smoothing: float = 0.0
    class_weights: bool = False
    dropout: float = 0.0
    data_fraction: float = 1.0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule: expected one of {SCHEDULES}, got {self.schedule!r}.")
        if self.loss not in LOSSES:
            raise ConfigError(f"loss: expected one of {LOSSES}, got {self.loss!r}.")

    def n_epochs(self, n_samples: int) -> int:
        """Returns the passes to make over n_samples training samples."""
        if self.epochs is not None:
            return self.epochs
        return max(1, round(self.steps / math.ceil(n_samples / self.batch_size)))
