"""The problem that a study solves: space, costs, objectives and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.config import StudyConfig
from evonas.cost import RUNTIMES, cost_report, count_macs, count_params
from evonas.devices import Device, load_device
from evonas.errors import ConfigError, EvonasError, UnsupportedOpError
from evonas.objectives import OBJECTIVES, AbstractObjective
from evonas.pareto import Box
from evonas.spaces.from_table import space_from_table
from evonas.spaces.mixed import family_of, own_table
from evonas.spaces.space import AbstractSpace
from evonas.study.trial import Evaluation
from evonas.tasks.metrics import Metric, constant_prediction_error
from evonas.tasks.splits import Splits
from evonas.units import format_quantity, parse_quantity

LOSS_WEIGHT = 0.1
"""Weight of the validation loss in a classifier's score: it orders networks that tie in error."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """An upper bound on one value.

    Attributes:
        name: The objective's name.
        value: The most that a network may have, SI, after the firmware's reserve.
        source: Who set it, for messages: "limits" or the device.
    """

    name: str
    value: float
    source: str


@dataclass(frozen=True)
class Problem:
    """What is searched, measured and bounded. Built by `from_config`.

    Attributes:
        space: The networks.
        device: The microcontroller.
        runtime: What executes networks on it.
        objectives: What is minimised, in order.
        limits: What is bounded.
        metric: The task's metric.
        loss_weight: Weight of the validation loss in the score that stands for the metric
            when networks are compared.
    """

    space: AbstractSpace
    device: Device
    runtime: str
    objectives: tuple[AbstractObjective, ...]
    limits: tuple[Limit, ...]
    metric: Metric
    loss_weight: float
    _costs: dict[str, dict[str, float]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_config(cls, config: StudyConfig, splits: Splits, metric: Metric) -> Problem:
        """Returns the problem that a config states for a task's data.

        Raises:
            ConfigError: A name is unknown, a value is not what its key takes, or the runtime cannot
                execute the seed network or another anchor of the space.
        """
        space = space_from_table(config.space, splits.input_shape, splits.num_outputs)
        device = load_device(config.device.source)
        objectives = tuple(_objective(name) for name in config.search.objectives)
        weight = config.proxy.loss_weight
        if weight is None:
            weight = 0.0 if metric.is_regression else LOSS_WEIGHT
        problem = cls(
            space=space,
            device=device,
            runtime=config.device.runtime,
            objectives=objectives,
            limits=_limits(config, device, metric),
            metric=metric,
            loss_weight=weight,
        )
        problem.costs_of_anchors()
        if config.search.budget.epochs is not None and not problem.needs_training:
            raise ConfigError(
                "[search] budget: epochs never end a search that trains nothing; give trials, cpu "
                "or wall, or the objective error."
            )
        return problem

    @property
    def needs_training(self) -> bool:
        """Whether an objective or a limit is known only after training."""
        names = {o.name for o in self.objectives} | {limit.name for limit in self.limits}
        return any(_objective(name).needs_training for name in names)

    @property
    def trained_names(self) -> tuple[str, ...]:
        """The values that a study's trainings yield: the error, and that in int8 where asked for.

        None where nothing is trained.
        """
        if not self.needs_training:
            return ()
        measured = [o.name for o in self.objectives] + [limit.name for limit in self.limits]
        return ("error", *dict.fromkeys(n for n in measured if _objective(n).needs_int8))

    @property
    def judged_by(self) -> str:
        """The trained value that networks are compared by: of the objectives the first, if any."""
        trained = [o.name for o in self.objectives if o.needs_training]
        return (trained or ["error"])[0]

    @property
    def cost_names(self) -> tuple[str, ...]:
        """The objectives and limits that need no training, objectives first."""
        names = [o.name for o in self.objectives] + [limit.name for limit in self.limits]
        return tuple(n for n in dict.fromkeys(names) if not _objective(n).needs_training)

    def costs(self, spec: ArchSpec) -> dict[str, float]:
        """Returns every analytic value of a network by its objective's name, SI.

        Raises:
            ConfigError: The device or the runtime lacks a figure for an objective or a limit.
        """
        if spec.digest not in self._costs:
            report = cost_report(spec, self.device, self.runtime)
            known = {}
            for name, objective in _analytic_objectives():
                try:
                    known[name] = float(objective.value(report))
                except ConfigError:  # the device or the runtime lacks a figure for it
                    if name in self.cost_names:
                        raise
            self._costs[spec.digest] = known
        return self._costs[spec.digest]

    def known_costs(self, spec: ArchSpec) -> tuple[dict[str, float], str | None]:
        """Returns what is known of a network's analytic values, and why not all are, or None.

        Of a network that the runtime cannot execute parameters and multiply-accumulates are known.
        """
        try:
            return self.costs(spec), None
        except (ConfigError, UnsupportedOpError) as error:
            reason = str(error)
        try:
            return {"params": float(count_params(spec)), "macs": float(count_macs(spec))}, reason
        except UnsupportedOpError:
            return {}, reason

    def costs_of_anchors(self) -> list[dict[str, float]]:
        """Returns the analytic values of the space's anchors, in their order.

        Anchors hold a network of every kind that the space has: a runtime that executes them
        executes the space.

        Raises:
            ConfigError: The device or the runtime lacks a figure for an objective or a limit, or
                the runtime cannot execute a network.
        """
        found = []
        for row in self.space.anchors():
            spec = self.space.decode(row)
            try:
                found.append(self.costs(spec))
            except UnsupportedOpError as error:
                raise ConfigError(self._cannot_execute(spec, str(error))) from None
        return found

    def _cannot_execute(self, spec: ArchSpec, reason: str) -> str:
        """Returns a line on a space of which a runtime cannot execute a network."""
        of_family = family_of(self.space, spec)
        if of_family is not None:
            reason = f"a network of the {of_family} family: {own_table(of_family, reason)}"
        able = [f'"{name}"' for name in RUNTIMES if self._executes_anchors(name)]
        way_out = f" Every anchor of the space runs on: {', '.join(able)}." if able else ""
        return f"[device] runtime = {self.runtime!r}: {reason}{way_out}"

    def _executes_anchors(self, runtime: str) -> bool:
        other = replace(self, runtime=runtime, _costs={})
        try:
            for row in self.space.anchors():
                other.costs(self.space.decode(row))
        except EvonasError:
            return False
        return True

    def score(self, metric: float, loss: float) -> float:
        """Returns what stands for the metric when networks are compared, minimised."""
        return metric + self.loss_weight * loss if self.loss_weight else metric

    def scores(self, evaluation: Evaluation) -> dict[str, float]:
        """Returns the score of every metric of an evaluation, by the metric's name in values."""
        runs = {"error": evaluation, "int8_error": evaluation.int8}
        return {
            name: self.score(run.metric, run.loss)
            for name, run in runs.items()
            if run is not None and run.metric is not None and run.loss is not None
        }

    def violations(self, values: Mapping[str, float]) -> list[float]:
        """Returns (value - limit) / limit for every limit; a value that is absent violates none."""
        return [
            (values[limit.name] - limit.value) / max(limit.value, 1e-12)
            if limit.name in values
            else 0.0
            for limit in self.limits
        ]

    def is_feasible(self, values: Mapping[str, float]) -> bool:
        """Whether no limit is violated by the values that are known."""
        return all(violation <= 0 for violation in self.violations(values))

    def columns(self, values: Sequence[Mapping[str, float]]) -> Floats:
        """Returns the objectives (n, n_obj) in natural units; an absent value is infinite."""
        names = [objective.name for objective in self.objectives]
        rows = [[float(v.get(name, np.inf)) for name in names] for v in values]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))

    def box(self, splits: Splits, smallest: Mapping[str, float]) -> Box:
        """Returns the box in which this study's fronts are measured (architecture.md, 9).

        Args:
            splits: The data, for the error of a constant prediction.
            smallest: Smallest reachable value of every cost among the objectives.

        Raises:
            ConfigError: The metric of a constant prediction is not finite, or negative.
        """
        seed = self.costs(self.space.seed)
        ideal, reference, log10 = [], [], []
        for objective in self.objectives:
            trained = objective.needs_training
            if trained:
                constant = constant_prediction_error(self.metric, splits.train.y, splits.val.y)
                if not np.isfinite(constant) or constant < 0:
                    raise ConfigError(
                        f"[task] metric: {self.metric.name} is {constant} for a constant "
                        "prediction; expected a finite number of at least 0, to be minimised "
                        "(of a score that is to be large, 1 - score)."
                    )
                low, high = 0.0, max(constant, 1e-9)
            else:
                low, high = smallest[objective.name], seed[objective.name]
                high = high if high > low else 10 * low
            ideal.append(low)
            reference.append(high)
            log10.append(not trained)
        return Box(tuple(ideal), tuple(reference), tuple(log10))

    def describe_limits(self, values: Mapping[str, float]) -> str:
        """Returns the limits that values violate, as a person reads them."""
        broken = []
        for limit, violation in zip(self.limits, self.violations(values), strict=True):
            if violation > 0:
                found = self.readable(limit.name, values[limit.name])
                broken.append(f"{limit.name} {found} > {self.readable(limit.name, limit.value)}")
        return ", ".join(broken)

    def readable(self, name: str, value: float) -> str:
        """Returns an objective's value as a person reads it; errors in the metric's own unit."""
        objective = _objective(name)
        unit = self.metric.unit if objective.needs_training else objective.dimension
        return format_quantity(value, unit)

    def title(self, name: str) -> str:
        """Returns an objective's name, with the metric's name in place of "error"."""
        metric = self.metric.name
        return {"error": metric, "int8_error": f"int8_{metric}"}.get(name, name)

    def describe_device(self) -> str:
        """Returns the device, its kernel library and how far its latency can be trusted."""
        report = cost_report(self.space.seed, self.device, self.runtime)
        return f"{self.device.name} ({report.kernel_library}, {report.accuracy})"


