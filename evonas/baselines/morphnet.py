"""MorphNet: widths by what a sparsifying cost leaves of the batch norms' scales.

Gordon et al. 2018 <https://arxiv.org/abs/1711.06798>. Loss = task's + strength · R, where R is
published as the sum over operators of c (A_in Σ r_out + A_out Σ r_in), with r = |gamma|, A the
channels that live and c an operator's cost per pair of channels. That is Σ (∂C / ∂A) Σ r over the
groups of channels, for C = Σ c A_in A_out: so here every cost of the project serves, by its slope
at the widths that live, relative to the seed's cost. Channels that an add or a depthwise
convolution ties live where the largest of their scales does, and so do those of a meta-kernel,
which has a batch norm for each branch.

Departures: gamma learns on samples of its own, as all architecture parameters here do; it stops at
0 where a step would change its sign, as in orthant-wise methods for L1 (Andrew and Gao 2007),
because it would swing around 0 by a rate that is larger than the threshold; weights learn under the
channels that live, so that those left make up for a dead one's shift. Units of an RNN have a scale
of their own in place of a batch norm's. The published expansion of the shrunken network is left
out: the strength is what sets the size. Depth, kernels and dilations are the seed's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import PositiveFloat
from torch import Tensor

from evonas.baselines.baseline import AbstractBaseline, Found, SearchTask, StepListener, Weights
from evonas.baselines.cost import DiscreteCost, Sizes, combined
from evonas.baselines.layout import Layout
from evonas.baselines.norms import measure_norms
from evonas.baselines.scaled import ScaledNetwork
from evonas.baselines.training import (
    SEARCH,
    ArchitectureSteps,
    Diverged,
    InnerData,
    Record,
    SearchSettings,
    WeightSteps,
    found,
    is_recorded,
    warm_up,
)
from evonas.config_table import Table
from evonas.proxy.build import load_weights, read_weights

THRESHOLD = 1e-2
"""Of |gamma|, above which a channel lives; 1e-3 was also used."""

PUBLISHED_RATE = 1e-3
"""Of Adam."""


class MorphNetSettings(SearchSettings):
    """Settings of MorphNet.

    Attributes:
        threshold: Of |gamma|, above which a channel lives.
    """

    threshold: PositiveFloat = THRESHOLD


class MorphNet(AbstractBaseline):
    """Shrinks widths by a cost-aware L1 norm; see the module. The strength is R's weight."""

    Settings: ClassVar[type[Table]] = MorphNetSettings
    spaces: ClassVar[tuple[str, ...]] = ("metakernel", "rnn", "tcn")
    strengths: ClassVar[tuple[float, float]] = (1.0, 600.0)

    def __init__(self, task: SearchTask, settings: MorphNetSettings) -> None:
        super().__init__(task, settings)
        self._settings = settings
        self._layout = Layout.of(task.space, task.kind)
        self._cost = DiscreteCost(task, self._layout)
        self._data = InnerData(task, settings)
        self._warm: Weights | None = None

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds; see AbstractBaseline."""
        record, error = Record(), None
        self._cost.start()
        network = ScaledNetwork(self._layout, self.task.seed, self._settings.threshold)
        sound = read_weights(network)
        try:
            if self._warm is None:
                warm_up(network, self._layout.spec, self._data, network, record, listener)
                self._warm = read_weights(network)
            load_weights(network, self._warm)
            network.fix_signs()
            sound = self._warm
            for snapshot in self._steps(network, strength, record, listener):
                sound = snapshot
            measure_norms(network, network.living, self._data, record)
            sound = read_weights(network)
        except Diverged as diverged:
            error = str(diverged)
        load_weights(network, sound)
        return self._result(network, strength, record, error)

    def state(self) -> Weights | None:
        """Returns what the warm-up left; see AbstractBaseline."""
        return self._warm

    def restore(self, state: Weights) -> None:
        """Takes over what an earlier warm-up left; see AbstractBaseline."""
        self._warm = dict(state)

    def _steps(
        self, network: ScaledNetwork, strength: float, record: Record, listener: StepListener | None
    ) -> Iterator[Weights]:
        """Yields the weights at every recorded step; the last ones are those of the result."""
        data, n, every = self._data, self._data.n_steps, self._settings.architecture_every
        n_turns = n // every
        weights = WeightSteps(network.rest, data, n, SEARCH, record)
        rate = self._settings.rate(PUBLISHED_RATE, n_turns)
        turns = ArchitectureSteps(network.gammas, data, n_turns, rate, record, shared=True)

        def loss(x: Tensor, y: Tensor) -> Tensor:
            penalty = regulariser(self._cost, network.sizes(), network.scales())
            return data.loss(network(x), y) + strength * penalty

        before = record.steps
        with data.training(network, self._layout.spec, SEARCH):
            for step in range(1, n + 1):
                value = weights.step(network.living)
                if step % every == 0:
                    turns.step(loss)
                    network.stop_at_zero()
                if is_recorded(step, n):
                    relative = self._cost.relative(network.sizes())
                    record.history.append((step, value, relative))
                    yield read_weights(network)
                if listener is not None:
                    listener(before + step, before + n)

    def _result(
        self, network: ScaledNetwork, strength: float, record: Record, error: str | None
    ) -> Found:
        kept, sizes = network.kept(), network.sizes()
        costs = self._cost.values(sizes)
        n_changed = sum(self._layout.widths) - sum(map(len, kept))
        decisions = (sum(self._layout.widths), n_changed)
        return found(
            self.task, network.cut(kept), strength, costs, costs, decisions, record, error=error
        )


def regulariser(cost: DiscreteCost, sizes: Sizes, scales: Sequence[Tensor]) -> Tensor:
    """Returns a scalar with the value of the mean cost at these sizes and the gradient of R.

    Args:
        cost: Of networks, relative to the seed's.
        sizes: Of the channels that live.
        scales: Of each group (width,), |gamma|.
    """
    return combined(cost(sizes, [scale.sum() for scale in scales], []))
