"""What all gradient-based searches share of training: data, weight steps, architecture steps.

Weights learn on 80 % of the training part, with the recipe's optimiser, rates and loss;
architecture parameters on the other 20 %, with Adam. Published architecture rates assume thousands
of steps: of n steps the rate is at least 3 / n, so that a parameter can travel from one decision to
the other three times.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from evonas.arch.spec import ArchSpec
from evonas.baselines.baseline import Found, SearchTask, StepListener, Weights, genome_of
from evonas.baselines.shared_adam import SharedAdam
from evonas.config_table import Table
from evonas.errors import EvonasError
from evonas.proxy.augment import augmented
from evonas.proxy.backends.torch import CHUNK, FlatAdamW, dropout, one_thread, training_loss
from evonas.proxy.batches import AUGMENT, Indices, batches, generator, used_samples
from evonas.proxy.divergence import DivergenceWatch
from evonas.proxy.losses import loss_kind, standardised, target_scale
from evonas.proxy.schedule import learning_rates
from evonas.proxy.weights import scale_output
from evonas.tasks.holdout import random_mask, stratified_mask

Forward = Callable[[Tensor], Tensor]
Batch = tuple[Tensor, Tensor]

WARM_UP, SEARCH, ARCHITECTURE, SPLIT, DECISIONS = range(5)
"""Phases of a search; each has random numbers of its own."""

TRAVELS = 3.0
"""Times that a parameter can travel by 1 in a search."""

N_RECORDED = 20
"""Entries of a search's history."""


class SearchSettings(Table):
    """Settings that all methods share.

    Attributes:
        steps: Weight steps of a search; None for the recipe's.
        warmup: Weight steps before the first search, shared by all; None for as many as a search.
        inner_share: Share of the training part on which architecture parameters learn.
        architecture_every: Weight steps for each architecture step.
        architecture_rate: "scaled" for at least 3 / architecture steps, "published" as published.
    """

    steps: PositiveInt | None = None
    warmup: NonNegativeInt | None = None
    inner_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    architecture_every: PositiveInt = 2
    architecture_rate: Literal["scaled", "published"] = "scaled"

    def rate(self, published: float, n_steps: int) -> float:
        """Returns the rate of architecture parameters that make n steps."""
        if self.architecture_rate == "published":
            return published
        return max(published, TRAVELS / max(1, n_steps))


class Diverged(EvonasError):  # noqa: N818 - an outcome, not a mistake
    """The loss of a search is not finite, or has risen beyond recovery."""


def phase_seed(seed: int, phase: int) -> int:
    """Returns the seed of one phase of a search."""
    return int(np.random.default_rng((seed, phase)).integers(2**31))


def search_seed(seed: int, strength: float) -> int:
    """Returns the seed of one search's own chances, such as the choices that it samples.

    The searches of a sweep have chances of their own: with the same ones for all strengths, a few
    choices that chance decides would end alike in all.
    """
    digits = int.from_bytes(struct.pack(">d", strength))
    return int(np.random.default_rng((seed, DECISIONS, digits)).integers(2**31))


