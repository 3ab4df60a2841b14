"""Workers that are given jobs as others end: nothing is lost, whoever dies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evonas.arch import SpecBuilder
from evonas.proxy.recipe import Recipe
from evonas.study.evaluate import Job, share
from evonas.study.workers import Workers, run_jobs
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

from .bomb import Bomb


@pytest.fixture
def jobs(tmp_path):
    share(load_splits("synthetic", {"train": 60, "test": 0, "shape": [2, 24]}, 0.25, 0), tmp_path)
    builder = SpecBuilder()
    x = builder.conv1d(builder.input((2, 24)), out_channels=4, kernel=3)
    spec = builder.finish(builder.dense(builder.global_average_pool(x), 3))
    return [
        Job(
            trial=number, stage="proxy", seed_index=0, spec=spec, recipe=Recipe(steps=3),
            seed=number, metric=METRICS["error"], data=str(tmp_path), weights=None,
            backend="native", owner=0,
        )
        for number in range(8)
    ]  # fmt: skip


def run_as_they_end(jobs, n_jobs, at_once):
    """Returns evaluations by trial of jobs of which a few are under way at a time."""
    found, left = {}, list(jobs)
    with Workers(n_jobs) as workers:
        while left or workers.n_left:
            while left and workers.n_left < at_once:
                workers.submit(left.pop(0))
            for evaluation in workers.finished():
                assert evaluation.trial not in found
                found[evaluation.trial] = evaluation
    return found


def test_one_worker_is_this_process_and_keeps_the_order(jobs):
    assert list(run_as_they_end(jobs, 1, 3)) == list(range(8))


@pytest.mark.parametrize("always", [True, False])
def test_a_death_among_jobs_that_keep_coming_loses_nothing(jobs, tmp_path, always):
    expected = {e.trial: e.metric for e in run_jobs(jobs, 1)}
    bomb = Bomb(None if always else str(tmp_path / "mark"))
    jobs[3] = replace(jobs[3], metric=bomb)

    found = run_as_they_end(jobs, 2, 4)

    assert sorted(found) == list(range(8))
    if always:
        assert "died twice" in found.pop(3).error
    for number, evaluation in found.items():
        assert evaluation.error is None
        assert evaluation.metric == expected[number]


def test_what_is_under_way_ends_with_the_context(jobs):
    with Workers(2) as workers:
        for job in jobs[:4]:
            workers.submit(replace(job, recipe=Recipe(steps=10_000_000)))  # for hours
    assert workers.n_left == 0
    assert len(list(run_jobs(jobs[:2], 2))) == 2
