"""Study: what was searched, kept for good, and how to go on with it."""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evonas._version import __version__
from evonas.arch.spec import ArchSpec
from evonas.atomic import write_text
from evonas.config import StudyConfig
from evonas.config_table import read_toml, validate_table
from evonas.errors import ConfigError, StoreError
from evonas.pareto import Box
from evonas.proxy.backends.choose import check_backend
from evonas.proxy.losses import loss_kind
from evonas.proxy.recipe import LossFunction, Recipe
from evonas.searchers import SEARCHERS
from evonas.study.evaluate import load_weights, share
from evonas.study.front import front_of
from evonas.study.problem import Problem
from evonas.study.reachable import check_reachable, smallest_reachable
from evonas.study.recommend import recommend
from evonas.study.store import Store
from evonas.study.trial import SEED_NUMBER, Evaluation, Trial, with_final_values
from evonas.study.yardsticks import reference_numbers, reference_specs, reference_trials
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS, Metric, resolve_metric
from evonas.tasks.splits import Splits

if TYPE_CHECKING:
    import torch

MetricChoice = str | Callable[[Any, Any], float] | None
RECORDED_PACKAGES = ("pymoo", "moocore", "numpy", "torch", "joblib")


@dataclass(frozen=True)
class _Objects:
    """What the names of a config became."""

    splits: Splits
    problem: Problem
    loss: LossFunction | None
    references: Mapping[str, ArchSpec]


