"""What one training run found out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainResult:
    """The outcome of training one network.

    Attributes:
        metric: The task's metric on the validation part, in its own unit, minimised.
        loss: Mean loss on the validation part, without class weights or smoothing.
        epochs: Passes over the training data that were made (a fraction where steps ended one).
        steps: Optimiser steps that were made.
        cpu_seconds: CPU time of the whole fit, set-up and evaluation included.
        error: Why the run failed, such as a diverged loss; None when it did not. The metric and
            the loss are NaN in a failed run.
    """

    metric: float
    loss: float
    epochs: float
    steps: int
    cpu_seconds: float
    error: str | None = None
