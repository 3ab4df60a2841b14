"""What every gradient-based search offers: a strength in, a network of the space out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.config_table import Table
from evonas.devices import Device
from evonas.errors import ConfigError
from evonas.proxy.recipe import Recipe
from evonas.spaces.space import AbstractSpace
from evonas.tasks.splits import Splits

Array = npt.NDArray[Any]
Weights = dict[str, Array]
StepListener = Callable[[int, int], None]
"""Told (steps made, steps in all) of a search as it goes on."""


@dataclass(frozen=True)
class SearchTask:
    """What a gradient-based search is to solve, the same for every method.

    Attributes:
        kind: The space's name among evonas.spaces.SPACES.
        space: The networks; `space.seed` bounds them.
        splits: Learns from train alone: weights on 80 % of it, architecture parameters on the rest;
            val and test are not touched.
        device: The microcontroller.
        runtime: What executes networks on it.
        costs: Names of the analytic objectives that are to fall, such as ("latency", "peak_ram").
        recipe: How weights are trained: batch size, rate, loss, dropout, ...; its number of steps
            is the length of a search.
        seed: Of initial weights, order of samples and every draw.
    """

    kind: str
    space: AbstractSpace
    splits: Splits
    device: Device
    runtime: str
    costs: tuple[str, ...]
    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class Found:
    """The network that one search found.

    Attributes:
        spec: As the space writes it.
        genome: (n_var,), the space's.
        weights: With which the spec computes what the searched network computed at its end,
            discretised; by the names of evonas.proxy.weights.
        strength: The search's.
        targets: Upper bounds by cost's name, SI, of a method with constraints; else empty.
        costs: The discretised network's, as the search itself reckoned them, SI.
        relaxed: What the loss held the costs for at its last step, SI.
        n_parameters: Architecture parameters.
        n_changed: Decisions (masks, paths, options) that ended otherwise than they began.
        steps: Optimiser steps on weights, warm-up included where this search made it.
        samples: Training samples read, those of architecture steps included.
        cpu_seconds: CPU time of the search, warm-up included where this search made it.
        history: Per recorded step: (step, task loss, discretised cost relative to the seed's).
        error: Why the search failed, such as a diverged loss; None when it did not. The network is
            then the last one that was sound.
    """

    spec: ArchSpec
    genome: tuple[int, ...]
    weights: Weights
    strength: float
    targets: Mapping[str, float]
    costs: Mapping[str, float]
    relaxed: Mapping[str, float]
    n_parameters: int
    n_changed: int
    steps: int
    samples: int
    cpu_seconds: float
    history: tuple[tuple[int, float, float], ...] = ()
    error: str | None = None


class AbstractBaseline(ABC):
    """A gradient-based search.

    A search is a function of task, settings, strength and the state after the warm-up; the warm-up
    is a function of task and settings, is made by the first search and shared by all others.

    Args:
        task: What to solve.
        settings: Of the method.

    Raises:
        ConfigError: The method does not apply to the space, or a setting is wrong.
    """

    Settings: ClassVar[type[Table]]
    spaces: ClassVar[tuple[str, ...]]
    """Kinds of spaces that the method applies to."""
    has_targets: ClassVar[bool] = False
    """Whether the strength sets upper bounds on the costs (the seed's divided by it)."""
    strengths: ClassVar[tuple[float, float]]
    """Lowest and highest strength of a useful sweep, both above 0; cost falls from one to other."""

    def __init__(self, task: SearchTask, settings: Table) -> None:
        if task.kind not in self.spaces:
            able = ", ".join(self.spaces)
            raise ConfigError(
                f"{type(self).__name__} does not apply to the {task.kind} space; it applies to "
                f"{able}. Leave it out of this study's methods."
            )
        self.task = task
        self.settings = settings

    @property
    def sweep_ends(self) -> tuple[float, float]:
        """Lowest and highest strength of a sweep on this task, within the method's strengths."""
        return self.strengths

    @property
    def has_sweep(self) -> bool:
        """Whether the strength has an effect; where it has none a run makes one search."""
        return True

    @abstractmethod
    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds.

        Args:
            strength: How much cost weighs against the task; 0 for not at all.
            listener: Told of the progress.
        """

    @abstractmethod
    def state(self) -> Weights | None:
        """Returns what the warm-up left, to be kept for a resumed sweep; None before it."""

    @abstractmethod
    def restore(self, state: Weights) -> None:
        """Takes over what an earlier warm-up of the same task and settings left."""


def sweep(low: float, high: float) -> Iterator[float]:
    """Yields strengths without end, on a log grid that each next one makes finer.

    The order is van der Corput's in base 2, so that any beginning is spread over [low, high].

    Raises:
        ValueError: Not 0 < low < high.
    """
    if not 0 < low < high:
        raise ValueError(f"Expected 0 < low < high, got {low} and {high}.")
    number = 0
    while True:
        number += 1
        place, share, rest = 0.0, 0.5, number
        while rest:
            place += share * (rest % 2)
            rest, share = rest // 2, share / 2
        yield float(math.exp(math.log(low) + place * (math.log(high) - math.log(low))))


def genome_of(space: AbstractSpace, spec: ArchSpec) -> tuple[int, ...]:
    """Returns a network's genome as a tuple.

    Raises:
        SpecError: The network lies outside the space.
    """
    return tuple(int(value) for value in np.asarray(space.encode(spec)))
