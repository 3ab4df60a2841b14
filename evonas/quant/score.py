"""How well a quantised network does on a part of a data set, by its integer reference."""

from __future__ import annotations

from dataclasses import dataclass

from evonas.proxy.losses import mean_loss, target_scale
from evonas.quant.feed import answers, feed, natural
from evonas.quant.network import Floats, QuantizedNetwork
from evonas.quant.reference import run
from evonas.tasks.metrics import Metric, predictions
from evonas.tasks.splits import Part, Splits


@dataclass(frozen=True, order=True)
class Score:
    """A metric and, between equal ones, a loss; a smaller score is a better one.

    Attributes:
        metric: The task's metric, in its own unit.
        loss: Mean cross-entropy, or mean squared error of the standardised target.
    """

    metric: float
    loss: float


def int8_outputs(network: QuantizedNetwork, X: Floats) -> Floats:
    """Returns the outputs (n, num_outputs) as numbers: logits, or in the target's unit.

    The inputs take the way of deployed ones: natural units first, then int8.

    Args:
        network: The network.
        X: (n, *input_shape), normalised.
    """
    return answers(network, run(network, feed(network, natural(X, network.normalisation))))


def score_outputs(outputs: Floats, part: Part, splits: Splits, metric: Metric) -> Score:
    """Returns how good outputs are.

    Args:
        outputs: (n, num_outputs) of the samples of the part.
        part: Which samples.
        splits: The data; its training part gives the scale of a numeric target.
        metric: The task's.
    """
    kind = "mse" if splits.is_regression else "cross-entropy"
    loss = mean_loss(kind, outputs, part.y, target_scale(splits))
    return Score(metric(part.y, predictions(outputs, splits.is_regression)), loss)


def int8_score(network: QuantizedNetwork, part: Part, splits: Splits, metric: Metric) -> Score:
    """Returns how good a quantised network is on a part; arguments as of ``score_outputs``."""
    return score_outputs(int8_outputs(network, part.X), part, splits, metric)
