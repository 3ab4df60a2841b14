"""What does evonas itself cost beside the training: per trial, on two cores, at start-up?

1. Overhead: a study's search at population 40 on two TCN spaces by nsga2 and on one by surrogate,
   three objectives, SQLite record and all; only the training is replaced by a formula. CPU time
   per trial, the parts of it, the same with two worker processes, and the set-up before the first
   trial (the smallest reachable costs, the first population), which a study pays once. A console's
   drawing is not in it.
2. Scaling: the search of configs/quickstart.toml with one and with two workers in turn, over all
   generations but the first. Its gain is divided by that of two independent processes over one,
   each repeating short trainings, in the same minute: cores may be shared with strangers. A
   plain Python loop stands beside it, and the share of two workers' time that is spent in
   trainings which only sleep: what the engine loses by itself, whoever else is on the machine.
   Starting the workers is timed on its own.
3. Start-up: `python -m evonas --help`.

Every time is a median; CPU stands beside wall because a busy machine stretches only the latter.

    python benchmarks/bench_overhead.py --quick --json overhead.json

Needs the extras data and test (aeon, psutil).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path

from overhead_help import measure_help, print_help
from overhead_scaling import measure_scaling, print_scaling
from overhead_spans import Figures
from overhead_trials import measure_overhead, print_overhead

from evonas.study.study import versions

GOALS = {"overhead_ms_per_trial": 5.0, "scaling_share_2": 0.9, "help_seconds": 0.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, {machine['date']}")
    print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    start = measure_help(5 if options.quick else 11)  # before other children live
    overhead = measure_overhead(options.quick)
    print_overhead(overhead)
    scaling = measure_scaling(options.quick)
    print_scaling(scaling)
    print_help(start)
    found = {
        "overhead_ms_per_trial": max(v["cpu_ms"] for k, v in overhead.items() if "nsga2" in k),
        "surrogate_ms_per_trial": max(v["cpu_ms"] for k, v in overhead.items() if "surr" in k),
        "scaling_share_2": scaling["share"],
        "help_seconds": start["wall_s"],
    }
    print()
    for name, value in found.items():
        goal = GOALS.get(name)
        told = "" if goal is None else f"   goal {'>=' if 'share' in name else '<='} {goal}"
        print(f"{name:24}{value:8.3f}{told}")
    if options.json:
        parts = {"machine": machine, "overhead": overhead, "scaling": scaling, "help": start}
        options.json.write_text(json.dumps({**found, **parts}, indent=2) + "\n")


def describe_machine() -> Figures:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "date": str(datetime.date.today()),
        "versions": {"Python": platform.python_version(), **versions()},
    }


if __name__ == "__main__":
    main()
