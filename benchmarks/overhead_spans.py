"""Clocks of spans and of parts of a search, and what stands in for training.

Part of bench_overhead.py.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any
from unittest import mock

from evonas.config import StudyConfig
from evonas.proxy.result import TrainResult
from evonas.study import evaluate
from evonas.study.evaluate import Job
from evonas.study.trial import Evaluation
from evonas.tasks.load import load_splits
from evonas.tasks.splits import Splits

Figures = dict[str, Any]


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


def splits_of(config: StudyConfig) -> Splits:
    """Returns the data of a study."""
    task = config.task
    return load_splits(task.kind, task.settings, task.validation, config.study.seed)


def medians(runs: list[Figures]) -> Figures:
    """Returns the median of each figure over runs."""
    return {name: median(run[name] for run in runs) for name in runs[0]}
