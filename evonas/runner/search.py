"""Runs a search from its config to its report, or goes on with one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy.typing as npt

from evonas.config import StudyConfig
from evonas.errors import ConfigError, StoreError
from evonas.proxy.recipe import LossFunction
from evonas.runner.outputs import write_outputs
from evonas.study import final, loop
from evonas.study.progress import Listener, Progress
from evonas.study.study import MetricChoice, Study
from evonas.tasks.arrays import from_arrays
from evonas.tasks.split import split
from evonas.tasks.splits import Splits

Arrays = Sequence[npt.ArrayLike]
CHANGEABLE = (
    "search.budget", "search.stop_after", "search.n_jobs", "search.compare_random",
    "final.references", "final.front",
)  # fmt: skip
"""What may change when a study goes on."""
RANDOM = "random"
"""Folder, within a study's own, of the random search that it is compared with."""


def search(
    config: StudyConfig | str | Path,
    data: Arrays | None = None,
    metric: MetricChoice = None,
    loss: LossFunction | None = None,
    directory: str | Path | None = None,
    overrides: Sequence[str] = (),
    listener: Listener | None = None,
) -> Study:
    """Returns the study of a finished search: trials, front, report.

    Args:
        config: A config or the path of one.
        data: One's own arrays (X, y), (X, y, X_test, y_test) or with groups as a fifth, in place
            of the config's task; X is (n, channels, length) or (n, channels, height, width).
        metric: In place of the config's; a callable (y_true, y_pred) -> float is minimised and
            gets class indices, or numbers for a regression, (n,) or (n, k).
        loss: In place of the config's: (outputs, targets) -> tensor, see evonas.proxy.recipe.
        directory: In place of the config's folder.
        overrides: Changed keys, such as "search.pop_size=40".
        listener: Told of the progress.

    Raises:
        ConfigError: The config is wrong, or no network can meet its limits.
        DataError: The data is missing, malformed or unusable.
        StoreError: The folder holds a study already, or the record cannot be written.
    """
    if not isinstance(config, StudyConfig):
        config = StudyConfig.from_toml(config, overrides)
    elif overrides:
        config = config.with_overrides(overrides)
    splits = None
    if data is not None:
        splits = array_splits(config, data)
        config = config.with_overrides(["task.kind=arrays"])
    folder = Path(directory) if directory is not None else None
    study = Study.from_config(config, splits, metric, loss, folder)
    return complete(study, listener)


def resume(
    directory: str | Path,
    overrides: Sequence[str] = (),
    data: Arrays | None = None,
    metric: MetricChoice = None,
    loss: LossFunction | None = None,
    listener: Listener | None = None,
) -> Study:
    """Returns a study that was interrupted, or given a larger budget, after it has gone on.

    Args:
        directory: The study's folder.
        overrides: Changed budget, such as "search.budget.trials=400", stop_after, n_jobs,
            compare_random, final.references and final.front; nothing else of a study may change.
        data: The arrays again, where it searched arrays.
        metric: The callable again, where it had one.
        loss: The callable again, where it had one.
        listener: Told of the progress.

    Raises:
        StoreError: The folder holds no study, a damaged one, or its data changed.
        ConfigError: An override changes what may not change.
    """
    fixed = [item for item in overrides if not item.strip().startswith(CHANGEABLE)]
    if fixed:
        raise ConfigError(
            f"--set {fixed[0]}: a study keeps its config; only {', '.join(CHANGEABLE)} may change."
        )
    splits = None
    if data is not None:
        stored = StudyConfig.from_toml(Path(directory) / "config.toml")
        splits = array_splits(stored, data)
    study = Study.load(directory, splits, metric, loss, overrides)
    return complete(study, listener)


def array_splits(config: StudyConfig, data: Arrays) -> Splits:
    """Returns one's own arrays, split as the config says.

    Raises:
        ConfigError: The sequence has another length.
        DataError: The arrays are unusable.
    """
    if len(data) not in (2, 4, 5):
        raise ConfigError(
            "data: expected (X, y), (X, y, X_test, y_test) or (X, y, X_test, y_test, groups), "
            f"got {len(data)} arrays."
        )
    names = ("X", "y", "X_test", "y_test", "groups")
    named: dict[str, Any] = dict(zip(names, data, strict=False))
    raw = from_arrays(**named)
    return split(raw, config.task.validation, config.study.seed)


def complete(study: Study, listener: Listener | None = None) -> Study:
    """Searches, trains in full and writes every output of a study, from wherever it stands."""
    _run(study, listener)
    rival = None
    if study.config.search.compare_random:
        rival = _rival(study)
        _run(rival, _named(listener, "random search"))
        write_outputs(rival, None)
    write_outputs(study, rival)
    for finished in (study, rival):
        if finished is not None:
            finished.store.settle()
    return study


def _run(study: Study, listener: Listener | None) -> None:
    spent = dict(study.store.meta("seconds") or {"search": 0.0, "final": 0.0})
    with study.working() as data:
        study.keep_config()
        for phase, work in _PHASES.items():
            started = time.monotonic()
            try:
                work(study, data, listener)
            finally:
                spent[phase] += time.monotonic() - started
                study.store.set_meta("seconds", spent)


_PHASES: dict[str, Callable[[Study, str, Listener | None], None]] = {
    "search": loop.search,
    "final": final.finish,
}


_RIVAL_KEYS = ("n_jobs", "stop_after")


def _rival(study: Study) -> Study:
    """Returns the study's random search: the same but for the searcher, without yardsticks."""
    folder = study.directory / RANDOM
    changes = ["search.searcher=random", "search.compare_random=false", "final.references=[]"]
    changes += [f"study.name={study.config.study.name}-{RANDOM}"]
    config = study.config.with_overrides(changes)
    metric = study.problem.metric
    if (folder / "study.db").exists():
        budget = config.search.budget.model_dump(exclude_none=True)
        overrides = [f"search.budget.{name}={value}" for name, value in budget.items()]
        overrides += [f"search.{key}={getattr(config.search, key)}" for key in _RIVAL_KEYS]
        overrides += [f"final.front={config.final.front}"]
        return Study.load(folder, study.splits, metric, study.loss, overrides)
    return Study.from_config(config, study.splits, metric, study.loss, folder)


def _named(listener: Listener | None, phase: str) -> Listener | None:
    if listener is None:
        return None

    def renamed(progress: Progress) -> None:
        listener(replace(progress, phase=f"{phase}: {progress.phase}"))

    return renamed


def rewrite_outputs(directory: str | Path) -> Study:
    """Returns a study after its outputs are written again from its record.

    Raises:
        StoreError: The folder holds no study, or one that has trained nothing in full yet.
    """
    study = Study.load(directory)
    if not study.front():
        raise StoreError(
            f"{directory}: nothing on the front yet; first finish it: evonas resume "
            f"{quote(str(directory))}"
        )
    folder = study.directory / RANDOM
    rival = Study.load(folder, study.splits) if (folder / "study.db").exists() else None
    write_outputs(study, rival if rival is not None and rival.front() else None)
    return study
