"""What a study keeps: trials, their evaluations, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from evonas.arch.spec import ArchSpec

State = Literal["waiting", "infeasible", "complete", "failed"]
Stage = Literal["proxy", "final", "release", "test"]

SEED_NUMBER = -1
"""Trial number under which the seed network is kept when no trial is that network.

References that are trained as yardsticks have the numbers below it.
"""


@dataclass(frozen=True)
class Evaluation:
    """One training or scoring of one network.

    Attributes:
        trial: Number of the trial; SEED_NUMBER or below for one outside the search.
        stage: "proxy" for a candidate's short training, "final" for a full one, "release" for the
            one on training and validation data together, "test" for scoring on the test part.
        seed: Index of the repetition, from 0.
        metric: The task's metric in its own unit (of the part that the stage looks at); None when
            the evaluation failed.
        loss: Mean loss on the same part, or None.
        epochs: Passes over the training data.
        steps: Optimiser steps.
        cpu_seconds: CPU time.
        backend: What trained it.
        error: Why it failed, or None.
    """

    trial: int
    stage: Stage
    seed: int
    metric: float | None
    loss: float | None
    epochs: float
    steps: int
    cpu_seconds: float
    backend: str
    error: str | None = None


@dataclass(frozen=True)
class Trial:
    """One network that a search tried.

    Attributes:
        number: From 0, in the order of asking.
        genome: Canonical genome.
        digest: The network's digest.
        values: Objective or limit name -> value in natural units and direction, SI. What was not
            evaluated is absent. On a front the trained values are those of the full training.
        state: "waiting" to be trained, "infeasible" by its costs or because the runtime cannot
            execute it, and therefore never trained, "complete", or "failed".
        error: Why it failed or cannot be executed, or None.
        evaluations: Everything that was measured of it, in the order of recording.
    """

    number: int
    genome: tuple[int, ...]
    digest: str
    values: Mapping[str, float]
    state: State
    error: str | None = None
    evaluations: tuple[Evaluation, ...] = ()
    decode: Callable[[tuple[int, ...]], ArchSpec] | None = field(
        default=None, repr=False, compare=False
    )

    @cached_property
    def spec(self) -> ArchSpec:
        """The network's description."""
        if self.decode is None:
            raise ValueError(f"Trial {self.number} was read without a space to decode it.")
        return self.decode(self.genome)

    def of_stage(self, stage: Stage) -> tuple[Evaluation, ...]:
        """Returns the evaluations of a stage that succeeded, by repetition."""
        found = [e for e in self.evaluations if e.stage == stage and e.metric is not None]
        return tuple(sorted(found, key=lambda e: e.seed))


def with_final_values(trial: Trial) -> Trial | None:
    """Returns a trial with the mean of its final values, or None where it has none."""
    final = trial.of_stage("final")
    if not final:
        return None
    error = float(np.mean([e.metric for e in final if e.metric is not None]))
    return replace(trial, values={**trial.values, "error": error})
