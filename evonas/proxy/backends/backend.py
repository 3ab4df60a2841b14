"""The interface of a training backend: functions of a spec, data and weights; it keeps no state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.proxy.recipe import Recipe
from evonas.proxy.result import TrainResult
from evonas.proxy.weights import Weights
from evonas.tasks.metrics import Metric
from evonas.tasks.splits import Splits


class AbstractBackend(ABC):
    """Trains the network of a spec and computes its outputs."""

    @abstractmethod
    def fit(
        self, spec: ArchSpec, splits: Splits, recipe: Recipe, seed: int, metric: Metric
    ) -> tuple[TrainResult, Weights]:
        """Returns how well the network learned, and its trained weights.

        A function of its arguments alone: the same arguments give the same bits on one machine,
        whatever ran before, and no global state is left changed. A training that diverges returns
        a result with an error and NaN values.

        Args:
            spec: The network; its input shape and number of outputs are those of the splits.
            splits: Learns from train, is judged on val; test is not touched.
            recipe: How to train.
            seed: Non-negative; of initial weights, order of samples and dropout.
            metric: What is measured on the validation part.

        Raises:
            SpecError: The network does not fit the task or has an operator that this backend lacks.
            ConfigError: The recipe's loss does not suit the task.
        """

    @abstractmethod
    def predict(
        self, spec: ArchSpec, weights: Weights, X: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Returns the network's outputs, (n, num_outputs): logits, or numbers in natural units.

        Args:
            spec: The network.
            weights: As fit returned them.
            X: (n, channels, length) or (n, channels, height, width), normalised.
        """
