"""The first population: what is known to be worth trying, and a sample over the cost range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evonas.searchers.sampling import sample_genes
from evonas.study.problem import Problem

POOL = 12
"""Random genomes drawn for each one that is taken."""


def first_population(problem: Problem, size: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns the genomes (n, n_var) that every searcher of a study starts from.

    The space's anchors come first, the seed network foremost: at most half of `size` of them,
    spread over their costs. The rest are random genomes, taken so that the logarithms of their
    costs cover the range evenly; those that the runtime cannot execute are passed over, and while
    others exist those beyond a limit.

    Args:
        problem: Space, costs and limits.
        size: Genomes to return; fewer where the space has fewer.
        seed: Study seed.
    """
    space = problem.space
    anchors = space.anchors()
    costs = problem.costs_of_anchors()
    kept = anchors[_evenly(_log_costs(problem, costs), max(1, size // 2), keep_first=True)]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1)))
    known = {space.decode(row).digest for row in kept}
    drawn: dict[str, tuple[npt.NDArray[np.int64], Mapping[str, float]]] = {}
    for row in sample_genes(space.genes, rng, POOL * size):
        spec = space.decode(row)
        if spec.digest not in known:
            found, reason = problem.known_costs(spec)
            if reason is None:
                drawn.setdefault(spec.digest, (row, found))
    pool = list(drawn.values())
    pool = [(row, costs) for row, costs in pool if problem.is_feasible(costs)] or pool
    rows = np.array([row for row, _ in pool], dtype=np.int64).reshape(-1, space.genes.n_var)
    measure = _log_costs(problem, [costs for _, costs in pool])
    return np.concatenate([kept, rows[_evenly(measure, size - len(kept), keep_first=False)]])


def _log_costs(problem: Problem, costs: Sequence[Mapping[str, float]]) -> npt.NDArray[np.float64]:
    """Returns one number (n,) a network: the mean logarithm of its costs among the objectives."""
    names = [o.name for o in problem.objectives if not o.needs_training] or ["params", "macs"]
    values = np.array([[cost[name] for name in names] for cost in costs], dtype=np.float64)
    logs = np.log10(np.maximum(values.reshape(len(costs), len(names)), 1e-12))
    return np.asarray(logs.mean(axis=1), dtype=np.float64)


def _evenly(measure: npt.NDArray[np.float64], n: int, keep_first: bool) -> list[int]:
    """Returns the indices of n values that lie nearest to an even grid over their range."""
    n = min(n, len(measure))
    if n <= 0:
        return []
    chosen = [0] if keep_first else []
    grid = np.linspace(measure.min(), measure.max(), n)
    free = [i for i in range(len(measure)) if i not in chosen]
    for target in grid[: n - len(chosen)]:
        nearest = min(free, key=lambda i: (abs(measure[i] - target), i))  # noqa: B023
        chosen.append(nearest)
        free.remove(nearest)
    return chosen
