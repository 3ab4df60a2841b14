"""Scaling over two workers. Part of bench_overhead.py."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from unittest import mock

from joblib.externals.loky import get_reusable_executor
from overhead_spans import Figures, Span, medians, sleeping_job, splits_of

from evonas.config import StudyConfig
from evonas.proxy.backends import BACKENDS
from evonas.proxy.recipe import Recipe
from evonas.study import evaluate, loop
from evonas.study.problem import Problem
from evonas.study.study import Study
from evonas.study.workers import pool
from evonas.tasks.metrics import resolve_metric
from evonas.tasks.splits import Splits

QUICKSTART = Path(__file__).parents[1] / "configs" / "quickstart.toml"
BUSY_STEPS = 20
"""Optimiser steps of one training of a busy process."""


def measure_scaling(quick: bool) -> Figures:
    """Returns the gain of a second worker, that of a second busy process, and their ratio."""
    config = StudyConfig.from_toml(QUICKSTART)
    splits = splits_of(config)
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
        **medians(rounds),
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