class Study:
    """A search and its record. Made by `from_config` or `load`; run by evonas.runner.

    Attributes:
        config: The resolved config.
        directory: The study's folder.
        splits: The data.
        problem: Space, costs, objectives and limits.
        loss: The user's own loss, or None for the config's.
        references: Name -> network of the references that are trained as yardsticks.
        box: Where fronts are measured.
        smallest: Smallest reachable value of every cost among objectives and limits.
    """

    def __init__(
        self, config: StudyConfig, directory: Path, store: Store, objects: _Objects
    ) -> None:
        self.config = config
        self.directory = directory
        self.store = store
        self.splits = objects.splits
        self.problem = objects.problem
        self.loss = objects.loss
        self.references = objects.references
        self.smallest: Mapping[str, float] = store.meta("smallest")
        self.box: Box = self.problem.box(self.splits, self.smallest)

    @classmethod
    def from_config(
        cls,
        config: StudyConfig,
        splits: Splits | None = None,
        metric: MetricChoice = None,
        loss: LossFunction | None = None,
        directory: Path | None = None,
    ) -> Study:
        """Makes a study's folder and its empty record.

        Args:
            config: What to search.
            splits: The data; None loads the task that the config names.
            metric: Overrides the config's metric; may be a callable (y_true, y_pred) -> float.
            loss: Overrides the config's losses; see Recipe.
            directory: Overrides the config's folder.

        Raises:
            ConfigError: The config is inconsistent, or no network can meet its limits.
            DataError: The data cannot be loaded or used.
            StoreError: There is a study in the folder already.
        """
        folder = directory or config.directory
        if (folder / "study.db").exists():
            raise StoreError(
                f"{folder} holds a study already. To go on: evonas resume {quote(str(folder))}"
            )
        _check_backends(config, loss)
        objects = _objects(config, splits, metric, loss)
        problem = objects.problem
        smallest = smallest_reachable(problem, problem.cost_names)
        check_reachable(problem, smallest)
        problem.box(objects.splits, smallest)  # refuses a metric that cannot be measured
        path = folder / "config.toml"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_text(encoding="utf-8") != config.to_toml():
                raise StoreError(
                    f"{path} is in the way: a study keeps its own config there. Move the file, or "
                    "choose another folder."
                )
            write_text(path, config.to_toml())
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror}.") from None
        meta = {
            "fingerprint": objects.splits.fingerprint,
            "config": config.fixed_digest,
            "metric": _metric_name(problem.metric),
            "loss": _name(loss),
            "smallest": smallest,
            "versions": versions(),
        }
        return cls(config, folder, Store.create(folder / "study.db", meta), objects)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        splits: Splits | None = None,
        metric: MetricChoice = None,
        loss: LossFunction | None = None,
        overrides: Sequence[str] = (),
    ) -> Study:
        """Opens a study's folder, to read it or to go on with it.

        Args:
            directory: The folder.
            splits: The data of a study over one's own arrays; otherwise it is loaded again.
            metric: The callable of a study that had one.
            loss: The callable of a study that had one.
            overrides: Changed keys, such as "search.budget.trials=400".

        Raises:
            StoreError: The folder holds no study, a damaged one, or its data changed.
        """
        folder = Path(directory)
        store = Store.open(folder / "study.db")
        path = folder / "config.toml"
        config = validate_table(StudyConfig, _kept(path), str(path)).with_overrides(overrides)
        if config.task.kind == "arrays" and splits is None:
            raise ConfigError(
                f"{folder} searched arrays given in Python; pass the same data again."
            )
        objects = _objects(config, splits, metric, loss)
        own = (("metric", _metric_name(objects.problem.metric)), ("loss", _name(loss)))
        for kind, name in own:
            if name != store.meta(kind):
                raise ConfigError(
                    f"{folder} was searched with the {kind} {store.meta(kind)!r}, got {name!r}; "
                    f"pass the same {kind}."
                )
        if objects.splits.fingerprint != store.meta("fingerprint"):
            raise StoreError(
                f"{folder}: the data changed since this study began (another fingerprint). "
                "Restore the data, or start a new study in another folder."
            )
        if config.fixed_digest != store.meta("config"):
            raise StoreError(
                f"{path} changed since this study began; only its budget, stop_after, n_jobs, "
                "compare_random, references, front, name and dir may. Restore it, or start a new "
                "study in another folder."
            )
        return cls(config, folder, store, objects)

    def keep_config(self) -> None:
        """Writes the config, as changed by overrides, back to the study's folder."""
        path = self.directory / "config.toml"
        if path.read_text(encoding="utf-8") != self.config.to_toml():
            write_text(path, self.config.to_toml())

    def trials(self) -> list[Trial]:
        """Returns all trials by number, with the values of their proxy training."""
        found = self._evaluations()
        trials = []
        for row in self.store.trials():
            evaluations = tuple(found.get(row.number, ()))
            trial = Trial(
                row.number, row.genome, row.digest, row.analytic, row.state, row.error,
                evaluations, self.decode,
            )  # fmt: skip
            trials.append(trial.with_metrics("proxy"))
        return trials

    def finalists(self) -> list[Trial]:
        """Returns the trials that were trained in full, with the mean of their final values."""
        return [t for t in map(with_final_values, self.trials()) if t is not None]

    def front(self) -> list[Trial]:
        """Returns the trials on the front, by falling cost.

        Those that no other dominates by costs and the final validation value that [final] front
        names, the mean over repetitions; what is shown of them is their mean error. Where no
        objective needs training, the front is that of all trials.
        """
        return front_of(self)

    def recommend(self, condition: str | None = None) -> Trial:
        """Returns the knee of the front's part that satisfies a condition.

        Args:
            condition: Upper or lower bounds such as "latency <= 5 ms, error <= 4 %". Without one,
                networks that err no more than the seed network and a little, where there are any
                (evonas.study.recommend).

        Raises:
            ConfigError: The condition cannot be read, or no network on the front satisfies it.
        """
        return recommend(self, condition)

    def seed_trial(self) -> Trial:
        """Returns the seed network as a trial, with an error only once it was trained in full."""
        for trial in self.trials():
            if trial.digest == self.problem.space.seed.digest:
                costs = self.problem.costs(trial.spec)
                return with_final_values(trial) or replace(trial, values=costs)
        seed = self.problem.space.seed
        genome = tuple(self.problem.space.encode(seed).tolist())
        evaluations = tuple(self._evaluations().get(SEED_NUMBER, ()))
        trial = Trial(
            SEED_NUMBER, genome, seed.digest, self.problem.costs(seed), "complete", None,
            evaluations, self.decode,
        )  # fmt: skip
        return with_final_values(trial) or trial

    def reference_trials(self) -> dict[str, Trial]:
        """Returns the references beside the front by name, as trials that are no part of it.

        Each has an error only once it was trained in full, and the costs that are known of it.
        """
        return reference_trials(self, self._evaluations())

    def weights(self, trial: Trial | int) -> dict[str, npt.NDArray[np.float32]]:
        """Returns the released weights of a network on the front, by name.

        Raises:
            StoreError: There are none.
        """
        number = trial if isinstance(trial, int) else trial.number
        return load_weights(self.weights_path(number))

    def weights_path(self, number: int) -> Path:
        """Returns the file of a network's released weights."""
        names = {SEED_NUMBER: "seed"} | {n: name for name, n in reference_numbers(self).items()}
        return self.directory / "weights" / f"{names.get(number, number)}.npz"

    def build(self, trial: Trial) -> torch.nn.Module:
        """Returns a network as a torch module in evaluation mode, with its trained weights.

        Takes normalised inputs (batch, channels, ...); splits.normalisation says how.
        """
        from evonas.proxy import build

        model = build.build(trial.spec)
        build.load_weights(model, self.weights(trial))
        return model.eval()

    def decode(self, genome: tuple[int, ...]) -> ArchSpec:
        """Returns the network of a genome."""
        return self.problem.space.decode(np.array(genome, dtype=np.int64))

    def summary(self) -> dict[str, Any]:
        """Returns summary.json, or an empty dict before the study has ended.

        Raises:
            StoreError: The file is damaged.
        """
        path = self.directory / "summary.json"
        if not path.exists():
            return {}
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{path} is damaged ({error}); evonas resume makes it anew.") from None
        return found

    @contextmanager
    def working(self) -> Iterator[str]:
        """Locks the study for this process and yields a folder with the data for workers.

        Raises:
            StoreError: Another process is working on the study.
        """
        with (self.directory / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(f"{self.directory}: another process works on it.") from None
            for left in self.directory.glob(".data-*"):
                shutil.rmtree(left, ignore_errors=True)
            folder = tempfile.mkdtemp(prefix=".data-", dir=self.directory)
            try:
                share(self.splits, Path(folder))
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _evaluations(self) -> dict[int, list[Evaluation]]:
        found: dict[int, list[Evaluation]] = {}
        for evaluation in self.store.evaluations():
            found.setdefault(evaluation.trial, []).append(evaluation)
        return found


def versions() -> dict[str, str]:
    """Returns the versions of evonas and of the packages that its results depend on."""
    return {"evonas": __version__} | {name: metadata.version(name) for name in RECORDED_PACKAGES}


def _check_backends(config: StudyConfig, loss: LossFunction | None) -> None:
    for name, table in (("proxy", config.proxy), ("final", config.final)):
        try:
            check_backend(table.backend, Recipe(loss=loss or table.loss))
        except ConfigError as error:
            raise ConfigError(f"[{name}] {error}") from None


def _kept(path: Path) -> dict[str, Any]:
    """Returns the tables of a study's own config.

    What one from before there was a choice does not name is as it was then, whatever the default:
    PyTorch trained it and goes on with it, and its front is chosen by the error.
    """
    data = read_toml(path)
    for name, then in _BEFORE_CHOICES.items():
        table = data.setdefault(name, {})
        if isinstance(table, dict):
            data[name] = {**then, **table}
    return data


_BEFORE_CHOICES = {"proxy": {"backend": "torch"}, "final": {"backend": "torch", "front": "error"}}


def _metric_name(metric: Metric) -> str:
    """Returns a metric's name as recorded; one of the user's own is never that of a known one."""
    is_known = METRICS.get(metric.name, metric) == metric
    return metric.name if is_known else f"{metric.name} (your own)"


def _name(loss: LossFunction | None) -> str | None:
    return None if loss is None else getattr(loss, "__name__", type(loss).__name__)


def _objects(
    config: StudyConfig, splits: Splits | None, metric: MetricChoice, loss: LossFunction | None
) -> _Objects:
    if splits is None:
        task = config.task
        splits = load_splits(task.kind, task.settings, task.validation, config.study.seed)
    resolved = resolve_metric(metric or config.task.metric, splits.is_regression)
    SEARCHERS.get(config.search.searcher)
    for name, table in (("proxy", config.proxy), ("final", config.final)):
        try:
            loss_kind(Recipe(loss=loss or table.loss), splits.is_regression)
        except ConfigError as error:
            raise ConfigError(f"[{name}] {error}") from None
    references = reference_specs(config.final.references, splits)
    return _Objects(splits, Problem.from_config(config, splits, resolved), loss, references)
