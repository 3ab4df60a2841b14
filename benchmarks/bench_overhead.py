"""What does evonas itself cost beside the training: per trial, on two cores, at start-up?

1. Overhead: a study's search at population 40 on two TCN spaces, three objectives, SQLite record
   and all; only the training is replaced by a formula. CPU time per trial, the parts of it, the
   same with two worker processes, and the set-up before the first trial (the smallest reachable
   costs, the first population), which a study pays once. A console's drawing is not in it.
2. Scaling: the search of configs/quickstart.toml with one and with two workers in turn, over all
   generations but the first. Its gain is divided by that of two independent processes over one,
   each repeating short trainings, in the same minute: cores may be shared with strangers. A
   plain Python loop stands beside it, and the share of two workers' time that is spent in
   trainings which only sleep: what the engine loses by itself, whoever else is on the machine.
   Starting the workers is timed on its own.
3. Start-up: `python -m evonas --help`.

Every time is a median; CPU stands beside wall because a busy machine stretches only the latter.

    python benchmarks/bench_overhead.py --quick --json overhead.json

Needs the extras data and test (aeon, psutil).
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import psutil
from joblib.externals.loky import get_reusable_executor

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.proxy.backends import BACKENDS
from evonas.proxy.recipe import Recipe
from evonas.proxy.result import TrainResult
from evonas.references import reference
from evonas.searchers.nsga2 import NSGA2
from evonas.spaces.tcn import TCNSpace
from evonas.study import evaluate, ledger, loop, running
from evonas.study.evaluate import Job
from evonas.study.problem import Problem
from evonas.study.store import Store
from evonas.study.study import Study, versions
from evonas.study.trial import Evaluation
from evonas.study.workers import pool
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import resolve_metric
from evonas.tasks.splits import Splits

Figures = dict[str, Any]

SPACES = ("six_conv", "ecgtcn")
POP_SIZE = 40
TRIALS = 200
"""The default budget of a search."""
LONG_TRIALS = 2000
QUICKSTART = Path(__file__).parents[1] / "configs" / "quickstart.toml"
BUSY_STEPS = 20
"""Optimiser steps of one training of a busy process."""
GOALS = {"overhead_ms_per_trial": 5.0, "scaling_share_2": 0.9, "help_seconds": 0.5}

PARTS = (
    ("ask: select, vary, check for duplicates", NSGA2, "ask"),
    ("decode and encode", TCNSpace, "decode"),
    ("decode and encode", TCNSpace, "encode"),
    ("costs", Problem, "costs"),
    ("record", Store, "add_trials"),
    ("record", Store, "add_evaluation"),
    ("record", Store, "add_tell"),
    ("tell: sort, select", NSGA2, "tell"),
    ("hypervolume", ledger, "normalised_hypervolume"),
)
"""(part, owner, function): whatever a function calls that is listed too counts for the latter."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, {machine['date']}")
    print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    start = measure_help(5 if options.quick else 11)  # before other children live
    overhead = measure_overhead(options.quick)
    print_overhead(overhead)
    scaling = measure_scaling(options.quick)
    print_scaling(scaling)
    print_help(start)
    found = {
        "overhead_ms_per_trial": max(space["cpu_ms"] for space in overhead.values()),
        "scaling_share_2": scaling["share"],
        "help_seconds": start["wall_s"],
    }
    print()
    for name, value in found.items():
        print(f"{name:24}{value:8.3f}   goal {'>=' if 'share' in name else '<='} {GOALS[name]}")
    if options.json:
        parts = {"machine": machine, "overhead": overhead, "scaling": scaling, "help": start}
        options.json.write_text(json.dumps({**found, **parts}, indent=2) + "\n")


def describe_machine() -> Figures:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "date": str(datetime.date.today()),
        "versions": {"Python": platform.python_version(), **versions()},
    }


@dataclass
class Span:
    """Seconds that something took; CPU time is that of this process alone."""

    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Adds what passes inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall += time.perf_counter() - wall
            self.cpu += time.process_time() - cpu

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the function, measured."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.measured():
                return function(*args, **kwargs)

        return timed


class Parts:
    """CPU seconds of the parts of a search, each without the parts that it calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._stack: list[str] = []
        self._since = 0.0

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the function, measured as a part."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self._stack.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._stack.pop()

        return timed

    def from_zero_after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the function; what was measured before it ends is forgotten."""

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            found = function(*args, **kwargs)
            self.seconds.clear()
            return found

        return called

    def _charge(self) -> None:
        now = time.process_time()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._since = now


