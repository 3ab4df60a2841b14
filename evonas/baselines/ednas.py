"""E-DNAS (from its abstract): the sizes of kernels, as one kernel that is their weighted sum.

García, Agudo, Moreno-Noguer 2021 (ICPR); only the abstract is public, so what is here follows from
it alone. Every layer has one meta-kernel, the sum of kernels of all sizes on offer, each weighted
by softmax(alpha / tau) and placed within the largest: by the additivity of convolution a step takes
ONE convolution a layer. Weights learn on one part of the training data, alpha on the other; tau
falls from 5 to 0.1, so that at the end one size is left. Loss = task's + strength · E[C] / C(seed).

Widths are the seed's, which bounds how small its networks are. Beside squares the sizes are the
space's strips, such as 1x3. As the published method, it has one batch norm behind the sum; the
space's networks have one behind every branch, which changes nothing for a single size.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveFloat
from torch import Generator, Tensor

from evonas.baselines.baseline import AbstractBaseline, Found, SearchTask, StepListener, Weights
from evonas.baselines.choices import ChoiceSearch, Method
from evonas.baselines.cost import combined
from evonas.baselines.gates import tempered_softmax
from evonas.baselines.kernel_options import single_sizes
from evonas.baselines.layout import Layout
from evonas.baselines.training import SearchSettings
from evonas.config_table import Table
from evonas.errors import ConfigError

TITLE = "E-DNAS (from its abstract)"
"""What outputs call the method."""

ARCHITECTURE_RATE = 1e-3
"""Adam's, as of other differentiable searches; the abstract gives none."""

TAU = (5.0, 0.1)
"""First and last temperature."""


class EDNASSettings(SearchSettings):
    """Settings of E-DNAS.

    Attributes:
        tau: First and last temperature of the softmax.
    """

    tau: tuple[PositiveFloat, PositiveFloat] = TAU


class EDNAS(AbstractBaseline):
    """Chooses kernel sizes; see the module. The strength is lambda."""

    Settings: ClassVar[type[Table]] = EDNASSettings
    spaces: ClassVar[tuple[str, ...]] = ("metakernel",)
    strengths: ClassVar[tuple[float, float]] = (0.05, 5.0)

    def __init__(self, task: SearchTask, settings: EDNASSettings) -> None:
        super().__init__(task, settings)
        layout = Layout.of(task.space, task.kind)
        sizes = [single_sizes(slot) for slot in layout.slots]
        if not any(len(own) > 1 for own in sizes):
            raise ConfigError(
                "E-DNAS chooses kernel sizes, and no layer of the seed network has two to choose "
                "from. Give [space] kernels of several sizes, or a seed of larger ones."
            )
        method = Method(_shares, relaxed_loss, settings.tau, ARCHITECTURE_RATE)
        self._search = ChoiceSearch(
            task, settings, layout, [None] * len(layout.groups), sizes, method
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


def relaxed_loss(task: Tensor, costs: Tensor, strength: float) -> Tensor:
    """Returns task + strength * E[C] / C(seed), of several costs with their mean.

    Args:
        task: The task's loss.
        costs: (n_costs,) expected, relative to the largest network's.
        strength: lambda.
    """
    return task + strength * combined(costs)


def _shares(logits: Tensor, temperature: float, source: Generator) -> Tensor:
    return tempered_softmax(logits, temperature)