@dataclass
class Record:
    """What a search has done so far; the CPU's time counts from when the record is made."""

    steps: int = 0
    samples: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    began: float = field(default_factory=time.process_time)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the process since the record was made."""
        return time.process_time() - self.began


class InnerData:
    """The training part as gradient-based searches read it.

    Attributes:
        for_weights: (n,) samples on which weights learn.
        for_architecture: (m,) the others, on which architecture parameters learn; of classes
            stratified, of a numeric target at random.
        n_steps: Weight steps of a search.
        n_warmup: Weight steps of the warm-up.

    Args:
        task: What to solve.
        settings: How.

    Raises:
        ConfigError: The recipe's loss does not suit the task.
        DataError: The training part is too small to be split.
    """

    def __init__(self, task: SearchTask, settings: SearchSettings) -> None:
        splits, recipe = task.splits, task.recipe
        self.task = task
        kind = loss_kind(recipe, splits.is_regression)
        self.scale = target_scale(splits)
        samples = used_samples(splits, recipe.data_fraction)
        rng = generator(task.seed, SPLIT)
        y = splits.train.y[samples]
        share = settings.inner_share
        held = (
            random_mask(len(samples), share, rng)
            if splits.is_regression
            else stratified_mask(y, share, rng)
        )
        self.for_weights: Indices = samples[~held]
        self.for_architecture: Indices = samples[held]
        self.loss = training_loss(kind, recipe, splits, samples)
        self.X = np.asarray(splits.train.X)
        self.y = splits.train.y
        self.n_steps = settings.steps or recipe.n_steps(len(samples))
        self.n_warmup = self.n_steps if settings.warmup is None else settings.warmup

    def batches(self, samples: Indices, n_steps: int, phase: int) -> Iterator[Batch]:
        """Yields the inputs and targets of n steps, a function of the task's seed and the phase."""
        recipe = replace(self.task.recipe, epochs=None, steps=max(1, n_steps))
        seed = phase_seed(self.task.seed, phase)
        rng = generator(seed, AUGMENT)
        for batch in batches(samples, recipe, seed):
            inputs = augmented(self.X[batch], recipe, rng)
            targets = standardised(self.y[batch], self.scale)
            yield torch.from_numpy(inputs), torch.from_numpy(targets)

    def inner_loss(self, model: nn.Module, forward: Forward) -> float:
        """Returns the loss on the samples of the architecture, in evaluation mode."""
        was_training = model.training
        model.eval()
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(self.for_architecture), CHUNK):
                chunk = self.for_architecture[start : start + CHUNK]
                X = torch.from_numpy(np.ascontiguousarray(self.X[chunk]))
                y = torch.from_numpy(standardised(self.y[chunk], self.scale))
                total += float(self.loss(forward(X), y)) * len(chunk)
        model.train(was_training)
        return total / len(self.for_architecture)

    @contextmanager
    def training(self, model: nn.Module, spec: ArchSpec, phase: int) -> Iterator[None]:
        """Puts a module into training on one thread, with the recipe's dropout."""
        seed = phase_seed(self.task.seed, phase)
        model.train()
        with (
            one_thread(),
            torch.enable_grad(),
            dropout(model, spec, self.task.recipe.dropout, seed),
        ):
            yield


