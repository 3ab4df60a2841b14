"""Searches that an interrupt or a full disk ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from evonas.study.store import Store

from .command_line import run


def test_an_interrupt_before_there_is_a_study_names_none_to_resume(config, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("evonas.study.study.Study.from_config", interrupted)
    result = run("search", config())
    assert result.exit_code == 130
    assert result.stderr.strip() == "evonas: interrupted."


def test_a_full_disk_keeps_the_record_and_says_how_to_go_on(config, tmp_path):
    """A store that may not grow is what a full disk looks like to SQLite."""
    script = (
        "import sqlite3, sys\n"
        "import evonas.study.store as store\n"
        "plain = store._connect\n"
        "def small(path):\n"
        "    connection = plain(path)\n"
        "    connection.execute('PRAGMA max_page_count = 14')\n"
        "    return connection\n"
        "store._connect = small\n"
        "from evonas.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-P", "-c", script, "search", str(config())]
    command += ["--set", "search.budget.trials=200"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "is full" in done.stderr
    assert f"evonas resume {tmp_path / 'study'}" in done.stderr
    recorded = Store.open(tmp_path / "study" / "study.db").evaluations()
    assert recorded
    result = run("resume", tmp_path / "study", "--set", "search.budget.trials=15")
    assert result.exit_code == 0, result.output
    kept = Store.open(tmp_path / "study" / "study.db").evaluations()
    assert kept[: len(recorded)] == recorded


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_ends_cleanly_and_says_how_to_resume(config, tmp_path, n_jobs):
    path = config(search="")
    command = [sys.executable, "-P", "-m", "evonas", "search", str(path), "--n-jobs", str(n_jobs)]
    command += ["--set", "search.budget.trials=5000"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background jobs ignore SIGINT and hand that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    store = tmp_path / "study" / "study.db"
    while process.poll() is None:
        time.sleep(0.05)
        if store.exists() and store.with_name("study.db").stat().st_size:
            try:
                if len(Store.open(store).evaluations()) >= 8:
                    break
            except Exception:
                continue
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to workers too
    try:
        _, text = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, text
    assert "Traceback" not in text
    assert f"evonas resume {tmp_path / 'study'}" in text
    assert len(Store.open(store).evaluations()) >= 8