# 1. Overhead


def instant(job: Job) -> TrainResult:
    """Stands in for a training: larger networks err less, and luck plays its part."""
    channels = sum(getattr(node.op, "out_channels", 0) for node in job.spec.nodes)
    error = 0.05 + 0.5 / (1 + channels / 30) + 0.02 * (job.seed % 97) / 97
    return TrainResult(error, 0.5, 1.0, 100, 0.0, None)


def asleep(job: Job) -> TrainResult:
    """Stands in for a training of 30 to 110 ms, longer for larger networks, that needs no core."""
    channels = sum(getattr(node.op, "out_channels", 0) for node in job.spec.nodes)
    seconds = 0.03 + 0.08 * min(channels / 112, 1)
    time.sleep(seconds)
    return replace(instant(job), cpu_seconds=seconds)


def instant_job(job: Job) -> Evaluation:
    """Is `run_job` in a worker, where nothing is patched yet."""
    with mock.patch.object(evaluate, "_train", instant):
        return evaluate.run_job(job)


def sleeping_job(job: Job) -> Evaluation:
    """Is `run_job` in a worker, where nothing is patched yet."""
    with mock.patch.object(evaluate, "_train", asleep):
        return evaluate.run_job(job)


def measure_overhead(quick: bool) -> dict[str, Figures]:
    """Returns for each space the CPU and wall ms per trial, the parts, two workers, the set-up."""
    runs: dict[str, list[Figures]] = {name: [] for name in SPACES}
    pairs: dict[str, list[Figures]] = {name: [] for name in SPACES}
    _run_instantly(SPACES[0], POP_SIZE, 2)  # starts the workers; imports what is imported late
    for _ in range(1 if quick else 5):
        for name in SPACES:
            runs[name].append(_run_instantly(name, TRIALS, 1))
            pairs[name].append(_run_instantly(name, TRIALS, 2))
    found = {}
    for name in SPACES:
        one, two = _medians(runs[name]), _medians(pairs[name])
        found[name] = {
            **one,
            "parts_cpu_ms": _parts(name),
            "two_workers": two,
            "dispatch_cpu_ms": two["cpu_ms"] + two["workers_cpu_ms"] - one["cpu_ms"],
        }
        if not quick:
            found[name]["long_cpu_ms"] = _run_instantly(name, LONG_TRIALS, 1)["cpu_ms"]
    return found


def _parts(seed_network: str) -> dict[str, float]:
    """Returns the CPU ms per trial of each part; their clocks add a few per cent."""
    parts = Parts()
    whole = _run_instantly(seed_network, TRIALS, 1, parts)["cpu_ms"]
    found = {part: 1e3 * seconds / TRIALS for part, seconds in parts.seconds.items()}
    return found | {"the rest: jobs, progress, bookkeeping": whole - sum(found.values())}


def _run_instantly(
    seed_network: str, trials: int, n_jobs: int, parts: Parts | None = None
) -> Figures:
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
        config = _config(folder, seed_network, trials, n_jobs)
        splits = _splits(config)
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


def _config(folder: str, seed_network: str, trials: int, n_jobs: int) -> StudyConfig:
    """Returns a study around a reference, on random data of its published shape."""
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
            "objectives": ["error", "latency", "peak_ram"],
            "pop_size": POP_SIZE,
            "budget": {"trials": trials},
            "n_jobs": n_jobs,
        },
    }
    return validate_table(StudyConfig, data, "benchmark")


def _splits(config: StudyConfig) -> Splits:
    task = config.task
    return load_splits(task.kind, task.settings, task.validation, config.study.seed)


