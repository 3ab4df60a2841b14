"""Quantisation-aware fine-tuning: some steps on, with the losses of int8 in the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from evonas.proxy.augment import augmented
from evonas.proxy.backends.torch import FlatAdamW, Loss, one_thread, training_loss
from evonas.proxy.batches import AUGMENT, Indices, batches, generator, used_samples
from evonas.proxy.build import read_weights
from evonas.proxy.divergence import DivergenceWatch
from evonas.proxy.losses import loss_kind, standardised, target_scale
from evonas.proxy.recipe import Recipe
from evonas.proxy.schedule import learning_rates
from evonas.proxy.weights import Weights, scale_output, unscale_output
from evonas.quant.calibrate import Range
from evonas.quant.fake import FakeQuantNetwork
from evonas.quant.network import QuantizedNetwork
from evonas.tasks.splits import Splits


@dataclass(frozen=True, eq=False)
class Finetuned:
    """What fine-tuning gave.

    Attributes:
        weights: Of the training module; the statistics of its batch norms are unchanged.
        ranges: Of each tensor of the lowered graph, as ``quantize`` takes them.
        error: Why it diverged, or None.
    """

    weights: Weights
    ranges: Mapping[int, Range]
    error: str | None


def finetune(
    start: QuantizedNetwork, weights: Weights, splits: Splits, recipe: Recipe, seed: int
) -> Finetuned:
    """Returns weights that have learned to do with int8.

    Deterministic: the same arguments give the same bits on one machine.

    Args:
        start: The network as quantised after training.
        weights: Of its training module; not changed.
        splits: Learns from train; nothing else is touched.
        recipe: How to train; dropout is left out.
        seed: Non-negative; of the order of samples.
    """
    spec, scale = start.spec, target_scale(splits)
    kind = loss_kind(recipe, splits.is_regression)
    samples = used_samples(splits, recipe.data_fraction)
    if splits.is_regression:
        weights = unscale_output(spec, weights, scale.mean, scale.std)
    network = FakeQuantNetwork(start, weights, scale)
    with one_thread(), torch.enable_grad():
        loss = training_loss(kind, recipe, splits, samples)
        error = _train(network, loss, splits, samples, recipe, seed)
    trained = read_weights(network.trained)
    if splits.is_regression:
        trained = scale_output(spec, trained, scale.mean, scale.std)
    return Finetuned(trained, network.ranges(), error)


def _train(
    network: FakeQuantNetwork,
    loss: Loss,
    splits: Splits,
    samples: Indices,
    recipe: Recipe,
    seed: int,
) -> str | None:
    """Trains a network in place; returns why it diverged, or None."""
    X, y, scale = np.asarray(splits.train.X), splits.train.y, target_scale(splits)
    optimiser = FlatAdamW(network, recipe.weight_decay, recipe.clip)
    watch = DivergenceWatch(recipe.steps_per_epoch(len(samples)))
    rng = generator(seed, AUGMENT)
    rates = learning_rates(recipe, recipe.n_steps(len(samples))).tolist()
    for rate, batch in zip(rates, batches(samples, recipe, seed), strict=True):
        optimiser.zero_grad()
        inputs = augmented(X[batch], recipe, rng)
        targets = torch.from_numpy(standardised(y[batch], scale))
        value = loss(network(torch.from_numpy(inputs)), targets)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step(rate)
        error = watch.verdict(value.item())
        if error is not None:
            return error
    return None
