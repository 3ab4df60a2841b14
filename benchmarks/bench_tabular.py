"""How many evaluations does a searcher need, where every network's values are known?

On NAS-Bench-201 (tabular_problem.py): p2 is test error on CIFAR-10 and MACs, p3 also latency on a
Raspberry Pi 4, p5 also error on CIFAR-100 and latency on an FPGA (HW-NAS-Bench's figures), imagenet
error on ImageNet16-120, MACs and latency on a Raspberry Pi 5. Searched are the 15 284 cells that
connect input and output. Score: hypervolume up to 1.1 after normalising by the true front's ideal
and nadir, as a share of the true front's, after so many evaluations. An evaluation is one of a
network not seen before, for every searcher alike: genomes of one network are looked up. Not all of
the true front can be reached: it is of all cells, and equal networks were trained, and timed with
their dead edges, as differently as others.

Searchers: all that are registered, pymoo's own NSGA-II with two kinds of variation, populations of
20. MACs are computed, so a searcher that can is given them (``known``), as a study gives them;
``--without-known`` runs it without as well. Latencies are looked up: nobody is given those.
optuna_tpe is asked for one genome at a time after the first 20, all others for their own batches,
unless ``--batch`` says another number (smaller batches see more results sooner; pymoo has none).

Printed for each: the median number of evaluations up to 95 % and 99 %, with the share of seeds that
got there, and the same up to the network of least error; median and worst share at the end; CPU
seconds of the search. ``--json`` writes {problem: {searcher: {"evals95", "evals99", "worst500"}}},
p2 with "optimum" too: medians, null where the median seed never got there, and worst500 the worst
seed's share 0..1 at the end of the budget, whatever its length.

    OMP_NUM_THREADS=1 python benchmarks/bench_tabular.py --quick --json tabular.json

NAS-Bench-201 lies in the folder EVONAS_DATA, by default ../shared/data; ``--table FILE.npz`` takes
another table, see tabular_problem.py. Finished runs are kept in the folder ``--cache``, from which
a killed benchmark goes on; a changed searcher needs another folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from tabular_figure import draw
from tabular_problem import PROBLEMS, TableError
from tabular_runs import UNKNOWING, USES_KNOWN, Run, first_at, problem_of, run, searcher_names

from evonas.errors import unknown_name

POP_SIZE = 20
BUDGET, SEEDS = 500, 31
QUICK_BUDGET, QUICK_SEEDS = 100, 3
LEVELS = {"evals95": 0.95, "evals99": 0.99}

Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parsed(arguments)
    try:
        plan = planned(options)
        records = completed(plan, options.cache, options.n_jobs)
    except TableError as error:
        sys.exit(str(error))
    groups: dict[str, dict[str, list[Record]]] = {}
    for cell in plan:
        groups.setdefault(cell.problem, {}).setdefault(cell.searcher, []).append(records[cell])
    summary = {
        Path(problem).stem: {name: summarised(runs) for name, runs in table.items()}
        for problem, table in groups.items()
    }
    for problem, table in zip(groups, summary.values(), strict=True):
        print_table(problem, table, options.budget, options.seeds)
    if options.json:
        options.json.write_text(json.dumps(reported(summary), indent=2) + "\n", encoding="utf-8")
    if options.csv:
        write_csv(options.csv, summary)
    if options.figure:
        draw(groups, options.figure)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 seeds, 100 evaluations")
    parser.add_argument("--problems", nargs="+", metavar="NAME", choices=PROBLEMS)
    parser.add_argument("--searchers", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--table", type=Path, metavar="FILE", help="another table, on its own")
    parser.add_argument("--seeds", type=int, help=f"how many, default {SEEDS}")
    parser.add_argument("--budget", type=int, help=f"evaluations, default {BUDGET}")
    parser.add_argument("--without-known", action="store_true")
    parser.add_argument("--batch", type=int, help="genomes asked for at a time")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps finished runs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--csv", type=Path, metavar="FILE")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    seeds, budget = (QUICK_SEEDS, QUICK_BUDGET) if options.quick else (SEEDS, BUDGET)
    options.seeds = seeds if options.seeds is None else options.seeds
    options.budget = budget if options.budget is None else options.budget
    if options.budget < POP_SIZE or options.seeds < 1:
        parser.error(f"expected a budget of at least {POP_SIZE} and at least one seed")
    if options.batch is not None and options.batch < 1:
        parser.error(f"expected --batch of at least 1, got {options.batch}")
    if options.table and options.problems:
        parser.error("--table is a problem of its own: expected no --problems beside it")
    return options


def planned(options: argparse.Namespace) -> list[Run]:
    """Returns the runs, seed by seed, so that a benchmark cut short has whole seeds.

    Raises:
        TableError: A table cannot be read, or a searcher is unknown.
    """
    problems = [str(options.table)] if options.table else options.problems or list(PROBLEMS)
    plan = []
    for problem in problems:
        known = searcher_names(problem_of(problem).F.shape[1])
        everything = {name for n in (2, 5) for name in searcher_names(n)}
        wanted = options.searchers or known
        if strange := [name for name in wanted if name not in everything]:
            raise TableError(unknown_name("searcher", strange[0], everything))
        names = [name for name in wanted if name in known]
        if options.without_known and problem_of(problem).is_known.any():
            names += [name + UNKNOWING for name in names if name in USES_KNOWN]
        plan += [
            Run(problem, name, seed, options.budget, POP_SIZE, options.batch)
            for seed in range(options.seeds)
            for name in names
        ]
    return sorted(plan, key=lambda cell: cell.seed)


def completed(plan: Sequence[Run], cache: Path | None, n_jobs: int) -> dict[Run, Record]:
    """Returns the record of every run, those of the cache as they are there."""
    file = cache / "runs.jsonl" if cache else None
    done = _cached(file) if file and file.exists() else {}
    missing = [cell for cell in plan if cell not in done]
    found = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        joblib.delayed(run)(cell) for cell in missing
    )
    if file and missing:
        file.parent.mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(found, 1):
        done[_cell(record)] = record
        if file:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(record) + "\n")
        name = f"{record['problem']} {record['searcher']} seed {record['seed']}"
        print(f"{number}/{len(missing)} {name}: {record['cpu_s']} s", file=sys.stderr)
    return {cell: done[cell] for cell in plan}


def _cached(file: Path) -> dict[Run, Record]:
    text = file.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):  # killed while it wrote
        text = text[: text.rfind("\n") + 1]
        file.write_text(text, encoding="utf-8")
    return {_cell(record): record for record in map(json.loads, text.splitlines())}


def _cell(record: Record) -> Run:
    return Run(**{key.name: record[key.name] for key in fields(Run) if key.name in record})


def summarised(runs: Sequence[Record]) -> dict[str, float]:
    """Returns medians over seeds, inf where the median seed never got there, and the worst."""
    final = [record["shares"][-1] for record in runs]
    numbers: dict[str, float] = {}
    at = {key: [first_at(r["shares"], level) for r in runs] for key, level in LEVELS.items()}
    at["optimum"] = [float(record["optimum"] or np.inf) for record in runs]
    for key, values in at.items():
        numbers[key] = median(values)
        numbers[f"{key}_seeds"] = float(np.isfinite(values).mean())
    numbers["median500"], numbers["worst500"] = median(final), min(final)
    numbers["cpu_s"] = median([record["cpu_s"] for record in runs])
    return numbers


def median(values: Sequence[float]) -> float:
    """Returns the median; of an even number with an inf in the middle, inf."""
    low, high = sorted(values)[(len(values) - 1) // 2], sorted(values)[len(values) // 2]
    return (low + high) / 2


def print_table(problem: str, table: dict[str, dict[str, float]], budget: int, seeds: int) -> None:
    it = problem_of(problem)
    reachable = it.shares(np.unique(it.canonical_rows))[-1] if it.n_networks < len(it.ops) else 1.0
    print(f"\n{problem}: {', '.join(it.names)}; {len(it.ops)} genomes, {it.n_networks} networks")
    known = [name for name, is_known in zip(it.names, it.is_known, strict=True) if is_known]
    print(f"known without an evaluation: {', '.join(known) or 'nothing'}")
    print(f"true front of {len(it.front)}, of which networks reach {reachable:.2%}")
    print(f"{seeds} seeds, {budget} evaluations: median (seeds that got there)")
    heads = ("95 %", "99 %", "optimum")
    print(
        f"{'':24}" + "".join(f"{h:>14}" for h in heads) + f"{'median':>9}{'worst':>8}{'CPU s':>8}"
    )
    for name, row in table.items():
        cells = "".join(f"{_reached(row, key, budget):>14}" for key in (*LEVELS, "optimum"))
        shares = f"{row['median500']:>9.2%}{row['worst500']:>8.2%}{row['cpu_s']:>8.1f}"
        print(f"{name:24}{cells}{shares}")


def _reached(row: dict[str, float], key: str, budget: int) -> str:
    number = f"{row[key]:g}" if np.isfinite(row[key]) else f"> {budget}"
    return f"{number} ({row[f'{key}_seeds']:.0%})"


def reported(summary: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Returns what --json writes."""
    return {
        problem: {
            name: {
                key: row[key] if np.isfinite(row[key]) else None
                for key in (*LEVELS, "worst500", *(["optimum"] if problem == "p2" else []))
            }
            for name, row in table.items()
        }
        for problem, table in summary.items()
    }


def write_csv(path: Path, summary: dict[str, dict[str, dict[str, float]]]) -> None:
    rows = [
        {"problem": problem, "searcher": name, **row}
        for problem, table in summary.items()
        for name, row in table.items()
    ]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
