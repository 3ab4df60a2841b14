"""Which search finds the better small networks in the same CPU seconds, full training included?

Real training on three data sets, four budgets: the blocks of configs/compare/search.toml. Every
contestant has the same space, cost, budget and full training, and with "same recipe" also the same
short training of candidates, score and first genomes; the contestants named "-plain" train
candidates as is common for them; those named after a part of evonas have that part changed. Runs
are those of `evonas compare`: one process of one thread each, the front chosen on validation, the
test part scored once, all of it kept in --dir, where a benchmark that was stopped goes on. After
every seed the tables are printed again. Scores are explained in search_scores.py. CPU seconds
stretch on a crowded machine: compare numbers of one run only.

    python benchmarks/bench_search.py --json search.json --figure docs/search.png
    python benchmarks/bench_search.py --backend native --tasks ecg5000 japanesevowels30
    python benchmarks/bench_search.py --contestants nsga2 nsga2-rungs nsga2-repeats --fronts
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from search_contestants import CONTESTANTS, EVONAS, MAIN, SAME
from search_fronts import RULES, scores_by_rule
from search_overall import overall
from search_scores import run_scores
from search_tables import SCORES, TaskScores, draw, remarks, table, to_dict

from evonas.analysis.comparison import BlockInfo, yardstick
from evonas.analysis.intervals import median_interval
from evonas.config_compare import CompareConfig
from evonas.console import progress_line
from evonas.runner.compare import compare
from evonas.runner.compare_contest import Run
from evonas.runner.compare_result import Comparison
from evonas.runner.machine import machine
from evonas.study.store import Store

CONFIG = Path(__file__).parents[1] / "configs" / "compare" / "search.toml"
TASKS = ("ecg5000", "japanesevowels30", "japanesevowels66", "hapt")
QUICK = {
    "name": "waves",
    "task": {
        "kind": "synthetic", "pattern": "waves", "shape": [2, 48], "classes": 4, "train": 240,
        "test": 240,
    },
    "space": {"kind": "tcn", "seed_network": {"widths": [12, 16, 24], "kernel": 9, "pool": [1, 2]}},
    "budget": {"cpu": 4.0},
    "proxy": {"steps": 40, "learning_rate": 0.04},
    "final": {"steps": 100, "learning_rate": 0.02},
}  # fmt: skip
"""The block of --quick: generated data and a few seconds, to see that everything works."""


def main() -> None:
    options = arguments()
    config = config_of(
        options.tasks, options.contestants, options.backend, options.quick, options.set
    )
    folder = options.dir / ("quick" if options.quick else options.backend)
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}, {options.backend}, {datetime.date.today()}")
    seeds = range(1 if options.quick else options.seeds)
    for seed in seeds:
        changes = [f"compare.dir={json.dumps(str(folder))}", f"compare.n_jobs={options.jobs}"]
        changes += [f"study.seeds={list(range(seed + 1))}"]
        with progress_line() as listener:
            found = compare(config, overrides=changes, listener=listener)
        tasks = [task_scores(block, found, folder) for block in found.blocks]
        for task in tasks:
            report(task, options.contestants)
        ours = [name for name in options.contestants if CONTESTANTS[name].recipe == EVONAS]
        if len(tasks) > 1 and ours:
            print("\n" + "\n".join(overall(tasks, ours[0])), flush=True)
    groups = {name: CONTESTANTS[name].recipe for name in options.contestants}
    result = {
        "machine": machine(),
        "date": str(datetime.date.today()),
        "backend": options.backend,
        "tasks": {task.task: to_dict(task, groups) for task in tasks},
    }
    if options.fronts:
        result["fronts"] = fronts(config, found, folder)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if options.figure:
        draw(tasks, groups, options.figure)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--contestants", nargs="+", default=MAIN, choices=CONTESTANTS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--backend", default="torch", choices=("torch", "native"))
    parser.add_argument("--dir", type=Path, default=Path("runs/bench_search"))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="changed keys of all blocks, such as study.space.granularity=4; needs another --dir",
    )  # fmt: skip
    parser.add_argument(
        "--fronts", action="store_true", help="also score fronts chosen by error, loss and score"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one seed, seconds, generated data")
    return parser.parse_args()


def config_of(
    tasks: Sequence[str],
    contestants: Sequence[str],
    backend: str,
    is_quick: bool = False,
    changes: Sequence[str] = (),
) -> CompareConfig:
    """Returns the comparison's config.

    Args:
        tasks: Names of the blocks of CONFIG to run.
        contestants: Names in CONTESTANTS.
        backend: What trains: "torch" or "native".
        is_quick: Whether to run one block of a few seconds on generated data in their place.
        changes: Further overrides.
    """
    overrides = [f"study.{table}.backend={backend}" for table in ("proxy", "final")]
    config = CompareConfig.from_toml(CONFIG, [*overrides, *changes])
    data: dict[str, Any] = config.model_dump(exclude_none=True, mode="json")
    blocks = [block for block in data["study"] if block["name"] in tasks]
    if is_quick:
        blocks = [{**blocks[0], **QUICK}]
        for name in ("proxy", "final"):
            blocks[0][name] = {**QUICK[name], "backend": backend}
    for block in blocks:
        block["methods"] = list(contestants)
        for name in contestants:
            block |= variant(name)
    return CompareConfig.model_validate({**data, "study": blocks})


def variant(name: str) -> dict[str, Any]:
    """Returns the table of a contestant in a block; nothing for a searcher as it is."""
    own = CONTESTANTS[name]
    changed = dict(own.search) | ({"proxy": dict(own.proxy)} if own.proxy else {})
    return (
        {}
        if name == own.searcher and not changed
        else {name: {"searcher": own.searcher, **changed}}
    )


def task_scores(block: BlockInfo, found: Comparison, folder: Path) -> TaskScores:
    """Returns the scores of all runs of a block."""
    runs = {(r.method, r.seed): r for r in found.runs if r.study == block.study and r.finished}
    values = {name: np.full((len(block.methods), len(block.seeds)), np.nan) for name in SCORES}
    for i, method in enumerate(block.methods):
        for j, seed in enumerate(block.seeds):
            if (method, seed) in runs:
                scores = run_scores(block, found.rows, method, seed)
                for name in SCORES:
                    values[name][i, j] = getattr(scores, name)
    candidates, networks = {}, {}
    for method in block.methods:
        own = [run for (name, _), run in runs.items() if name == method]
        networks[method] = _median([run.n_networks for run in own])
        folders = [Run(block.study, method, run.seed).folder(folder) for run in own]
        candidates[method] = _median([n_candidates(path) for path in folders])
    return TaskScores(block.study, block.methods, block.seeds, values, candidates, networks)


def n_candidates(folder: Path) -> int:
    """Returns how many networks the search of a run trained."""
    store = Store.open(folder / "study.db")
    trained = {e.trial for e in store.evaluations() if e.stage == "proxy"}
    store.close()
    return len(trained)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def report(task: TaskScores, contestants: Sequence[str]) -> None:
    """Prints the table of a task and what it shows."""
    groups = {name: CONTESTANTS[name].recipe for name in contestants}
    same = [name for name in contestants if groups[name] in (EVONAS, SAME)]
    ours = [name for name in contestants if groups[name] == EVONAS]
    print(f"\n{task.task}, {len(task.seeds)} seed{'s' * (len(task.seeds) > 1)}")
    said = [line for name in ours for line in remarks(task, name, same)]
    print("\n".join([*table(task, groups), *said]), flush=True)


def fronts(config: CompareConfig, found: Comparison, folder: Path) -> dict[str, Any]:
    """Prints and returns what choosing the front by another value would have given."""
    result: dict[str, Any] = {}
    print("\nmedian whole / tight with the front chosen by another final validation value")
    for block in found.blocks:
        table = config.block(block.study)
        ended = [r for r in found.runs if r.study == block.study and r.finished]
        for method in block.methods:
            values: dict[str, list[tuple[float, float]]] = {rule: [] for rule in RULES}
            for run in (each for each in ended if each.method == method):
                bar = yardstick(found.rows, block.study, run.seed)
                if bar is None or bar.test is None:
                    continue
                each = Run(block.study, method, run.seed)
                for rule, scores in scores_by_rule(table, block, folder, each, bar.test):
                    values[rule].append((scores.whole, scores.tight))
            medians = {
                rule: [median_interval(column).median for column in np.transpose(pairs)]
                for rule, pairs in values.items()
                if pairs
            }
            cells = "  ".join(f"{rule} {w:.3f} / {t:.3f}" for rule, (w, t) in medians.items())
            print(f"{block.study:18}{method:20}{cells}", flush=True)
            result.setdefault(block.study, {})[method] = medians
    return result


if __name__ == "__main__":
    main()
