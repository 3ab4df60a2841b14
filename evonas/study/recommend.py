"""Which network of a front is recommended: the knee of those that are worth having."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evonas.errors import ConfigError
from evonas.pareto import knee
from evonas.study.limits import parse_condition
from evonas.study.trial import Trial

if TYPE_CHECKING:
    from evonas.study.study import Study

SLACK = 0.05
"""By how much more than the seed network a recommended one may err, as a share of a constant
prediction's error: 4.5 points of ten equally frequent classes. With several costs the knee of a
whole front may lie at a network that hardly predicts."""


def recommend(study: Study, condition: str | None = None) -> Trial:
    """Returns the knee of the front's part that satisfies a condition, or of `worth_having`.

    Raises:
        ConfigError: The condition cannot be read, or no network on the front satisfies it.
    """
    front = study.front()
    if condition:
        accepts = parse_condition(condition)
        front = [trial for trial in front if accepts(trial.values)]
    else:
        front = worth_having(study, front) or front
    if not front:
        wanted = f" that satisfies {condition!r}" if condition else " yet"
        raise ConfigError(f"{study.directory}: there is no network on the front{wanted}.")
    return front[knee(study.problem.columns([t.values for t in front]), study.box)]


def worth_having(study: Study, front: Sequence[Trial]) -> list[Trial]:
    """Returns the networks that err at most `most_error`; none where there is no such bound."""
    most = most_error(study)
    judged_by = study.problem.judged_by
    return [] if most is None else [trial for trial in front if trial.values[judged_by] <= most]


def most_error(study: Study) -> float | None:
    """Returns the seed network's final validation metric and a little.

    None where nothing is trained, or the seed network is not trained yet.
    """
    names = [objective.name for objective in study.problem.objectives]
    judged_by = study.problem.judged_by
    seed = study.seed_trial().values.get(judged_by) if judged_by in names else None
    return None if seed is None else seed + SLACK * study.box.reference[names.index(judged_by)]
