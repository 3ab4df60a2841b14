"""A search over weighted choices of widths and kernels: what FBNetV2 and E-DNAS share.

Every group of channels and every kernel slot has logits theta over its options. The network runs
once, with masks and kernels that are the options' weighted sums; weights learn with sampled shares
on one part of the data and theta on the other, in turns; at the end the likeliest option stays, and
weights learn with it alone for the last quarter of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from evonas.baselines.baseline import Found, SearchTask, StepListener, Weights
from evonas.baselines.cost import Sizes, network_costs
from evonas.baselines.effective_cost import EffectiveCost
from evonas.baselines.gates import one_hot
from evonas.baselines.kernel_options import KernelOptions
from evonas.baselines.kernel_slots import Kernel
from evonas.baselines.layout import Layout
from evonas.baselines.masked import MaskedNetwork
from evonas.baselines.norms import measure_norms
from evonas.baselines.training import (
    SEARCH,
    WARM_UP,
    ArchitectureSteps,
    Diverged,
    InnerData,
    Record,
    SearchSettings,
    WeightSteps,
    found,
    is_recorded,
    phase_seed,
    search_seed,
    warm_up,
)
from evonas.baselines.width_choice import WidthChoice
from evonas.proxy.build import load_weights, read_weights

Sample = Callable[[Tensor, float, torch.Generator], Tensor]
"""(logits, temperature, source of noise) -> shares of the options, summing to 1."""

Loss = Callable[[Tensor, Tensor, float], Tensor]
"""(task loss, costs (n_costs,) relative to the largest network's, strength) -> theta's loss."""


DECIDED = 0.25
"""Last share of a search in which weights learn with the likeliest options alone."""


@dataclass(frozen=True)
class Method:
    """How a method differs from others that weigh choices.

    Attributes:
        sample: Shares from logits.
        loss: What theta learns.
        tau: First and last temperature; falls by a constant factor a step. The warm-up has the
            first one.
        rate: Adam's for theta, as published.
        decay: Adam's for theta.
        betas: Adam's for theta.
        lead: By how much the largest option's logit begins above the others', so that without a
            cost a search ends where it began unless the data says otherwise.
    """

    sample: Sample
    loss: Loss
    tau: tuple[float, float]
    rate: float
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    lead: float = 1.0

    def temperature(self, step: int, n_steps: int) -> float:
        """Returns the temperature of a step, from 0."""
        first, last = self.tau
        return float(first * (last / first) ** (step / max(1, n_steps - 1)))


class ChoiceSearch:
    """Searches over choices of widths and kernels, with one warm-up for all strengths.

    Args:
        task: What to solve.
        settings: Steps and rates.
        layout: The networks.
        widths: Of each group its widths to choose from; None where it stays as it is.
        kernels: Of each slot its kernels to choose from.
        method: The search's own.

    Attributes:
        warm: What the warm-up left; None before it.
    """

    def __init__(
        self,
        task: SearchTask,
        settings: SearchSettings,
        layout: Layout,
        widths: Sequence[WidthChoice | None],
        kernels: Sequence[Sequence[Kernel]],
        method: Method,
    ) -> None:
        self.task, self.settings, self.layout, self.method = task, settings, layout, method
        self.widths, self.kernels = tuple(widths), tuple(tuple(own) for own in kernels)
        self.cost = EffectiveCost(task, layout, self.kernels)
        costs = network_costs(task, layout.spec)
        self.largest = torch.tensor([costs[name] for name in task.costs], dtype=torch.float64)
        self.warm: Weights | None = None

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds; see AbstractBaseline."""
        record, data = Record(), InnerData(self.task, self.settings)
        run = _Run(self)
        self.cost.start()
        error = None
        try:
            if self.warm is None:
                self._warm_up(run, data, record, listener)
            else:
                load_weights(run.network, self.warm)
            run.keep()
            self._learn(run, data, strength, record, listener)
            final = partial(run.forward, shares=run.decided())
            measure_norms(run.network, final, data, record)
        except Diverged as diverged:
            error = str(diverged)
            run.go_back()
        return run.result(strength, record, error)

    def _warm_up(
        self, run: _Run, data: InnerData, record: Record, listener: StepListener | None
    ) -> None:
        source = torch.Generator().manual_seed(phase_seed(self.task.seed, WARM_UP))
        tau = self.method.tau[0]

        def forward(x: Tensor) -> Tensor:
            return run.forward(x, run.shares(tau, source, learns=False))

        warm_up(run.network, self.layout.spec, data, forward, record, listener)
        self.warm = read_weights(run.network)

    def _learn(
        self,
        run: _Run,
        data: InnerData,
        strength: float,
        record: Record,
        listener: StepListener | None,
    ) -> None:
        method, every, n = self.method, self.settings.architecture_every, data.n_steps
        n_open = n - int(DECIDED * n)  # steps in which choices are open
        weights = WeightSteps(run.network, data, n, SEARCH, record)
        rate = self.settings.rate(method.rate, n_open // every)
        theta = ArchitectureSteps(
            run.theta, data, n_open // every, rate, record, method.betas, method.decay, shared=True
        )
        source = torch.Generator().manual_seed(search_seed(self.task.seed, strength))
        before = record.steps
        with data.training(run.network, self.layout.spec, SEARCH):
            for step in range(n):
                tau, is_open = method.temperature(step, n_open), step < n_open
                drawn = run.shares(tau, source, learns=False) if is_open else run.decided()
                value = weights.step(partial(run.forward, shares=drawn))
                if is_open and (step + 1) % every == 0:
                    theta.step(run.loss(data, run.shares(tau, source), strength))
                if is_recorded(step + 1, n):
                    relative = self.cost.discrete.relative(run.sizes())
                    record.history.append((step + 1, value, relative))
                    run.keep()
                if listener is not None:
                    listener(before + step + 1, before + n)


class _Run:
    """The network and logits of one search."""

    def __init__(self, search: ChoiceSearch) -> None:
        self._search = search
        layout, seed = search.layout, search.task.seed
        self._options = KernelOptions(layout, search.kernels, seed)
        self.network = MaskedNetwork(layout, seed, self._options.layers)
        counts = [len(c.widths) for c in search.widths if c is not None]
        counts += [len(own) for own in search.kernels]
        self.theta = [(search.method.lead * one_hot(n - 1, n)).requires_grad_() for n in counts]
        self._relaxed = search.largest
        self.keep()

    def keep(self) -> None:
        """Remembers the present state as sound."""
        self._sound = read_weights(self.network), [theta.detach().clone() for theta in self.theta]

    def go_back(self) -> None:
        """Returns to the last state that was sound."""
        weights, logits = self._sound
        load_weights(self.network, weights)
        for theta, kept in zip(self.theta, logits, strict=True):
            theta.data.copy_(kept)

    def shares(self, tau: float, source: torch.Generator, learns: bool = True) -> list[Tensor]:
        """Returns the shares of every choice, with gradients by theta where it learns."""
        logits = self.theta if learns else [theta.detach() for theta in self.theta]
        return [self._search.method.sample(own, tau, source) for own in logits]

    def decided(self) -> list[Tensor]:
        """Returns the shares of the likeliest options alone."""
        return [one_hot(_likeliest(theta), len(theta)) for theta in self.theta]

    def forward(self, x: Tensor, shares: Sequence[Tensor]) -> Tensor:
        """Returns the network's outputs with these shares."""
        of_widths, of_kernels = self._parted(shares)
        gates = [
            None if choice is None or share is None else choice.mask(share)
            for choice, share in zip(self._search.widths, of_widths, strict=True)
        ]
        self._options.weigh(of_kernels)
        outputs: Tensor = self.network(x, gates)
        return outputs

    def loss(
        self, data: InnerData, shares: Sequence[Tensor], strength: float
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """Returns what theta learns on a batch, with these shares."""

        def of_batch(x: Tensor, y: Tensor) -> Tensor:
            costs = self._costs(shares)
            self._relaxed = costs.detach() * self._search.largest
            return self._search.method.loss(data.loss(self.forward(x, shares), y), costs, strength)

        return of_batch

    def sizes(self) -> Sizes:
        """Returns the network of the likeliest options; of equally likely ones the largest."""
        of_widths, of_kernels = self._parted(self.theta)
        widths = tuple(
            group.width if choice is None or own is None else choice.widths[_likeliest(own)]
            for group, choice, own in zip(
                self._search.layout.groups, self._search.widths, of_widths, strict=True
            )
        )
        kernels = tuple(
            options[_likeliest(own)]
            for options, own in zip(self._search.kernels, of_kernels, strict=True)
        )
        return widths, kernels

    def result(self, strength: float, record: Record, error: str | None) -> Found:
        """Returns the discretised network with its weights."""
        search, (widths, kernels) = self._search, self.sizes()
        names = search.task.costs
        n_changed = sum(_likeliest(own) != len(own) - 1 for own in self.theta)
        return found(
            search.task,
            self.network.extract([range(width) for width in widths], kernels),
            strength,
            search.cost.discrete.values((widths, kernels)),
            dict(zip(names, self._relaxed.tolist(), strict=True)),
            (sum(len(own) for own in self.theta), n_changed),
            record,
            error=error,
        )

    def _costs(self, shares: Sequence[Tensor]) -> Tensor:
        of_widths, of_kernels = self._parted(shares)
        widths = [
            torch.tensor(float(group.width))
            if choice is None or share is None
            else choice.width(share)
            for group, choice, share in zip(
                self._search.layout.groups, self._search.widths, of_widths, strict=True
            )
        ]
        return self._search.cost(widths, of_kernels)

    def _parted(self, values: Sequence[Tensor]) -> tuple[list[Tensor | None], Sequence[Tensor]]:
        """Returns what belongs to each group, None where it has no choice, and to each slot."""
        rest = iter(values)
        of_widths = [None if choice is None else next(rest) for choice in self._search.widths]
        return of_widths, list(rest)


def _likeliest(theta: Tensor) -> int:
    """Returns the index of the largest logit; of equal ones the last, which is the largest size."""
    return len(theta) - 1 - int(theta.detach().flip(0).argmax())
