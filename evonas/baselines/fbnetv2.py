"""FBNetV2's search: channel masks and kernels by Gumbel softmax, within one convolution each.

DMaskingNAS (Wan et al. 2020 <https://arxiv.org/abs/2004.05565>): a layer is computed once at its
full width and multiplied by the weighted sum of masks that let the first channels pass, so that a
choice of width costs no more than a network; costs are those of the effective widths. Here the
kernel is a choice as well, within the same convolution.

The authors' search code was never released. Rates and schedules are those of FBNet
(Wu et al. 2019 <https://arxiv.org/abs/1812.03443>), scaled to the steps of a search: weights learn
on 80 % of the training part and theta on the rest, in turns; theta stands still during the warm-up,
which takes the place of FBNet's first epochs. Departures: weights are trained by the recipe, as
with all methods here, for the last quarter of the steps with the decided choices; the largest
option begins a little ahead; theta's Adam is evonas.baselines.shared_adam's; alpha, a scale only,
follows the costs. An RNN's only choice is its units.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from evonas.baselines.baseline import (
    AbstractBaseline,
    Found,
    SearchTask,
    StepListener,
    Weights,
)
from evonas.baselines.choices import ChoiceSearch, Method
from evonas.baselines.cost import LEAST_IN_LOG, loss_units, network_costs
from evonas.baselines.gates import gumbel_softmax
from evonas.baselines.kernel_options import merged_sizes, temporal_options
from evonas.baselines.kernel_slots import Kernel
from evonas.baselines.layout import Layout
from evonas.baselines.training import SearchSettings
from evonas.baselines.width_choice import WidthChoice
from evonas.config_table import Table

ARCHITECTURE_RATE = 0.01
ARCHITECTURE_DECAY = 5e-4
TAU = (5.0, 5.0 * math.exp(-0.045 * 90))
"""FBNet's: Adam's rate and decay for theta, and the first and last temperature of 90 epochs."""


class FBNetV2Settings(SearchSettings):
    """Settings of FBNetV2.

    Attributes:
        alpha: Scale of the loss, as published; a scale only.
        widths: Most widths that a group of channels chooses between.
        taps: Most numbers of taps that a TCN's layer chooses between, each with its smallest and
            its largest dilation.
        tau: First and last temperature of the Gumbel softmax.
    """

    alpha: PositiveFloat = 0.2
    widths: Annotated[int, Field(ge=2)] = 9
    taps: Annotated[int, Field(ge=2)] = 5
    tau: tuple[PositiveFloat, PositiveFloat] = TAU


class FBNetV2(AbstractBaseline):
    """DMaskingNAS; see AbstractBaseline. The strength is the loss's exponent beta."""

    Settings: ClassVar[type[Table]] = FBNetV2Settings
    spaces: ClassVar[tuple[str, ...]] = ("metakernel", "rnn", "tcn")
    strengths: ClassVar[tuple[float, float]] = (0.3, 20.0)

    def __init__(self, task: SearchTask, settings: Table) -> None:
        super().__init__(task, settings)
        if not isinstance(settings, FBNetV2Settings):
            raise TypeError(f"Expected FBNetV2Settings, got {type(settings).__name__}.")
        layout = Layout.of(task.space, task.kind)
        costs = network_costs(task, layout.spec)
        units = [loss_units(name, costs[name], task.device) for name in task.costs]
        largest = torch.tensor(units, dtype=torch.float64)

        def loss(value: Tensor, relative: Tensor, strength: float) -> Tensor:
            in_units = (relative * largest).clamp(min=LEAST_IN_LOG)
            # alpha is a scale only: with this one the task's loss weighs alike in every step. Else
            # it falls with the cost, by orders of magnitude for high powers, and Adam with it.
            scale = scaled_loss(torch.ones(()), in_units.detach(), strength, 1.0).item()
            return scaled_loss(value, in_units, strength, settings.alpha / scale)

        self._search = ChoiceSearch(
            task,
            settings,
            layout,
            [WidthChoice(group.widths, settings.widths) for group in layout.groups],
            _offered(layout, settings.taps),
            Method(gumbel_softmax, loss, settings.tau, ARCHITECTURE_RATE, ARCHITECTURE_DECAY),
        )

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds; see AbstractBaseline."""
        return self._search.search(strength, listener)

    def state(self) -> Weights | None:
        """Returns what the warm-up left; see AbstractBaseline."""
        return self._search.warm

    def restore(self, state: Weights) -> None:
        """Takes over what an earlier warm-up left; see AbstractBaseline."""
        self._search.warm = dict(state)


def scaled_loss(task: Tensor, costs: Tensor, beta: float, alpha: float) -> Tensor:
    """Returns alpha * task * (log C)^beta: the power of the logarithm, not the log of the power.

    Of several costs the logarithm is the geometric mean of theirs.

    Args:
        task: The task's loss.
        costs: (n_costs,) in units in which they are at least 10.
        beta: The strength; 0 for the task's loss alone.
        alpha: A scale.
    """
    logarithm = torch.log(torch.log(costs)).mean().exp()
    return alpha * logarithm**beta * task


def _offered(layout: Layout, n_taps: int) -> list[tuple[Kernel, ...]]:
    if layout.kind == "tcn":
        return [temporal_options(slot, n_taps) for slot in layout.slots]
    return [merged_sizes(slot) for slot in layout.slots]
