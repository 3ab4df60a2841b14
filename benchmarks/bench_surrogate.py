"""What does the surrogate cost, how well does it rank, and what does each half of a batch bring?

1. CPU seconds per batch of 8 against the number of records: three objectives of which none is
   known, genomes of 24 genes; and in studies of three spaces, with all that a study looks up.
2. Evaluations to 95 and 99 % of the true front's hypervolume on NAS-Bench-201 (CIFAR-10 error and
   MACs of connected cells, reference 1.1 after normalising by the ideal and nadir of the front of
   its distinct networks), MACs known: all by the surrogate, shares that shift, fixed halves, and
   mutants alone; with the rank correlation of what was predicted before evaluation.
3. A synthetic landscape of 8, 20 and 48 genes of mixed kinds, the value to be evaluated with noise
   and without: share of the best known front's hypervolume by 300 evaluations, noise-free, beside
   NSGA-II.

    EVONAS_DATA=../shared/data python benchmarks/bench_surrogate.py --quick --json surrogate.json

Part 2 needs nas_tables/nb201_core.npz under EVONAS_DATA and is left out without it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from surrogate_cost import SPACES, in_a_study, per_batch

from evonas import pareto
from evonas.genes import Gene, Genes
from evonas.searchers import SEARCHERS, surrogate_share
from evonas.searchers.searcher import AbstractSearcher, Known

POP_SIZE = 20
MIXES = {"surrogate": (1.0, 1.0), "shifting": None, "halves": (0.5, 0.5), "mutants": (0.0, 0.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 seeds in place of 15")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--parts", default="123", help="which parts to run")
    args = parser.parse_args()
    n_seeds = 3 if args.quick else 15
    found: dict[str, Any] = {}
    if "1" in args.parts:
        found["cpu_s_per_batch"] = cpu_per_batch(1000 if args.quick else 2000)
    table = Path(os.environ.get("EVONAS_DATA", "")) / "nas_tables" / "nb201_core.npz"
    if "2" in args.parts and table.is_file():
        found["nb201"] = on_table(table, n_seeds)
    if "3" in args.parts:
        found["landscapes"] = on_landscapes(n_seeds)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def cpu_per_batch(budget: int) -> dict[str, dict[str, float]]:
    genes = mixed_genes(24)
    values = landscape(genes, 3, seed=0)
    searcher = SEARCHERS.get("surrogate")(genes, 3, pop_size=POP_SIZE)
    found = {"nothing looked up": per_batch(searcher, lambda X: (values(X), None), budget)}
    for name in SPACES:
        found[f"study of {name}"] = in_a_study(name, min(budget, 500))
    for name, marks in found.items():
        cells = ", ".join(f"{1e3 * seconds:.0f} at {mark}" for mark, seconds in marks.items())
        print(f"{name}: ms CPU a batch of 8 by records: {cells}")
    return found


def on_table(path: Path, n_seeds: int) -> dict[str, Any]:
    data = np.load(path)
    ops, live = data["ops"].astype(np.int64), data["live_ops"].astype(np.int64)
    place = np.empty(5**6, dtype=np.int64)
    powers = 5 ** np.arange(6)
    place[ops @ powers] = np.arange(len(ops))
    table = np.column_stack([100.0 - data["c10_test"], data["live_flops_c10_M"]]).astype(float)
    is_connected = (live != 0).any(axis=1)
    networks = np.unique(place[live[is_connected] @ powers])
    reference = table[networks][pareto.non_dominated(table[networks])]

    def known(X: np.ndarray) -> Known:
        rows = place[X @ powers]
        F = np.column_stack([np.full(len(X), np.nan), table[rows, 1]])
        return Known(F, np.where(is_connected[rows], -1.0, 1.0)[:, None], np.empty((len(X), 0)))

    def values(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = place[X @ powers]
        G = np.where(is_connected[rows], -1.0, 1.0)[:, None]
        return np.where(G > 0, np.inf, table[rows]), G

    genes = Genes(tuple(Gene(f"edge{i}", tuple("abcde")) for i in range(6)))
    found = {}
    for mix in MIXES:
        runs = []
        for seed in range(n_seeds):
            with mixed(mix):
                searcher = SEARCHERS.get("surrogate")(
                    genes, 2, 1, POP_SIZE, seed, lambda g: live[place[g @ powers]], None, known
                )
                runs.append(evaluations_to(searcher, values, reference, (0.95, 0.99), 500))
        found[mix] = summary(runs)
        print(f"nb201 {mix:10s}", found[mix])
    return found


def mixed(mix: str) -> ExitStack:
    """Returns a context in which batches are mixed as wanted."""
    stack = ExitStack()
    bounds = MIXES[mix]
    for name, bound in zip(("LEAST_SHARE", "MOST_SHARE"), bounds or (), strict=False):
        stack.enter_context(mock.patch.object(surrogate_share, name, bound))
    return stack


def evaluations_to(
    searcher: AbstractSearcher,
    values: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    reference: np.ndarray,
    shares: tuple[float, ...],
    budget: int,
) -> dict[str, float]:
    low, high = reference.min(axis=0), reference.max(axis=0)
    ref_point = np.full(len(low), 1.1)
    full = pareto.hypervolume((reference - low) / (high - low), ref_point)
    seen, reached, share = np.empty((0, len(low))), dict.fromkeys(shares, np.inf), 0.0
    while len(seen) < budget and len(X := searcher.ask()):
        F, G = values(X)
        searcher.tell(X, F, G)
        for row in F[(G <= 0).all(axis=1)]:
            seen = np.vstack([seen, (row - low) / (high - low)])
            share = pareto.hypervolume(seen[:budget], ref_point) / full
            for wanted in shares:
                if share >= wanted:
                    reached[wanted] = min(reached[wanted], len(seen))
    correlation = searcher.report().get("surrogate_rank_correlation", np.nan)
    named = {f"evals{100 * wanted:.0f}": n for wanted, n in reached.items()}
    return {**named, "end": share, "rank_correlation": correlation}


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    medians = {name: round(float(np.median([r[name] for r in runs])), 4) for name in runs[0]}
    return medians | {"worst_end": round(min(r["end"] for r in runs), 4)}


def mixed_genes(n_var: int) -> Genes:
    """Returns genes of all three kinds in turn."""
    return Genes(
        tuple(
            Gene(f"g{i}", tuple("abcd"))
            if i % 3 == 0
            else Gene(f"g{i}", tuple(2**k for k in range(6)), "log")
            if i % 3 == 1
            else Gene(f"g{i}", (1, 2, 3, 4, 5), "linear")
            for i in range(n_var)
        )
    )


def landscape(genes: Genes, n_obj: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns costs that add up over genes, and an error that falls with them, rugged by pairs.

    The error is the first column; like a network's it saturates in every ordered gene, and pairs
    of genes interact as in an NK landscape with K = 1.
    """
    rng = np.random.default_rng(seed)
    n_choices = np.array(genes.n_choices)
    is_ordered = np.array([gene.is_ordered for gene in genes])
    effect = rng.gamma(0.7, 1.0, genes.n_var) / genes.n_var
    prices = rng.gamma(1.0, 1.0, (max(1, n_obj - 1), genes.n_var))
    own = rng.normal(size=(genes.n_var, n_choices.max()))
    mates = (np.arange(genes.n_var) + rng.integers(1, genes.n_var, genes.n_var)) % genes.n_var
    pairs = rng.normal(size=(genes.n_var, n_choices.max(), n_choices.max()))
    columns = np.arange(genes.n_var)

    def values(X: np.ndarray) -> np.ndarray:
        size = X / (n_choices - 1)
        single = np.where(is_ordered, np.exp(-3.0 * size) * 3.0, own[columns, X])
        error = ((single + 0.7 * pairs[columns, X, X[:, mates]]) * effect).sum(axis=1)
        costs = np.where(is_ordered, 0.05 + size, 0.3)[:, None, :] * prices
        return np.column_stack([error, costs.mean(axis=2)])[:, :n_obj]

    return values


