"""The first population: what is known to be worth trying, and a sample over the cost range."""

from __future__ import annotations

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
    costs cover the range evenly; those beyond a limit are passed over while others exist.

    Args:
        problem: Space, costs and limits.
        size: Genomes to return; fewer where the space has fewer.
        seed: Study seed.
    """
    space = problem.space
    anchors = space.anchors()
    kept = anchors[_evenly(_log_costs(problem, anchors), max(1, size // 2), keep_first=True)]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1)))
    drawn = sample_genes(space.genes, rng, POOL * size)
    known = {space.decode(row).digest for row in kept}
    pool: dict[str, npt.NDArray[np.int64]] = {}
    for row in drawn:
        digest = space.decode(row).digest
        if digest not in known:
            pool.setdefault(digest, row)
    rows = np.array(list(pool.values()), dtype=np.int64).reshape(len(pool), space.genes.n_var)
    fits = [problem.is_feasible(problem.costs(space.decode(row))) for row in rows]
    rows = rows[np.array(fits, dtype=bool)] if any(fits) else rows
    chosen = _evenly(_log_costs(problem, rows), size - len(kept), keep_first=False)
    return np.concatenate([kept, rows[chosen]])


def _log_costs(problem: Problem, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Returns one number (n,) a genome: the mean logarithm of its costs among the objectives."""
    names = [o.name for o in problem.objectives if not o.needs_training] or ["params", "macs"]
    costs = [problem.costs(problem.space.decode(row)) for row in rows]
    values = np.array([[cost[name] for name in names] for cost in costs], dtype=np.float64)
    logs = np.log10(np.maximum(values.reshape(len(rows), len(names)), 1e-12))
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
