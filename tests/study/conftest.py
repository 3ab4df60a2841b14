"""Fixtures of tests of studies: a finished one, and trainings on a clock of the test's own."""

from __future__ import annotations

import math

import pytest

from evonas.cost import count_params
from evonas.runner.search import search
from evonas.study import batches, lagged
from evonas.study.trial import Evaluation

from .tiny_study import tiny_config


class SimulatedWorkers:
    """Workers whose jobs last as long as a test says, on a clock that jumps: in no time.

    Small networks err more and larger ones less; which is done when changes no value.
    """

    def __init__(self, n_workers, duration, steps):
        self.n_workers = n_workers
        self.now = 0.0
        self.ended = []
        self._duration = duration
        self._steps = steps
        self._queue = []
        self._running = []

    def __call__(self, n_jobs):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    @property
    def n_left(self):
        return len(self._queue) + len(self._running)

    def submit(self, job):
        self._queue.append(job)
        self._start()

    def _start(self):
        while self._queue and len(self._running) < self.n_workers:
            job = self._queue.pop(0)
            self._running.append((self.now + self._duration(job), job.trial, job))

    def finished(self):
        self._running.sort(key=lambda entry: entry[:2])
        self.now, number, job = self._running.pop(0)
        self._start()
        self.ended.append(number)
        yield self._evaluation(job)

    def _evaluation(self, job):
        steps = self._steps(job)
        noise = (job.seed % 97) / 97
        error = 0.05 + 0.4 / math.sqrt(count_params(job.spec)) + 0.02 * noise
        failed = steps < job.recipe.steps
        return Evaluation(
            job.trial, job.stage, job.seed_index, None if failed else error,
            None if failed else 2 * error, steps / 10, steps, 0.0, job.backend,
            "diverged" if failed else None,
        )  # fmt: skip


@pytest.fixture
def simulated(monkeypatch):
    """Returns a function that puts simulated workers in place of processes, and returns them."""

    def simulate(n_workers=1, duration=lambda job: 1.0, steps=lambda job: job.recipe.steps):
        workers = SimulatedWorkers(n_workers, duration, steps)

        def run_jobs(jobs, n_jobs):
            for job in jobs:
                workers.submit(job)
            while workers.n_left:
                yield from workers.finished()

        monkeypatch.setattr(lagged, "Workers", workers)
        monkeypatch.setattr(batches, "run_jobs", run_jobs)
        return workers

    return simulate


@pytest.fixture(scope="package")
def finished(tmp_path_factory):
    """Returns a study that ran to its end without interruption."""
    return search(tiny_config(tmp_path_factory.mktemp("finished")))
