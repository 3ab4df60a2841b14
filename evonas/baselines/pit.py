"""PIT: channels, receptive fields and dilations of a TCN by masks that learn with its weights.

Risso et al. 2023 <https://arxiv.org/abs/2301.10281>; the dilations from Risso et al. 2021
<https://arxiv.org/abs/2203.14768>. The seed has dilation 1 and its full receptive field everywhere.
Loss = task's + strength · R, R being the mean of the discretised network's costs relative to the
seed's; the published R_size and R_ops are here for comparison. Departures: masks are anchored at
the newest tap, learn on samples of their own, and faster where there are few steps. The result is
retrained from scratch by whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from evonas.baselines.baseline import AbstractBaseline, Found, SearchTask, StepListener, Weights
from evonas.baselines.cost import combined
from evonas.baselines.layout import Layout
from evonas.baselines.mask_search import MaskSearch, Penalty
from evonas.baselines.training import SearchSettings
from evonas.config_table import Table

MOVING = 0.8
"""Share of a search in which masks learn; the weights then settle under the last ones."""


class PITSettings(SearchSettings):
    """Settings of PIT: those of all methods."""


class PIT(AbstractBaseline):
    """Prunes a TCN's channels, fields and dilations in time; see the module."""

    Settings: ClassVar[type[Table]] = PITSettings
    spaces: ClassVar[tuple[str, ...]] = ("tcn",)
    strengths: ClassVar[tuple[float, float]] = (0.03, 100.0)

    def __init__(self, task: SearchTask, settings: PITSettings) -> None:
        super().__init__(task, settings)
        layout = Layout.of(task.space, task.kind, dense_grid=True)
        self._search = MaskSearch(task, settings, layout, MOVING)

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds; see AbstractBaseline."""
        return self._search.run(strength, lambda: _weighted(strength), listener)

    def state(self) -> Weights | None:
        """Returns what the warm-up left; see AbstractBaseline."""
        return self._search.warm

    def restore(self, state: Weights) -> None:
        """Takes over what a warm-up left; see AbstractBaseline."""
        self._search.restore(state)


def _weighted(strength: float) -> Penalty:
    return lambda share, cost: strength * combined(cost)


def r_size(c_in: Sequence[Tensor], c_out: Sequence[Tensor], taps: Sequence[Tensor]) -> Tensor:
    """Returns R_size = Σ C_in,eff C_out,eff K_eff over layers, in weights.

    Args:
        c_in: Effective input channels of each layer, scalars.
        c_out: Effective output channels.
        taps: Effective taps; see evonas.baselines.pit_masks.effective_taps.
    """
    return r_ops(c_in, c_out, taps, [1] * len(taps))


def r_ops(
    c_in: Sequence[Tensor],
    c_out: Sequence[Tensor],
    taps: Sequence[Tensor],
    lengths: Sequence[int],
) -> Tensor:
    """Returns R_ops = Σ C_in,eff C_out,eff K_eff T_out over layers, in multiplications.

    Args:
        c_in: As of r_size.
        c_out: As of r_size.
        taps: As of r_size.
        lengths: Positions of each layer's output.
    """
    layers = zip(c_in, c_out, taps, lengths, strict=True)
    total: Tensor = sum((i * o * k * length for i, o, k, length in layers), start=Tensor([0.0]))
    return total.squeeze(0)
