"""The benchmark of what evonas costs beside the training still runs, and says its figures."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_overhead.py"


@pytest.mark.slow
def test_a_quick_run_writes_finite_positive_figures(tmp_path):
    pytest.importorskip("aeon")
    file = tmp_path / "overhead.json"
    subprocess.run([sys.executable, SCRIPT, "--quick", "--json", file], check=True, timeout=300)
    found = json.loads(file.read_text())
    names = ("overhead_ms_per_trial", "surrogate_ms_per_trial", "scaling_share_2", "help_seconds")
    for name in names:
        assert math.isfinite(found[name])
        assert found[name] > 0
