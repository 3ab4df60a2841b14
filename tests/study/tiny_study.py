"""A small study that tests of searches share, and what it recorded."""

from __future__ import annotations

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.study.store import Store


def rows(study_or_folder, stages=None):
    """Returns everything that a study recorded but times, of some stages or all."""
    folder = getattr(study_or_folder, "directory", study_or_folder)
    store = Store.open(folder / "study.db")
    evaluations = sorted(
        (e.trial, e.stage, e.seed, e.metric, e.loss, e.epochs, e.steps, e.error)
        for e in store.evaluations()
        if stages is None or e.stage in stages
    )
    return store.trials(), evaluations, [batch for batch, _, _ in store.tells()]


def tiny_config(folder, runtime="tflm", **search_keys):
    data = {
        "study": {"name": "tiny", "dir": str(folder / "study"), "seed": 3},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "device": {"runtime": runtime},
        "search": {"pop_size": 6, "budget": {"trials": 14}, "n_jobs": 1} | search_keys,
        "proxy": {"steps": 6},
        "final": {"steps": 10, "candidates": 3, "seeds": 2},
    }
    return validate_table(StudyConfig, data, "tiny")
