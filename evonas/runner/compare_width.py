"""The contestant that papers forget: the seed network, uniformly scaled."""

from __future__ import annotations

import time
from typing import ClassVar, final

from evonas.baselines.baseline import AbstractBaseline, Found, StepListener, Weights
from evonas.config_table import Table
from evonas.spaces import SPACES
from evonas.spaces.space import AbstractSpace


class WidthSettings(Table):
    """Keys of [study.width]: none."""


@final
class Width(AbstractBaseline):
    """The seed network with all widths divided by the strength; nothing is searched.

    What it spends is spent on training the scaled networks in full.
    """

    Settings: ClassVar[type[Table]] = WidthSettings
    spaces: ClassVar[tuple[str, ...]] = (*SPACES.names(), "mixed")
    strengths: ClassVar[tuple[float, float]] = (1.0, 1024.0)

    @property
    def sweep_ends(self) -> tuple[float, float]:
        """Up to the power of two from which on dividing the widths changes nothing more."""
        return self.strengths[0], widest_strength(self.task.space)

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the seed network with its widths divided by a strength of at least 1.

        The weights are left out: nothing was trained.
        """
        began = time.process_time()
        space = self.task.space
        genome = space.scaled(1 / strength)
        return Found(
            spec=space.decode(genome),
            genome=tuple(int(index) for index in genome),
            weights={},
            strength=strength,
            targets={},
            costs={},
            relaxed={},
            n_parameters=0,
            n_changed=0,
            steps=0,
            samples=0,
            cpu_seconds=time.process_time() - began,
        )

    def state(self) -> Weights | None:
        """Returns None: there is no warm-up."""
        return None

    def restore(self, state: Weights) -> None:
        """Does nothing: there is no warm-up."""


def widest_strength(space: AbstractSpace) -> float:
    """Returns the power of two from which on dividing the seed's widths changes nothing more."""
    thinnest = space.decode(space.scaled(0.0)).digest
    strength = 2.0
    while strength < Width.strengths[1]:
        if space.decode(space.scaled(1 / strength)).digest == thinnest:
            break
        strength *= 2
    return strength