class WeightSteps:
    """Trains a module's weights, one step at a call.

    Args:
        model: Its parameters are the weights.
        data: What they learn on.
        n_steps: Of this phase.
        phase: Decides the order of samples.
        record: Counts.
    """

    def __init__(
        self, model: nn.Module, data: InnerData, n_steps: int, phase: int, record: Record
    ) -> None:
        recipe = data.task.recipe
        self._optimiser = FlatAdamW(model, recipe.weight_decay, recipe.clip)
        self._rates = iter(learning_rates(recipe, n_steps).tolist())
        self._batches = data.batches(data.for_weights, n_steps, phase)
        self._watch = DivergenceWatch(recipe.steps_per_epoch(len(data.for_weights)))
        self._loss, self._record = data.loss, record

    def step(self, forward: Forward) -> float:
        """Moves the weights by one step and returns the loss before it.

        Args:
            forward: Inputs -> outputs; gates in it without gradient.

        Raises:
            Diverged: By the loss.
        """
        x, y = next(self._batches)
        self._optimiser.zero_grad()
        loss = self._loss(forward(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step(next(self._rates))
        self._record.steps += 1
        self._record.samples += len(y)
        value = float(loss.item())
        verdict = self._watch.verdict(value)
        if verdict is not None:
            raise Diverged(verdict)
        return value


class ArchitectureSteps:
    """Trains architecture parameters with Adam on the inner samples, one step at a call.

    Args:
        parameters: Leaf tensors; none is a weight.
        data: What they learn on.
        n_steps: Of the whole search.
        rate: Adam's.
        record: Counts.
        betas: Adam's.
        weight_decay: Adam's.
        clip: Largest norm of the gradient; None for no bound.
        shared: Whether the entries of a tensor share one second moment; see SharedAdam.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        data: InnerData,
        n_steps: int,
        rate: float,
        record: Record,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        clip: float | None = None,
        shared: bool = False,
    ) -> None:
        self._parameters = list(parameters)
        self._adam: torch.optim.Adam | SharedAdam = (
            SharedAdam(self._parameters, rate, betas, weight_decay)
            if shared
            else torch.optim.Adam(
                self._parameters, lr=rate, betas=betas, weight_decay=weight_decay, foreach=True
            )
        )
        self._batches = data.batches(data.for_architecture, n_steps, ARCHITECTURE)
        self._clip, self._record = clip, record

    def step(self, loss: Callable[[Tensor, Tensor], Tensor]) -> float:
        """Moves the parameters by one step and returns the loss before it.

        Args:
            loss: (inputs, targets) of a batch -> task loss and cost.

        Raises:
            Diverged: The loss is not finite.
        """
        x, y = next(self._batches)
        value = loss(x, y)
        self._record.samples += len(y)
        if not torch.isfinite(value):
            raise Diverged(f"diverged: the loss of the architecture is {value.item()}")
        # The gradients of weights are not asked for: they cost a third of the way back.
        gradients = torch.autograd.grad(value, self._parameters, allow_unused=True)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = torch.zeros_like(parameter) if gradient is None else gradient
        if self._clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._adam.step()
        return float(value.item())


def warm_up(
    model: nn.Module,
    spec: ArchSpec,
    data: InnerData,
    forward: Forward,
    record: Record,
    listener: StepListener | None = None,
) -> None:
    """Trains weights alone, as many steps as the settings say.

    Raises:
        Diverged: By the loss.
    """
    steps = WeightSteps(model, data, data.n_warmup, WARM_UP, record)
    with data.training(model, spec, WARM_UP):
        for number in range(data.n_warmup):
            steps.step(forward)
            if listener is not None:
                listener(number + 1, data.n_warmup + data.n_steps)


def is_recorded(step: int, n_steps: int) -> bool:
    """Whether a step, from 1, goes into the history: about 20 of them, and the last."""
    return step == n_steps or step % max(1, n_steps // N_RECORDED) == 0


def natural_weights(task: SearchTask, spec: ArchSpec, weights: Weights) -> Weights:
    """Returns weights whose network answers in the target's natural unit, as a training's do."""
    if not task.splits.is_regression:
        return weights
    scale = target_scale(task.splits)
    return scale_output(spec, weights, scale.mean, scale.std)


def found(
    task: SearchTask,
    network: tuple[ArchSpec, Weights],
    strength: float,
    costs: Mapping[str, float],
    relaxed: Mapping[str, float],
    decisions: tuple[int, int],
    record: Record,
    targets: Mapping[str, float] | None = None,
    error: str | None = None,
) -> Found:
    """Returns the result of a search.

    Args:
        task: What was solved.
        network: Spec and weights, a numeric target still standardised.
        strength: The search's.
        costs: Of the network, SI.
        relaxed: What the loss held them for, SI.
        decisions: Architecture parameters, and how many decisions ended otherwise than they began.
        record: Of the search.
        targets: Upper bounds, of a method that has them.
        error: Why the search failed.
    """
    spec, weights = network
    return Found(
        spec=spec,
        genome=genome_of(task.space, spec),
        weights=natural_weights(task, spec, weights),
        strength=strength,
        targets=dict(targets or {}),
        costs=dict(costs),
        relaxed=dict(relaxed),
        n_parameters=decisions[0],
        n_changed=decisions[1],
        steps=record.steps,
        samples=record.samples,
        cpu_seconds=record.cpu_seconds,
        history=tuple(record.history),
        error=error,
    )
