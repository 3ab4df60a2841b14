"""Start-up. Part of bench_overhead.py."""

from __future__ import annotations

import resource
import subprocess
import sys

from overhead_spans import Figures, Span, medians


def measure_help(n: int) -> Figures:
    """Returns the wall and CPU seconds of `evonas --help`; a first call, uncounted, warms disks."""
    runs = []
    for _ in range(n + 1):
        span, cpu = Span(), -_ended_children_cpu()
        with span.measured():
            command = [sys.executable, "-m", "evonas", "--help"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        runs.append({"wall_s": span.wall, "cpu_s": cpu + _ended_children_cpu()})
    return medians(runs[1:])


def _ended_children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_help(found: Figures) -> None:
    print(f"\n3. evonas --help: {found['wall_s']:.3f} s wall, {found['cpu_s']:.3f} s CPU")
