"""How fast do recurrent layers train here, against torch.nn.LSTM and torch.nn.GRU?

CPU time of one forward and backward pass through a recurrent layer and the mean of its last state,
140 steps of 9 channels, batch 32, on one thread, no optimiser. "autograd" is a loop of torch
operators that autograd differentiates, the usual way to a custom cell. All are timed in turn, in
an order that changes every round; each figure is a median over the rounds.

    python benchmarks/bench_rnn_cells.py --quick --json cells.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evonas.arch.cells import CELLS
from evonas.arch.ops import Recurrent
from evonas.proxy.cell_steps import step_by_step
from evonas.proxy.layers_recurrent import RecurrentLayer

STEPS, BATCH, CHANNELS = 140, 32, 9
HIDDEN = (8, 16, 32, 64)
LIBRARY = {"nn.LSTM": nn.LSTM, "nn.GRU": nn.GRU}
LOW_RANK = 4
"""Divisor of the hidden units that gives the rank of U of the rows "low rank"."""
TIMES_LSTM = 4.0
GOAL_CELLS = ("fastgrnn", "ugrnn", "mgu")
"""Cells that are to take at most TIMES_LSTM times nn.LSTM's time, and less than nn.GRU's."""

Pass = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under half a minute")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, {machine['date']}")
    print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    found = {hidden: measure(hidden, 3 if options.quick else 21) for hidden in HIDDEN}
    print_table(found)
    goals = judge(found)
    if options.json:
        report = {"machine": machine, "cpu_ms": found, **goals}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def describe_machine() -> dict[str, Any]:
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
        "versions": {
            "Python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def measure(hidden: int, rounds: int) -> dict[str, float]:
    """Returns the CPU ms of a pass of each layer of that many units."""
    passes = {name: library_pass(kind, hidden) for name, kind in LIBRARY.items()}
    for cell in CELLS:
        if cell != "lstm":
            passes[cell] = layer_pass(Recurrent(cell, hidden))
        passes[f"{cell}, low rank"] = layer_pass(Recurrent(cell, hidden, 0, hidden // LOW_RANK))
    passes["fastgrnn, autograd"] = autograd_pass(Recurrent("fastgrnn", hidden))
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    order = list(passes)
    for one in passes.values():
        one()
    for number in range(rounds):
        random.Random(number).shuffle(order)
        for name in order:
            began = time.process_time()
            passes[name]()
            seconds[name].append(time.process_time() - began)
    return {name: 1e3 * median(values) for name, values in seconds.items()}


def library_pass(kind: type[nn.LSTM] | type[nn.GRU], hidden: int) -> Pass:
    module = kind(CHANNELS, hidden, batch_first=True)
    x = torch.randn(BATCH, STEPS, CHANNELS)
    return lambda: step(module, lambda: module(x)[0][:, -1])


def layer_pass(op: Recurrent) -> Pass:
    layer, x = _layer(op), torch.randn(BATCH, STEPS, CHANNELS)
    image = x.transpose(1, 2).unsqueeze(2)  # channels last in memory
    return lambda: step(layer, lambda: layer(image)[:, :, 0, -1])


def autograd_pass(op: Recurrent) -> Pass:
    layer, x = _layer(op), torch.randn(STEPS, CHANNELS, BATCH)
    return lambda: step(layer, lambda: step_by_step(op.cell, x, layer.weights())[-1])


def step(module: nn.Module, last_state: Callable[[], Tensor]) -> None:
    module.zero_grad()
    last_state().mean().backward()


def _layer(op: Recurrent) -> RecurrentLayer:
    layer = RecurrentLayer(op, (CHANNELS, STEPS))
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(op.hidden**-0.5), op.hidden**-0.5)
    return layer


def print_table(found: dict[int, dict[str, float]]) -> None:
    print(f"\n{'CPU ms forward + backward':28}" + "".join(f"{f'hidden {h}':>12}" for h in found))
    names = dict.fromkeys(name for table in found.values() for name in table)
    for name in names:
        times = [table.get(name) for table in found.values()]
        print(f"{name:28}" + "".join(f"{'-' if t is None else f'{t:.2f}':>12}" for t in times))


def judge(found: dict[int, dict[str, float]]) -> dict[str, float]:
    """Returns the worst ratios of the cells that have a goal, and prints them."""
    rows = [(table, table[cell]) for table in found.values() for cell in GOAL_CELLS]
    ratios = {
        "times_nn_lstm": max(time / table["nn.LSTM"] for table, time in rows),
        "times_nn_gru": max(time / table["nn.GRU"] for table, time in rows),
    }
    print(f"\nworst of {', '.join(GOAL_CELLS)}")
    for name, goal in zip(ratios, (TIMES_LSTM, 1.0), strict=True):
        print(f"{name:28}{ratios[name]:12.2f}   goal <= {goal}")
    return ratios


if __name__ == "__main__":
    main()
