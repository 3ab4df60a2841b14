"""Multi-constraint DNAS: a network within several bounds at once, found in a single search.

Burrello et al. 2023 <https://arxiv.org/abs/2310.07217>, over masks: PIT's of a TCN, channel masks
of meta-kernels and of recurrent networks' units. Loss = task's + Σ λ_i(e) max(0, C_i - T_i) over
costs and their targets, C of the discretised network; λ_i is such that the violation at the start
weighs as much as the task's loss behind the warm-up, and rises from 1 % of that to all of it in the
first half of the search. Beyond the paper, it goes on rising in the second half while its bound is
violated. Networks count as results in the last quarter, by what they are once
discretised: the best within the targets or, where none is, the nearest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from evonas.baselines.baseline import AbstractBaseline, Found, SearchTask, StepListener, Weights
from evonas.baselines.cost import Sizes, network_costs
from evonas.baselines.layout import Layout
from evonas.baselines.mask_search import MaskSearch, Snapshot
from evonas.baselines.training import SearchSettings
from evonas.config_table import Table
from evonas.errors import ConfigError, unknown_name
from evonas.objectives import OBJECTIVES
from evonas.units import parse_quantity

COUNTED_FROM = 0.75
"""Share of the search behind which a network may be the result."""

FULL_AT = 0.5
"""Share of the search at which λ reaches its full value."""

LEAST_LAMBDA = 0.01
"""Of its full value, at the start."""


def parse_targets(targets: Mapping[str, float | str]) -> dict[str, float]:
    """Returns upper bounds in SI.

    Raises:
        ConfigError: A name is no cost that is known before training, or a value is none of its
            unit or not positive.
    """
    costs = [name for name in OBJECTIVES.names() if not OBJECTIVES.get(name).needs_training]
    bounds = {}
    for name, value in targets.items():
        if name not in costs:
            raise ConfigError(f"{unknown_name('cost', name, costs)}")
        bound = parse_quantity(value, OBJECTIVES.get(name).dimension)
        if bound <= 0:
            raise ConfigError(f"{name}: expected more than 0, got {value!r}.")
        bounds[name] = bound
    return bounds


class DNASSettings(SearchSettings):
    """Settings of the multi-constraint DNAS.

    Attributes:
        targets: Upper bounds by cost's name, as numbers or with units: { peak_ram = "8 kB", latency
            = "5 ms" }; the strength has no effect then. Empty for the seed's costs divided by the
            strength.
        growth: By which λ of a bound is multiplied over the second half of a search that violates
            it all the time. As published, 1, small networks are out of reach: a cost's slope by a
            width falls with the network, the task's does not.
    """

    targets: dict[str, float | str] = {}
    growth: Annotated[float, Field(ge=1)] = 1e5

    @field_validator("targets")
    @classmethod
    def _bounds(cls, targets: dict[str, float | str]) -> dict[str, float | str]:
        try:
            parse_targets(targets)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return targets


class DNAS(AbstractBaseline):
    """Finds a network within bounds on its costs; see the module."""

    Settings: ClassVar[type[Table]] = DNASSettings
    spaces: ClassVar[tuple[str, ...]] = ("metakernel", "rnn", "tcn")
    has_targets: ClassVar[bool] = True
    strengths: ClassVar[tuple[float, float]] = (1.5, 2000.0)

    def __init__(self, task: SearchTask, settings: DNASSettings) -> None:
        super().__init__(task, settings)
        self._given = parse_targets(settings.targets)
        self._growth = settings.growth
        names = tuple(dict.fromkeys((*task.costs, *self._given)))
        task = replace(task, costs=names)
        layout = Layout.of(task.space, task.kind, dense_grid=task.kind == "tcn")
        self._search = MaskSearch(task, settings, layout)
        self._names = names
        self._largest = network_costs(task, layout.spec)
        self._seed = network_costs(task, task.space.seed)

    @property
    def sweep_ends(self) -> tuple[float, float]:
        """Bounds from those that the largest networks miss to those that the smallest one meets."""
        low, high = self.strengths
        layout = self._search.layout
        widths = tuple(group.widths[0] for group in layout.groups)
        kernels = layout.kernels
        if layout.kind == "tcn":  # of meta-kernels the kernels stay as they are
            kernels = tuple(slot.options[0] for slot in layout.slots)
        least = self._search.cost.values((widths, kernels))
        reach = max(self._seed[name] / least[name] for name in self.task.costs)
        return low, float(min(max(reach, 2 * low), high))

    @property
    def has_sweep(self) -> bool:
        """Whether the strength sets the bounds: not where the settings do."""
        return not self._given

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds; see AbstractBaseline."""
        targets = dict(self._given)
        if not targets and strength > 0:
            targets = {name: self._seed[name] / strength for name in self.task.costs}
        relative = [targets.get(name, math.inf) / self._largest[name] for name in self._names]
        checkpoints = _WithinTargets(self._search.cost.vector, torch.tensor(relative).double())
        return self._search.run(
            strength,
            lambda: ViolationPenalty(self._search.warm_loss, relative, self._growth),
            listener,
            checkpoints,
            targets,
        )

    def state(self) -> Weights | None:
        """Returns what the warm-up left; see AbstractBaseline."""
        return self._search.warm

    def restore(self, state: Weights) -> None:
        """Takes over what a warm-up left; see AbstractBaseline."""
        self._search.restore(state)


