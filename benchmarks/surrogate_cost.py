"""CPU time that the surrogate takes to propose a batch. Part of bench_surrogate.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.config import StudyConfig
from evonas.searchers.searcher import AbstractSearcher
from evonas.study.problem import Problem
from evonas.study.running import searcher_of
from evonas.study.told import told_columns
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import resolve_metric

Floats = npt.NDArray[np.float64]
Values = Callable[[npt.NDArray[np.int64]], tuple[Floats, Floats | None]]

MARKS = (100, 200, 500, 1000, 2000)
"""Records after which the last batches' median is taken."""
LAST = 10
"""Batches of that median."""

SPACES: dict[str, dict[str, Any]] = {
    "tcn": {
        "kind": "tcn",
        "seed_network": {"widths": [32, 32, 64, 64, 128, 128], "kernel": 9, "pool": [2, 4]},
    },
    "metakernel": {"kind": "metakernel"},
    "rnn": {"kind": "rnn"},
}
"""Spaces of studies whose costs are looked up."""


def per_batch(searcher: AbstractSearcher, values: Values, budget: int) -> dict[str, float]:
    """Returns CPU seconds of ask and tell a batch by number of records, medians of the last."""
    n, found = 0, {}
    for mark in MARKS:
        taken: list[float] = []
        while n < min(mark, budget):
            start = time.process_time()
            X = searcher.ask()
            spent = time.process_time() - start
            told = values(X)
            start = time.process_time()
            searcher.tell(X, *told)
            taken.append(spent + time.process_time() - start)
            n += len(X)
        if taken:
            found[str(mark)] = float(np.median(taken[-LAST:]))
    return found


def in_a_study(name: str, budget: int) -> dict[str, float]:
    """Returns the same for a study's searcher, which decodes genomes and looks their costs up.

    Nothing is trained: the error is made up from the parameters, with noise.

    Args:
        name: A key of SPACES.
        budget: Records.
    """
    runtime = "c" if name == "rnn" else "tflm"
    config = StudyConfig.model_validate(
        {
            "task": {"kind": "synthetic", "pattern": "waves", "shape": [3, 128], "classes": 6},
            "space": SPACES[name],
            "device": {"name": "stm32l4r5", "runtime": runtime},
            "search": {"objectives": ["error", "params", "latency"], "searcher": "surrogate"},
        }
    )
    task = config.task
    splits = load_splits(task.kind, task.settings, task.validation, 0)
    metric = resolve_metric(task.metric, splits.is_regression)
    problem = Problem.from_config(config, splits, metric)
    rng = np.random.default_rng(0)

    def values(X: npt.NDArray[np.int64]) -> tuple[Floats, Floats | None]:
        costs = [problem.known_costs(problem.space.decode(row))[0] for row in X]
        F, G = told_columns(problem, costs, [None] * len(X), [False] * len(X))
        params = np.array([cost["params"] for cost in costs])
        F[:, 0] = 0.05 + 0.5 / np.sqrt(1 + params / 300) + 0.03 * rng.random(len(X))
        return F, G

    study: Any = SimpleNamespace(config=config, problem=problem)
    return per_batch(searcher_of(study), values, budget)
