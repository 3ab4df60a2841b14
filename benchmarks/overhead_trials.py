"""Overhead per trial. Part of bench_overhead.py."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any
from unittest import mock

import psutil
from overhead_spans import Figures, Parts, Span, instant, instant_job, medians, splits_of

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.references import reference
from evonas.searchers.nsga2 import NSGA2
from evonas.searchers.surrogate import SurrogateNSGA2
from evonas.spaces.tcn import TCNSpace
from evonas.study import evaluate, ledger, loop, running
from evonas.study.problem import Problem
from evonas.study.store import Store
from evonas.study.study import Study

CASES = {
    "six_conv, nsga2": ("six_conv", "nsga2"),
    "ecgtcn, nsga2": ("ecgtcn", "nsga2"),
    "six_conv, surrogate": ("six_conv", "surrogate"),
}
"""The seed network whose space is searched, and the searcher."""
POP_SIZE = 40
TRIALS = 200
"""The default budget of a search."""
LONG_TRIALS = 2000
PARTS = (
    ("ask: select, vary, check for duplicates", NSGA2, "ask"),
    ("ask: select, vary, check for duplicates", SurrogateNSGA2, "ask"),
    ("decode and encode", TCNSpace, "decode"),
    ("decode and encode", TCNSpace, "encode"),
    ("costs", Problem, "costs"),
    ("record", Store, "add_trials"),
    ("record", Store, "add_evaluation"),
    ("record", Store, "add_tell"),
    ("tell: sort, select", NSGA2, "tell"),
    ("tell: sort, select", SurrogateNSGA2, "tell"),
    ("hypervolume", ledger, "normalised_hypervolume"),
)
"""(part, owner, function): whatever a function calls that is listed too counts for the latter."""


def measure_overhead(quick: bool) -> dict[str, Figures]:
    """Returns for each case the CPU and wall ms per trial, the parts, two workers, the set-up."""
    runs: dict[str, list[Figures]] = {name: [] for name in CASES}
    pairs: dict[str, list[Figures]] = {name: [] for name in CASES}
    _run_instantly(
        "six_conv, nsga2", POP_SIZE, 2
    )  # starts the workers; imports what is imported late
    for _ in range(1 if quick else 5):
        for name in CASES:
            runs[name].append(_run_instantly(name, TRIALS, 1))
            pairs[name].append(_run_instantly(name, TRIALS, 2))
    found = {}
    for name in CASES:
        one, two = medians(runs[name]), medians(pairs[name])
        found[name] = {
            **one,
            "parts_cpu_ms": _parts(name),
            "two_workers": two,
            "dispatch_cpu_ms": two["cpu_ms"] + two["workers_cpu_ms"] - one["cpu_ms"],
        }
        if not quick:
            found[name]["long_cpu_ms"] = _run_instantly(name, LONG_TRIALS, 1)["cpu_ms"]
    return found


def _parts(case: str) -> dict[str, float]:
    """Returns the CPU ms per trial of each part; their clocks add a few per cent."""
    parts = Parts()
    whole = _run_instantly(case, TRIALS, 1, parts)["cpu_ms"]
    found = {part: 1e3 * seconds / TRIALS for part, seconds in parts.seconds.items()}
    return found | {"the rest: jobs, progress, bookkeeping": whole - sum(found.values())}


def _run_instantly(case: str, trials: int, n_jobs: int, parts: Parts | None = None) -> Figures:
    """Returns what a search without training took, in ms per trained trial."""
    setup, whole = Span(), Span()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as patches:

        def patch(owner: object, name: str, function: Callable[..., Any]) -> None:
            patches.enter_context(mock.patch.object(owner, name, function))

        first_population = setup.around(running.first_population)
        train = instant
        if parts is not None:
            first_population = parts.from_zero_after(first_population)
            train = parts.around("stand-in for training", train)
            for part, owner, name in PARTS:
                patch(owner, name, parts.around(part, getattr(owner, name)))
        patch(running, "first_population", first_population)
        patch(evaluate, *(("_train", train) if n_jobs == 1 else ("run_job", instant_job)))
        config = _config(folder, case, trials, n_jobs)
        splits = splits_of(config)
        workers = -_workers_cpu()
        with whole.measured():
            with setup.measured():
                study = Study.from_config(config, splits)
            with study.working() as data:
                loop.search(study, data, lambda progress: None)
        workers += _workers_cpu()
        study.store.close()
    return {
        "cpu_ms": 1e3 * (whole.cpu - setup.cpu) / trials,
        "wall_ms": 1e3 * (whole.wall - setup.wall) / trials,
        "with_setup_cpu_ms": 1e3 * whole.cpu / trials,
        "workers_cpu_ms": 1e3 * workers / trials,
        "setup_cpu_s": setup.cpu,
        "setup_wall_s": setup.wall,
    }


def _config(folder: str, case: str, trials: int, n_jobs: int) -> StudyConfig:
    """Returns a study around a reference, on random data of its published shape."""
    seed_network, searcher = CASES[case]
    seed = reference(seed_network)
    data = {
        "study": {"dir": f"{folder}/study"},
        "task": {
            "kind": "synthetic",
            "train": 100,
            "test": 20,
            "shape": list(seed.input_shape),
            "classes": seed.output_shape[0],
        },
        "space": {"kind": "tcn", "seed_network": seed_network},
        "search": {
            "searcher": searcher,
            "objectives": ["error", "latency", "peak_ram"],
            "pop_size": POP_SIZE,
            "budget": {"trials": trials},
            "n_jobs": n_jobs,
        },
    }
    return validate_table(StudyConfig, data, "benchmark")


def _workers_cpu() -> float:
    """Returns the CPU seconds so far of all processes that this one started and that live."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(t.user + t.system for t in times)


def print_overhead(found: Mapping[str, Figures]) -> None:
    print(f"\n1. Overhead per trial: population {POP_SIZE}, {TRIALS} trials, no training")
    print(f"{'ms per trial':42}" + "".join(f"{name:>21}" for name in found))

    def row(label: str, values: Iterable[float]) -> None:
        print(f"{label:42}" + "".join(f"{value:21.2f}" for value in values))

    spaces = found.values()
    row("CPU", (s["cpu_ms"] for s in spaces))
    for part in next(iter(spaces))["parts_cpu_ms"]:
        row(f"  {part}", (s["parts_cpu_ms"].get(part, 0.0) for s in spaces))
    row("wall", (s["wall_ms"] for s in spaces))
    row("CPU, set-up included", (s["with_setup_cpu_ms"] for s in spaces))
    if all("long_cpu_ms" in s for s in spaces):
        row(f"CPU, at {LONG_TRIALS} trials", (s["long_cpu_ms"] for s in spaces))
    row("two workers: wall", (s["two_workers"]["wall_ms"] for s in spaces))
    row("two workers: CPU of the engine", (s["two_workers"]["cpu_ms"] for s in spaces))
    row("two workers: CPU of both", (s["two_workers"]["workers_cpu_ms"] for s in spaces))
    row("two workers: CPU beyond that of one process", (s["dispatch_cpu_ms"] for s in spaces))
    row("set-up before the first trial, CPU s", (s["setup_cpu_s"] for s in spaces))