def on_landscapes(n_seeds: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for n_var in (8, 20, 48):
        genes = mixed_genes(n_var)
        for noise in (0.0, 0.1):
            shares: dict[str, list[float]] = {"nsga2": [], "archive": [], "surrogate": []}
            for seed in range(n_seeds):
                fronts = {n: noisy_run(n, genes, seed, noise) for n in shares}
                everything = np.vstack(list(fronts.values()))
                low, high = everything.min(axis=0), np.percentile(everything, 90, axis=0)
                points = {n: (F - low) / (high - low) for n, F in fronts.items()}
                full = pareto.hypervolume(np.vstack(list(points.values())), (1.0, 1.0))
                for n, F in points.items():
                    shares[n].append(pareto.hypervolume(F, (1.0, 1.0)) / full)
            medians = {n: round(float(np.median(s)), 4) for n, s in shares.items()}
            found[f"{n_var} genes, noise {noise:g}"] = medians
            print(f"{n_var} genes, noise {noise:g}:", medians)
    return found


def noisy_run(name: str, genes: Genes, seed: int, noise: float, budget: int = 300) -> np.ndarray:
    """Returns the noise-free values of what looks non-dominated after so many evaluations."""
    values = landscape(genes, 2, seed)
    rng = np.random.default_rng(seed)
    spread = values(rng.integers(0, genes.n_choices, (500, genes.n_var)))[:, 0].std()

    def known(X: np.ndarray) -> Known:
        F = values(X)
        F[:, 0] = np.nan
        return Known(F, np.empty((len(X), 0)), np.empty((len(X), 0)))

    searcher = SEARCHERS.get(name)(genes, 2, 0, POP_SIZE, seed, None, None, known)
    true, told = np.empty((0, 2)), np.empty((0, 2))
    while len(true) < budget:
        X = searcher.ask()
        F = values(X)
        noisy = F + np.column_stack([noise * spread * rng.normal(size=len(X)), np.zeros(len(X))])
        searcher.tell(X, noisy)
        true, told = np.vstack([true, F]), np.vstack([told, noisy])
    return true[pareto.non_dominated(told)]


if __name__ == "__main__":
    main()