@cache
def _analytic_objectives() -> tuple[tuple[str, AbstractObjective], ...]:
    """Returns (name, objective) of all that need no training; listing looks at every package."""
    found = [(name, _objective(name)) for name in OBJECTIVES.names()]
    return tuple((name, objective) for name, objective in found if not objective.needs_training)


def _objective(name: str) -> AbstractObjective:
    found: AbstractObjective = OBJECTIVES.get(name)
    return found


def _limits(config: StudyConfig, device: Device, metric: Metric) -> tuple[Limit, ...]:
    reserve = {"peak_ram": config.device.reserve.ram, "flash": config.device.reserve.flash}
    limits = {
        "peak_ram": Limit("peak_ram", float(device.largest_ram_block_bytes), device.name),
    }
    if device.flash_bytes is not None:
        limits["flash"] = Limit("flash", float(device.flash_bytes), device.name)
    for name, value in config.search.limits.items():
        is_number = _objective(name).needs_training and metric.is_regression
        dimension = metric.unit if is_number else _objective(name).dimension
        try:
            bound = parse_quantity(value, dimension)
        except ConfigError as error:
            raise ConfigError(f"[search.limits] {name}: {error}") from None
        if bound <= 0:
            raise ConfigError(f"[search.limits] {name}: expected more than 0, got {value!r}.")
        if name not in limits or bound < limits[name].value:
            limits[name] = Limit(name, bound, "limits")
    taken = {
        name: Limit(name, limit.value - reserve.get(name, 0.0), limit.source)
        for name, limit in limits.items()
    }
    for name, limit in taken.items():
        if limit.value <= 0:
            raise ConfigError(
                f"[device.reserve] takes all of {name}; nothing is left to a network."
            )
    return tuple(taken.values())
