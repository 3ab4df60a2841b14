"""A search over paths: weights and logits that learn in turns, and the network that is left."""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from evonas.baselines.baseline import Found, SearchTask, StepListener, Weights
from evonas.baselines.path_logits import PathLogits
from evonas.baselines.path_objective import PathObjective
from evonas.baselines.paths import Chain
from evonas.baselines.supernet import Mixture, Supernet
from evonas.baselines.training import (
    DECISIONS,
    SEARCH,
    WARM_UP,
    ArchitectureSteps,
    InnerData,
    Record,
    SearchSettings,
    WeightSteps,
    found,
    is_recorded,
    phase_seed,
    search_seed,
)
from evonas.proxy.backends.torch import one_thread
from evonas.proxy.build import load_weights, read_weights

RATE = 1e-3
BETAS = (0.0, 0.999)
"""Adam's for the logits, as published: without momentum, for a path that did not run has none."""

SCALED_BETAS = (0.0, 0.9)
"""Adam's where rates are scaled."""

TRAVEL = 30.0
"""Times that a logit could travel by 1 in a search. Ten times a mask's: it is not to cross a
threshold half a unit away but to part from eight others, and its gradients agree less often.
"""


class ProxylessNASSettings(SearchSettings):
    """Settings of ProxylessNAS.

    Attributes:
        architecture_every: Weight steps for each architecture step; 5 as published.
        architecture_rate: "published" takes Adam as published too, of one second moment a logit;
            "scaled" one that the logits of a block share.
        form: Which paths an architecture step compares: all of a block, or two of them drawn by
            their probabilities. Two are what fits into a GPU's memory as published; the full form
            decides in fewer steps.
        loss: "linear" for task + strength (E[C] - C_ref) / C_ref; "log" for the published 0.2 task
            (log E[C] / log C_ref)^strength. C_ref is the seed's cost, of several the mean.
        lead: By how much the logit of the seed's path begins above the others', so that without a
            cost a search ends where it began unless the data says otherwise; 0 as published.
        warmup: None for a third of a search's steps for each of the weights that the paths of a
            block share, and as many as a search at least.
    """

    architecture_every: PositiveInt = 4
    form: Literal["full", "two-path"] = "full"
    loss: Literal["linear", "log"] = "linear"
    lead: NonNegativeFloat = 1.0

    def rate(self, published: float, n_steps: int) -> float:
        """Returns the rate of logits that make n steps."""
        if self.architecture_rate == "published":
            return published
        return max(published, TRAVEL / max(1, n_steps))


def warm_up_steps(chain: Chain, n_steps: int) -> int:
    """Returns the steps in which all weights learn about a third as long as a search is, or more.

    Of the banks of a block one learns in a step, so where they are many each needs longer.
    """
    most = max(len({path.bank for path in block.paths}) for block in chain.blocks)
    return max(n_steps, math.ceil(n_steps * most / 3))