def _workers_cpu() -> float:
    """Returns the CPU seconds so far of all processes that this one started and that live."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(t.user + t.system for t in times)


def _medians(runs: list[Figures]) -> Figures:
    return {name: median(run[name] for run in runs) for name in runs[0]}


def print_overhead(found: Mapping[str, Figures]) -> None:
    print(f"\n1. Overhead per trial: population {POP_SIZE}, {TRIALS} trials, no training")
    print(f"{'ms per trial':42}" + "".join(f"{name:>12}" for name in found))

    def row(label: str, values: Iterable[float]) -> None:
        print(f"{label:42}" + "".join(f"{value:12.2f}" for value in values))

    spaces = found.values()
    row("CPU", (s["cpu_ms"] for s in spaces))
    for part in found[SPACES[0]]["parts_cpu_ms"]:
        row(f"  {part}", (s["parts_cpu_ms"][part] for s in spaces))
    row("wall", (s["wall_ms"] for s in spaces))
    row("CPU, set-up included", (s["with_setup_cpu_ms"] for s in spaces))
    if all("long_cpu_ms" in s for s in spaces):
        row(f"CPU, at {LONG_TRIALS} trials", (s["long_cpu_ms"] for s in spaces))
    row("two workers: wall", (s["two_workers"]["wall_ms"] for s in spaces))
    row("two workers: CPU of the engine", (s["two_workers"]["cpu_ms"] for s in spaces))
    row("two workers: CPU of both", (s["two_workers"]["workers_cpu_ms"] for s in spaces))
    row("two workers: CPU beyond that of one process", (s["dispatch_cpu_ms"] for s in spaces))
    row("set-up before the first trial, CPU s", (s["setup_cpu_s"] for s in spaces))


# 2. Scaling


def measure_scaling(quick: bool) -> Figures:
    """Returns the gain of a second worker, that of a second busy process, and their ratio."""
    config = StudyConfig.from_toml(QUICKSTART)
    splits = _splits(config)
    trials = (3 if quick else 5) * config.search.pop_size
    seconds = 0.5 if quick else 2.0
    get_reusable_executor(max_workers=2, kill_workers=True).shutdown(wait=True)
    cold = [_start_workers(), _start_workers()]
    with mock.patch.object(evaluate, "run_job", sleeping_job):
        sleeping = [_search(config, splits, trials, 2)["at_work"] for _ in range(1 if quick else 5)]
    rounds = []
    with _busy_processes(config, splits) as busy:
        for number in range(2 if quick else 7):
            counts = (1, 2) if number % 2 else (2, 1)
            searches = {n: _search(config, splits, trials, n) for n in counts}
            loops = {
                (kind, n): _busy_rate(busy[:n], kind, seconds)
                for kind in BUSY_LOOPS
                for n in counts
            }
            rounds.append(_round(searches, loops))
    return {
        **_medians(rounds),
        "rounds": rounds,
        "at_work_asleep": median(sleeping),
        "cold_start_s": cold[0],
        "warm_start_s": cold[1],
    }


def _start_workers() -> float:
    """Returns the seconds until two workers have imported what trains."""
    began = time.perf_counter()
    wait([pool(2).submit(_import_trainer) for _ in range(2)])
    return time.perf_counter() - began


def _import_trainer() -> None:
    BACKENDS.get("torch")


def _search(config: StudyConfig, splits: Splits, trials: int, n_jobs: int) -> Figures:
    """Returns trials per second of a search behind its first generation, and its CPU times."""
    with tempfile.TemporaryDirectory() as folder:
        changes = [f"search.budget.trials={trials}", f"search.n_jobs={n_jobs}"]
        changed = config.with_overrides([*changes, f"study.dir={folder}/study"])
        study = Study.from_config(changed, splits)
        with study.working() as data:
            loop.search(study, data)
        (_, _, began), *_, (last, _, ended) = study.store.tells()
        counted = {row.number for row in study.store.trials() if 0 < row.batch <= last}
        cpu = [e.cpu_seconds for e in study.store.evaluations() if e.trial in counted]
        study.store.close()
    wall = ended - began
    return {
        "rate": len(cpu) / wall,
        "training_cpu_ms": 1e3 * sum(cpu) / len(cpu),
        "at_work": sum(cpu) / (n_jobs * wall),
    }


def _round(searches: Mapping[int, Figures], loops: Mapping[tuple[str, int], Figures]) -> Figures:
    gain = searches[2]["rate"] / searches[1]["rate"]
    found = {"gain": gain}
    for n, search in searches.items():
        found |= {f"{name}_{n}": value for name, value in search.items()}
    for kind in BUSY_LOOPS:
        possible = loops[kind, 2]["rate"] / loops[kind, 1]["rate"]
        share = "share" if kind == "training" else f"share_of_{kind}"
        found |= {f"possible_{kind}": possible, share: gain / possible}
        found |= {f"at_work_{kind}_{n}": loops[kind, n]["at_work"] for n in (1, 2)}
    return found


@contextmanager
def _busy_processes(config: StudyConfig, splits: Splits) -> Iterator[list[Connection]]:
    """Yields the pipes of two processes that know of nothing but their own loops."""
    context = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    for _ in range(2):
        near, far = context.Pipe()
        process = context.Process(target=_keep_busy, args=(far, config, splits), daemon=True)
        process.start()
        processes.append(process)
        pipes.append(near)
    try:
        for pipe in pipes:
            pipe.recv()  # all is imported
        yield pipes
    finally:
        for pipe, process in zip(pipes, processes, strict=True):
            pipe.send(None)
            process.join()


def _keep_busy(pipe: Connection, config: StudyConfig, splits: Splits) -> None:
    loops = {kind: make(config, splits) for kind, make in BUSY_LOOPS.items()}
    for work in loops.values():
        work()
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        kind, seconds = task
        span, n = Span(), 0
        with span.measured():
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                loops[kind]()
                n += 1
        pipe.send({"rate": n / span.wall, "at_work": span.cpu / span.wall})


def _trainings(config: StudyConfig, splits: Splits) -> Callable[[], object]:
    """Returns a short training of the seed network, as a worker does it."""
    metric = resolve_metric(config.task.metric, splits.is_regression)
    problem = Problem.from_config(config, splits, metric)
    backend, recipe = BACKENDS.get("torch")(), Recipe(steps=BUSY_STEPS)
    return lambda: backend.fit(problem.space.seed, splits, recipe, 0, metric)


def _sums(_config: StudyConfig, _splits: Splits) -> Callable[[], object]:
    return lambda: sum(range(100_000))


BUSY_LOOPS = {"training": _trainings, "python": _sums}


def _busy_rate(pipes: list[Connection], kind: str, seconds: float) -> Figures:
    """Returns the runs of a loop per second of all processes at once."""
    for pipe in pipes:
        pipe.send((kind, seconds))
    answers = [pipe.recv() for pipe in pipes]
    return {
        "rate": sum(answer["rate"] for answer in answers),
        "at_work": sum(answer["at_work"] for answer in answers) / len(answers),
    }


def print_scaling(found: Figures) -> None:
    print(f"\n2. Scaling: {QUICKSTART.name}, medians of {len(found['rounds'])} rounds")
    print(f"{'':42}{'one':>12}{'two':>12}{'two / one':>12}")

    def row(label: str, name: str, ratio: float | None = None) -> None:
        one, two = found[f"{name}_1"], found[f"{name}_2"]
        gain = "" if ratio is None else f"{ratio:12.2f}"
        print(f"{label:42}{one:12.2f}{two:12.2f}{gain}")

    row("search: trials per second", "rate", found["gain"])
    row("search: CPU ms of one training", "training_cpu_ms")
    row("search: workers' share of time in training", "at_work")
    for kind in BUSY_LOOPS:
        possible = f"{found[f'possible_{kind}']:12.2f}"
        print(f"{f'busy {kind} loops: runs per second':66}{possible}")
        row(f"busy {kind} loops: CPU over wall", f"at_work_{kind}")
    shares = [r["share"] for r in found["rounds"]]
    print(
        f"share of the busy training loops' gain  {found['share']:.3f}"
        f" (rounds from {min(shares):.2f} to {max(shares):.2f})"
    )
    print(f"share of the busy python loops' gain    {found['share_of_python']:.3f}")
    print(
        f"trainings that sleep: workers' share of time in them {found['at_work_asleep']:.3f}\n"
        f"start of the workers, torch included: cold {found['cold_start_s']:.2f} s, "
        f"warm {found['warm_start_s']:.3f} s"
    )


# 3. Start-up


def measure_help(n: int) -> Figures:
    """Returns the wall and CPU seconds of `evonas --help`; a first call, uncounted, warms disks."""
    runs = []
    for _ in range(n + 1):
        span, cpu = Span(), -_ended_children_cpu()
        with span.measured():
            command = [sys.executable, "-m", "evonas", "--help"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        runs.append({"wall_s": span.wall, "cpu_s": cpu + _ended_children_cpu()})
    return _medians(runs[1:])


def _ended_children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_help(found: Figures) -> None:
    print(f"\n3. evonas --help: {found['wall_s']:.3f} s wall, {found['cpu_s']:.3f} s CPU")


if __name__ == "__main__":
    main()
