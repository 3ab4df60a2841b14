"""Comparisons that are interrupted, killed or added to go on where they stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from evonas.errors import StoreError
from evonas.runner.compare import compare, resume

from .tiny_method import Tiny, rows_of, small_config, timeless

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("after", [1, 4, 9])
def test_an_interrupted_comparison_ends_with_the_same_rows(finished, tmp_path, after):
    told = 0

    def interrupt(_):
        nonlocal told
        told += 1
        if told == after:
            raise KeyboardInterrupt

    config = small_config(tmp_path / "small")
    with pytest.raises(KeyboardInterrupt):
        compare(config, listener=interrupt)
    comparison = compare(config)
    assert timeless(comparison) == timeless(finished)


def test_finished_strengths_and_the_warm_up_are_not_repeated(tmp_path):
    config = small_config(tmp_path / "small", methods=["tiny"])

    def interrupt(progress):
        if len(Tiny.searches) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(config, listener=interrupt)
    comparison = resume(tmp_path / "small")

    assert Tiny.warm_ups == [0]
    assert Tiny.searches == [row.strength for row in rows_of(comparison, "tiny")]


def test_a_killed_comparison_ends_its_processes_and_goes_on(finished, tmp_path):
    path, folder = tmp_path / "small.toml", tmp_path / "small"
    methods = ["nsga2", "random", "width"]
    config = small_config(folder, methods=methods).with_overrides(["compare.n_jobs=2"])
    path.write_text(config.to_toml())
    command = [sys.executable, "-P", "-m", "evonas", "compare", str(path)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(folder.glob("waves/*/run.db")) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert workers
    assert not psutil.wait_procs(workers, timeout=20)[1]

    comparison = resume(folder, ["compare.n_jobs=1"])
    kept = [row for row in timeless(finished) if row.method in ("seed", *methods)]
    assert timeless(comparison) == kept


def test_ctrl_c_says_how_to_go_on(tmp_path):
    path, folder = tmp_path / "small.toml", tmp_path / "small"
    config = small_config(folder, methods=["random"], budget={"cpu": 60.0})
    path.write_text(config.with_overrides(["compare.n_jobs=2"]).to_toml())
    command = [sys.executable, "-P", "-m", "evonas", "compare", str(path)]
    driver = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # a shell's background jobs ignore SIGINT and hand that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(folder.glob("waves/*/run.db")) and time.monotonic() < deadline:
        time.sleep(0.02)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert said.strip().endswith(f"To go on: evonas resume {folder}")
    assert "Traceback" not in said


def test_seeds_and_methods_may_be_added_and_the_rest_is_kept(finished, tmp_path):
    folder = tmp_path / "small"
    compare(small_config(folder, methods=["width"]))
    record = folder / "waves" / "width-0" / "run.db"
    before = record.stat().st_mtime_ns
    comparison = compare(small_config(folder, methods=["width", "random"], seeds=[0, 3]))
    assert record.stat().st_mtime_ns == before
    found = {(run.method, run.seed) for run in comparison.runs}
    assert found == {(m, s) for m in ("seed", "width", "random") for s in (0, 3)}
    kept = [row for row in timeless(finished) if row.method in ("seed", "width", "random")]
    assert [row for row in timeless(comparison) if row.seed == 0] == sorted(
        kept, key=lambda row: ["seed", "width", "random"].index(row.method)
    )


def test_another_comparison_in_the_folder_is_refused(finished):
    config = small_config(finished.directory, final={"steps": 7}, budget={"samples": 100})
    with pytest.raises(StoreError, match="differs in budget, final; choose another"):
        compare(config)


def test_one_at_a_time_runs_have_processes_of_their_own_too(tmp_path, own_processes):
    workers = set()

    def look(_):
        workers.update(child.pid for child in psutil.Process().children())

    comparison = compare(small_config(tmp_path / "c", methods=["width"]), listener=look)

    assert all(run.finished for run in comparison.runs)
    assert len(workers) >= 1
    assert not any(psutil.pid_exists(pid) for pid in workers)
