"""A small comparison, and a small gradient-free method in it, that tests of comparisons share."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import tomli_w

from evonas.baselines.baseline import AbstractBaseline, Found
from evonas.config_compare import CompareConfig
from evonas.config_table import Table, validate_table
from evonas.proxy.backends import BACKENDS
from evonas.runner.compare_contest import Contest, Run

SAMPLES = 45  # of 60 for training, a quarter for validation
STEPS = 6  # of batches of 15: two passes
TRAINING = 2 * SAMPLES


class TinySettings(Table):
    """Keys of the method below."""

    halves: int = 1


class Tiny(AbstractBaseline):
    """A search that trains the seed once, and halves its widths by how well it learned."""

    Settings = TinySettings
    spaces = ("tcn",)
    strengths = (1.0, 16.0)
    warm_ups: list[int] = []  # noqa: RUF012
    searches: list[float] = []  # noqa: RUF012

    def __init__(self, task, settings):
        super().__init__(task, settings)
        self.left = None

    def search(self, strength, listener=None):
        began = time.process_time()
        Tiny.searches.append(strength)
        task, samples = self.task, 0
        if self.left is None:
            Tiny.warm_ups.append(task.seed)
            metric = small_contest(task.seed).problem.metric
            result, self.left = BACKENDS.get("torch")().fit(
                task.space.seed, task.splits, task.recipe, task.seed, metric
            )
            samples = round(result.epochs * len(task.splits.train))
        if strength == self.fails_at:
            raise FloatingPointError("the loss is not finite")
        size = float(np.sum([np.abs(array).sum() for array in self.left.values()]))
        share = (1 / strength) ** self.settings.halves * (1 if size > 0 else 0)
        genome = task.space.scaled(share)
        return Found(
            task.space.decode(genome), tuple(genome.tolist()), {}, strength, {}, {"params": 1.0},
            {"params": 2.0}, 3, 1, STEPS, samples, time.process_time() - began,
        )  # fmt: skip

    fails_at = None

    def state(self):
        return self.left

    def restore(self, state):
        self.left = state


def small_contest(seed):
    config = validate_table(CompareConfig, small_data("."), "x")
    return Contest.of(Run("waves", "tiny", seed), config.study[0], config.directory)


def small_data(folder, **block):
    return {
        "compare": {"name": "small", "dir": str(folder), "n_jobs": 1},
        "study": [
            {
                "name": "waves",
                "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
                "space": {"seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
                "methods": ["nsga2", "random", "width", "tiny"],
                "seeds": 1,
                "budget": {"samples": 12 * TRAINING},
                "nsga2": {"pop_size": 4},
                "random": {"pop_size": 4},
                "proxy": {"steps": STEPS // 2, "batch_size": 15},
                "relaxed": {"steps": STEPS, "batch_size": 15},
                "final": {"steps": STEPS, "batch_size": 15},
            }
            | block
        ],
    }


def small_config(folder, **block):
    path = folder.with_name(f"{folder.name}.toml")
    path.write_text(tomli_w.dumps(small_data(folder, **block)))
    return CompareConfig.from_toml(path)


def timeless(comparison):
    """Returns all rows without what a clock says."""
    return [dataclasses.replace(row, cpu_seconds=0.0) for row in comparison.rows]


def rows_of(comparison, method):
    return [row for row in comparison.rows if row.method == method]
