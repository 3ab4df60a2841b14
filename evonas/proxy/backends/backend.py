"""The interface of a training backend: functions of a spec, data and weights; it keeps no state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.ops import Dense, Op
from evonas.arch.spec import ArchSpec
from evonas.errors import DataError, SpecError
from evonas.proxy.recipe import Recipe
from evonas.proxy.result import TrainResult
from evonas.proxy.weights import Weights
from evonas.tasks.metrics import Metric
from evonas.tasks.splits import Splits


class AbstractBackend(ABC):
    """Trains the network of a spec and computes its outputs."""

    @abstractmethod
    def fit(
        self,
        spec: ArchSpec,
        splits: Splits,
        recipe: Recipe,
        seed: int,
        metric: Metric,
        start: Weights | None = None,
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
            start: Weights to start from in place of initial_weights(spec, seed), not changed. Where
                targets are numbers they are of outputs for standardised ones: what an earlier fit
                returned goes through weights.unscale_output first. Moments of the optimiser
                start from 0.

        Raises:
            SpecError: The network does not fit the task, has an operator that this backend lacks,
                or start is another network's.
            ConfigError: The recipe's loss does not suit the task.
            DataError: There are too few samples to train or to judge.
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


def check_task(spec: ArchSpec, splits: Splits) -> None:
    """Checks at a backend's door that a network fits a task.

    Raises:
        SpecError: Its input or output is of another shape; or targets are numbers and the last
            node has no bias to take in the target's scale.
        DataError: The validation part is empty.
    """
    if not len(splits.val):
        raise DataError("Expected validation samples to judge a network by, got none.")
    expected = splits.input_shape, (splits.num_outputs,)
    if (spec.input_shape, spec.output_shape) != expected:
        raise SpecError(
            f"Expected a network from {expected[0]} to {expected[1]} for this task, got one from "
            f"{spec.input_shape} to {spec.output_shape}."
        )
    op: Op = spec.nodes[-1].op
    if splits.is_regression and not (isinstance(op, Dense) and op.bias):
        raise SpecError(
            f"Expected a network for regression to end in a Dense with a bias, got "
            f"{type(op).__name__}."
        )
