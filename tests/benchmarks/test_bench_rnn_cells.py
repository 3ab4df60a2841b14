"""The benchmark of recurrent layers still runs, and its goals are met."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_rnn_cells.py"


@pytest.mark.slow
def test_custom_cells_train_faster_than_nn_gru_and_in_four_times_nn_lstm(tmp_path):
    file = tmp_path / "cells.json"
    subprocess.run([sys.executable, SCRIPT, "--quick", "--json", file], check=True, timeout=300)
    found = json.loads(file.read_text())

    assert 0 < found["times_nn_lstm"] <= 4
    assert 0 < found["times_nn_gru"] < 1
    assert set(found["cpu_ms"]) == {"8", "16", "32", "64"}
