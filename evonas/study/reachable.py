"""The smallest costs that a problem's space can reach, and the limits that lie below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError
from evonas.spaces.mixed import family_of
from evonas.study.problem import Problem


def smallest_reachable(problem: Problem, names: Iterable[str]) -> dict[str, float]:
    """Returns the smallest value found of each cost in the space, by coordinate descent.

    Starts from the cheapest anchor, of a mixed space from the cheapest of each family, and changes
    one gene at a time until nothing gets smaller: exact where costs fall with every gene alone.
    """
    space = problem.space
    anchors = space.anchors()
    families = [family_of(space, space.decode(row)) for row in anchors]
    every = problem.costs_of_anchors()
    found: dict[str, float] = {}
    for name in names:
        cheapest: dict[str | None, int] = {}
        for i in sorted(range(len(anchors)), key=lambda i: every[i][name]):  # noqa: B023
            cheapest.setdefault(families[i], i)
        found[name] = min(_descended(problem, name, anchors[i]) for i in cheapest.values())
    return found


def _descended(problem: Problem, name: str, start: npt.NDArray[np.int64]) -> float:
    """Returns the smallest value of a cost that changes of one gene at a time lead to."""

    def value_of(genome: npt.NDArray[np.int64]) -> float:
        return problem.known_costs(problem.space.decode(genome))[0].get(name, np.inf)

    genome, best, improved = start.copy(), value_of(start), True
    while improved:
        improved = False
        for position, gene in enumerate(problem.space.genes):
            for choice in _neighbours(int(genome[position]), gene.n_choices, gene.is_ordered):
                trial = genome.copy()
                trial[position] = choice
                value = value_of(trial)
                if value < best:
                    best, genome, improved = value, trial, True
    return best


def _neighbours(index: int, n_choices: int, is_ordered: bool) -> list[int]:
    every = {0, index // 2, index - 1, index + 1} if is_ordered else set(range(n_choices))
    return sorted(i for i in every if 0 <= i < n_choices and i != index)


def check_reachable(problem: Problem, smallest: Mapping[str, float]) -> None:
    """Raises ConfigError when a limit lies below the smallest value that was found for it."""
    for limit in problem.limits:
        if limit.name in smallest and smallest[limit.name] > limit.value:
            raise ConfigError(
                f"[search.limits] {limit.name}: no network of this space can meet "
                f"{problem.readable(limit.name, limit.value)} ({limit.source}, less the reserve); "
                "the smallest reachable value is "
                f"{problem.readable(limit.name, smallest[limit.name])}."
            )