def full_lambda(task_loss: float, cost: float, target: float) -> float:
    """Returns λ_i = max(0, L / (C_i(0) - T_i)); 0 where the start meets the target.

    Args:
        task_loss: L, behind the warm-up.
        cost: C_i(0), of the network at the start.
        target: T_i, in the same unit.
    """
    return task_loss / (cost - target) if cost > target else 0.0


def lambda_at(full: float, share: float) -> float:
    """Returns λ_i(e) = min(λ_i, λ_i / 100 + e · 0.99 λ_i / (N / 2)).

    Args:
        full: λ_i.
        share: e / N, of the search that is done.
    """
    return min(full, LEAST_LAMBDA * full + share * (1 - LEAST_LAMBDA) * full / FULL_AT)


class ViolationPenalty:
    """Σ λ_i(e) max(0, C_i - T_i), of costs and targets relative to the start's costs.

    Args:
        task_loss: Behind the warm-up.
        targets: (n_costs,); infinite for no bound.
        growth: By which λ_i is multiplied over the second half of a search in which the bound is
            violated all the time; 1 as published.
    """

    def __init__(self, task_loss: float, targets: Sequence[float], growth: float) -> None:
        self._full = torch.tensor([full_lambda(task_loss, 1.0, target) for target in targets])
        self._targets = torch.tensor(targets).double()
        self._grown = torch.ones(len(targets)).double()
        self._growth, self._share = growth, FULL_AT

    def __call__(self, share: float, cost: Tensor) -> Tensor:
        """Returns the penalty, differentiable by the costs (n_costs,)."""
        is_bound = self._full > 0
        if share > self._share:
            factor = self._growth ** ((share - self._share) / (1 - FULL_AT))
            is_beyond = cost.detach() > self._targets
            grown = torch.where(is_beyond, factor * self._grown, self._grown / factor)
            self._grown, self._share = grown.clamp(min=1.0), share
        weights = lambda_at(1.0, share) * self._full * self._grown
        beyond = torch.where(is_bound, (cost - self._targets).clamp(min=0.0), 0.0)
        return (weights * beyond).sum()


class _WithinTargets:
    """Keeps the best network within the targets, or the nearest to them."""

    def __init__(self, vector: Callable[[Sizes], Tensor], targets: Tensor) -> None:
        self._vector, self._targets = vector, targets
        self._key = (math.inf, math.inf)
        self._best: Snapshot | None = None

    def offer(
        self,
        share: float,
        sizes: Sizes,
        loss: Callable[[], float],
        snapshot: Callable[[], Snapshot],
    ) -> None:
        """Takes the network where it is better than those before."""
        if share < COUNTED_FROM:
            return
        beyond = (self._vector(sizes) / self._targets - 1).clamp(min=0.0)
        violation = float(beyond.max())
        if violation > self._key[0]:
            return
        key = (violation, loss())
        if key < self._key:
            self._key, self._best = key, snapshot()

    def best(self) -> Snapshot | None:
        """Returns the best network so far."""
        return self._best
