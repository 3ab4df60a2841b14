"""Searches whose process or workers are killed or interrupted lose nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from evonas.study.evaluate import Job, share
from evonas.study.store import Store
from evonas.study.workers import _fresh_workers, run_jobs
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

from .bomb import Bomb
from .tiny_study import rows, tiny_config


def _start(folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    verb = ["resume", str(folder)]
    if not (folder / "study.db").exists():
        verb = ["search", str(folder.parent / "tiny.toml")]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "evonas", *verb],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _n_rows(folder):
    try:
        return len(Store.open(folder / "study.db").evaluations())
    except Exception:
        return 0


def test_a_study_killed_five_times_ends_with_the_same_rows(finished, tmp_path):
    config = tiny_config(tmp_path)
    (tmp_path / "tiny.toml").write_text(config.to_toml())
    folder = config.directory
    total = len(rows(finished)[1])
    moments = random.Random(0)
    kills = 0
    for target in sorted(moments.sample(range(1, total - 1), 5)):
        process = _start(folder)
        while process.poll() is None and _n_rows(folder) < target:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        process.stderr.close()
    assert kills == 5
    assert _n_rows(folder) < total
    process = _start(folder)
    assert process.wait() == 0, process.stderr.read()
    process.stderr.close()
    assert rows(folder) == rows(finished)


def _job(number, folder, spec, owner=0):
    from evonas.proxy.recipe import Recipe

    return Job(
        trial=number, stage="proxy", seed_index=0, spec=spec, recipe=Recipe(steps=3), seed=number,
        metric=METRICS["error"], data=str(folder), weights=None, backend="torch", owner=owner,
    )  # fmt: skip


@pytest.mark.parametrize("always", [True, False])
def test_a_killed_worker_loses_nothing(finished, tmp_path, always):
    from dataclasses import replace

    splits = load_splits("synthetic", {"train": 60, "test": 20, "shape": [2, 24]}, 0.25, 0)
    share(splits, tmp_path)
    spec = finished.problem.space.seed
    jobs = [_job(n, tmp_path, spec) for n in range(5)]
    expected = {e.trial: e.metric for e in run_jobs(jobs, 1)}
    bomb = Bomb(None if always else str(tmp_path / "mark"))
    jobs[2] = replace(jobs[2], metric=bomb)
    found = {e.trial: e for e in run_jobs(jobs, 2)}
    assert sorted(found) == [0, 1, 2, 3, 4]
    for number in (0, 1, 3, 4):
        assert found[number].metric == expected[number]
    if always:
        assert "died twice" in found[2].error
        assert "unexpectedly terminated" in found[2].error
    else:
        assert found[2].metric == expected[2]


def test_workers_are_deaf_to_ctrl_c_from_their_start(finished, tmp_path):
    splits = load_splits("synthetic", {"train": 60, "test": 20, "shape": [2, 24]}, 0.25, 0)
    share(splits, tmp_path)
    _fresh_workers()
    jobs = [_job(n, tmp_path, finished.problem.space.seed) for n in range(2)]
    assert len(list(run_jobs(jobs, 2))) == 2
    children = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    workers = [p for p in children if "popen_loky_posix" in " ".join(p.cmdline())]
    assert workers
    for worker in workers:
        lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        (blocked,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigBlk"))
        assert blocked & 1 << (signal.SIGINT - 1)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
