"""What `evonas export` starts from: a trained network, its data and where it will run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from evonas.arch.spec import ArchSpec
from evonas.config import DeviceTable, StudyConfig
from evonas.errors import ConfigError, SpecError
from evonas.proxy.weights import Weights
from evonas.quant.parameters import check_weights
from evonas.references import REFERENCES
from evonas.runner.target import resolve_target, trial_of
from evonas.study.evaluate import load_weights
from evonas.study.study import Study
from evonas.study.trial import SEED_NUMBER, Trial
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import Metric, resolve_metric
from evonas.tasks.splits import Splits


@dataclass(frozen=True, eq=False)
class Source:
    """A trained network with everything that its export needs.

    Attributes:
        target: As the user named it.
        spec: The network.
        weights: Of its training module, those of this network and finite.
        splits: The data: it is calibrated on the training part.
        metric: The task's metric.
        config: The task's, the device's and the study's tables are used.
        study: Whose trial it is, or None.
        trial: The trial, or None.
    """

    target: str
    spec: ArchSpec
    weights: Weights
    splits: Splits
    metric: Metric
    config: StudyConfig
    study: Study | None = None
    trial: Trial | None = None

    @property
    def device(self) -> DeviceTable:
        """Where it will run."""
        return self.config.device

    @property
    def number(self) -> int | str | None:
        """The trial's number; "seed" for a study's seed network, None without a study."""
        if self.trial is None:
            return None
        return "seed" if self.trial.number == SEED_NUMBER else self.trial.number


def find_source(target: str, config: StudyConfig | None = None) -> Source:
    """Returns what a target names, with its weights and data.

    Args:
        target: DIR:NUMBER, DIR:recommended or DIR:seed of a study, or a spec.json with weights.npz
            beside it.
        config: Whose task and device a spec.json is for; None for a study's trial.

    Raises:
        ConfigError: The target has no weights, or something is missing; the message says what.
        SpecError: The weights are another network's or not finite.
        StoreError: The study or its weights are damaged, or its data changed.
    """
    if target in REFERENCES:
        raise ConfigError(
            f"{target!r} is a reference and has no weights; train it first: evonas train "
            f"{target} --config CONFIG -o DIR, then export DIR/spec.json."
        )
    if Path(target).is_file():
        return _of_file(target, config)
    folder, colon, name = target.rpartition(":")
    if not colon or not (Path(folder) / "study.db").is_file():
        resolve_target(target)  # which says what a target may be
    if config is not None:
        raise ConfigError(f"{target}: a study's trial has its own config; leave --config out.")
    study = Study.load(folder)
    return study_source(study, trial_of(study, name), target)


def study_source(study: Study, trial: Trial, target: str) -> Source:
    """Returns a trial of a study that is at hand.

    Raises:
        ConfigError: The trial was not trained in full.
        SpecError: Its weights are another network's or not finite.
    """
    path = study.weights_path(trial.number)
    if not path.is_file():
        trained = ", ".join(str(t.number) for t in study.front()) or "none yet"
        config = quote(str(study.directory / "config.toml"))
        raise ConfigError(
            f"{target}: no weights are kept of this trial, only of those on the front ({trained}) "
            f"and of the seed network. Train it first: evonas train {quote(target)} --config "
            f"{config} -o DIR, then export DIR/spec.json --config {config}."
        )
    weights = _checked(trial.spec, load_weights(path), path)
    return Source(
        target,
        trial.spec,
        weights,
        study.splits,
        study.problem.metric,
        study.config,
        study,
        trial,
    )


def _of_file(target: str, config: StudyConfig | None) -> Source:
    spec = resolve_target(target)
    path = Path(target).with_name("weights.npz")
    if not path.is_file():
        raise ConfigError(
            f"{target}: expected the network's weights in {path}; evonas train TARGET --config "
            "CONFIG -o DIR writes both."
        )
    weights = _checked(spec, load_weights(path), path)
    if config is None:
        raise ConfigError(
            f"{target}: a network alone says nothing of its data; give --config CONFIG, whose "
            "[task] it was trained on (for calibration and normalisation) and whose [device] it "
            "is for."
        )
    task = config.task
    splits = load_splits(task.kind, task.settings, task.validation, config.study.seed)
    if spec.input_shape != splits.input_shape or spec.output_shape != (splits.num_outputs,):
        raise ConfigError(
            f"{target} maps {spec.input_shape} to {spec.output_shape}, the config's task needs "
            f"{splits.input_shape} to ({splits.num_outputs},)."
        )
    metric = resolve_metric(task.metric, splits.is_regression)
    return Source(target, spec, weights, splits, metric, config)


def _checked(spec: ArchSpec, weights: Weights, path: Path) -> Weights:
    try:
        check_weights(spec, weights)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    return weights