class PathSearch:
    """One search: its network, logits and counts.

    Attributes:
        network: All paths.

    Args:
        task: What to solve.
        settings: How.
        chain: The paths.
        objective: What the logits learn.
        strength: How much cost weighs.
        listener: Told of the progress.
    """

    def __init__(
        self,
        task: SearchTask,
        settings: ProxylessNASSettings,
        chain: Chain,
        objective: PathObjective,
        strength: float,
        listener: StepListener | None = None,
    ) -> None:
        self._task, self._settings, self._chain = task, settings, chain
        self._objective, self._strength, self._listener = objective, strength, listener
        self._record = Record()
        self._data = InnerData(task, settings)
        if settings.warmup is None:
            self._data.n_warmup = warm_up_steps(chain, self._data.n_steps)
        self.network = Supernet(chain, task.seed, task.recipe.dropout)
        sizes = [len(block.paths) for block in chain.blocks]
        rng = np.random.default_rng(search_seed(task.seed, strength))
        self._logits = PathLogits(sizes, rng, settings.lead)
        self._began = self._logits.likeliest()
        self._expected = objective.cost(self._logits.shares(self._logits.everything)).detach()
        self._sound = (read_weights(self.network), self._began)
        self._choice = self._began
        self._made = 0

    def warm_up(self) -> Weights:
        """Trains weights alone, every path as likely; returns them."""
        data, seed = self._data, self._task.seed
        rng = np.random.default_rng(phase_seed(seed, WARM_UP))
        sizes = [len(alpha) for alpha in self._logits.alphas]
        steps = WeightSteps(self.network, data, data.n_warmup, WARM_UP, self._record)
        self.network.begin(phase_seed(seed, WARM_UP))
        with one_thread(), torch.enable_grad():
            for _ in range(data.n_warmup):
                choice = [int(rng.integers(n)) for n in sizes]
                steps.step(partial(self.network, choice=choice))
                self._made += 1
                if self._listener is not None:
                    self._listener(self._made, data.n_warmup + data.n_steps)
        return read_weights(self.network)

    def learn(self) -> None:
        """Trains weights and logits, then measures the norms of the network that is left."""
        data, every, n = self._data, self._settings.architecture_every, self._data.n_steps
        seed = self._task.seed
        weights = WeightSteps(self.network, data, n, SEARCH, self._record)
        rate = self._settings.rate(RATE, n // every)
        is_scaled = self._settings.architecture_rate == "scaled"
        logits = ArchitectureSteps(
            self._logits.alphas,
            data,
            n // every,
            rate,
            self._record,
            SCALED_BETAS if is_scaled else BETAS,
            shared=is_scaled,
        )
        self._keep()
        self.network.begin(phase_seed(seed, SEARCH))
        total = self._made + n
        with one_thread(), torch.enable_grad():
            for step in range(1, n + 1):
                choice = self._logits.draw(self._logits.everything)
                value = weights.step(partial(self.network, choice=choice))
                if step % every == 0:
                    self._move(logits)
                if is_recorded(step, n):
                    self._keep()
                    relative = self._objective.relative(self._choice)
                    self._record.history.append((step, value, relative))
                if self._listener is not None:
                    self._listener(total - n + step, total)
            self._measure_norms()

    def go_back(self) -> None:
        """Returns to the last state that was sound."""
        weights, self._choice = self._sound
        load_weights(self.network, weights)

    def result(self, error: str | None) -> Found:
        """Returns the network of the likeliest paths with its weights."""
        chain, choice, names = self._chain, self._choice, self._task.costs
        return found(
            self._task,
            (chain.spec(choice), self.network.weights(choice)),
            self._strength,
            dict(zip(names, self._objective.cost.discrete(choice).tolist(), strict=True)),
            dict(zip(names, self._expected.tolist(), strict=True)),
            (
                sum(len(chain.blocks[block].paths) for block in chain.open),
                sum(now != then for now, then in zip(choice, self._began, strict=True)),
            ),
            self._record,
            error=error,
        )

    def _keep(self) -> None:
        """Remembers the present state as sound."""
        self._choice = self._logits.likeliest()
        self._sound = (read_weights(self.network), self._choice)

    def _move(self, steps: ArchitectureSteps) -> None:
        """Makes one architecture step."""
        logits = self._logits
        is_pair = self._settings.form == "two-path"
        compared = logits.draw_pairs() if is_pair else logits.everything
        before = [alpha.detach().clone() for alpha in logits.alphas]
        steps.step(partial(self._loss, compared))
        if is_pair:
            logits.rescale(compared, before)

    def _loss(self, compared: list[tuple[int, ...]], x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss of a batch, with the logits' gradients through the gates."""
        sampled = self._logits.draw(compared)
        mixtures = [Mixture.of(own, path) for own, path in zip(compared, sampled, strict=True)]
        gates = [mixture.gates for mixture in mixtures if len(mixture.paths) > 1]
        task_loss = self._data.loss(self.network.mixed(x, mixtures), y)
        shares = self._logits.shares(compared)
        credit = torch.zeros(())
        if gates:
            slopes = iter(torch.autograd.grad(task_loss, gates))
            for own, share in zip(compared, shares, strict=True):
                if len(own) > 1:
                    credit = credit + (next(slopes) * share[list(own)]).sum()
        costs = self._objective.cost(shares)
        self._expected = costs.detach()
        through = task_loss.detach() + credit - credit.detach()
        return self._objective.loss(through, costs, self._strength)

    def _measure_norms(self) -> None:
        """Takes the running statistics of batch norms anew, those of the network that is left.

        Up to here they are those of all paths that ran. The mean over one pass of batches is taken.
        """
        data = self._data
        n_batches = data.task.recipe.steps_per_epoch(len(data.for_weights))
        batches = data.batches(data.for_weights, n_batches, DECISIONS)
        norms = self.network.norms(self._choice)
        with torch.no_grad():
            for number, (x, _) in enumerate(batches, 1):
                for norm in norms:
                    norm.momentum = 1 / number
                self.network(x, self._choice)
                self._record.samples += len(x)
