"""Study configs: TOML in, validated tables of names and numbers, TOML out.

A config holds no objects: `Study.from_config` is the one place where its names become some. The
tables of a task and of a space carry keys of their own beside the common ones, validated by
the plug-in that the table names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from evonas.config_table import (
    Bytes,
    OpenTable,
    Seconds,
    Table,
    apply_override,
    read_toml,
    validate_table,
)

Share = Annotated[float, Field(gt=0, le=1)]
Backend = Literal["auto", "torch", "native"]
FrontBy = Literal["error", "loss", "score"]
FRONT_BY: FrontBy = "score"
"""By which final validation value a study's front is chosen, unless its config says."""


class StudyTable(Table):
    """[study]: name, folder and seed."""

    name: str = "study"
    dir: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0


class TaskTable(OpenTable):
    """[task]: which data, how it is split, and the metric."""

    kind: str
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.25
    metric: str | None = None


class SpaceTable(OpenTable):
    """[space]: which networks can exist; of several kinds each has a table of its own in it."""

    kind: str | tuple[str, ...] = "tcn"

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if not self.kind:
            raise ValueError('kind names no space; expected one such as "tcn", or several')
        if not isinstance(self.kind, str) and len(set(self.kind)) != len(self.kind):
            raise ValueError(f"kind repeats a name: {', '.join(self.kind)}")
        return self


class Reserve(Table):
    """What the rest of the firmware takes, off every limit of the device."""

    ram: Bytes = 0.0
    flash: Bytes = 0.0


class DeviceTable(Table):
    """[device]: the microcontroller and the runtime that executes the network on it."""

    name: str | None = None
    path: str | None = None
    runtime: str = "tflm"
    reserve: Reserve = Reserve()

    @model_validator(mode="after")
    def _name_or_path(self) -> Self:
        if self.name and self.path:
            raise ValueError("give either name or path, not both")
        return self

    @property
    def source(self) -> str:
        """The device's name or the path of its file."""
        return self.path or self.name or "stm32l4r5"


class Budget(Table):
    """When a search ends: exactly one of these."""

    trials: PositiveInt | None = None
    epochs: PositiveFloat | None = None
    cpu: Seconds | None = None
    wall: Seconds | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.trials, self.epochs, self.cpu, self.wall)) != 1:
            raise ValueError("give exactly one of trials, epochs, cpu, wall")
        return self


class SearcherTable(Table):
    """Keys of [search] on how networks are looked for; in a comparison each method's own.

    Attributes:
        pop_size: Networks that a search starts from, and that a searcher breeds from.
        batch: Networks asked for at a time after the first; None leaves it to the searcher, with
            a lag it is 1.
        lag: 0 to train and tell every batch as a whole. With more, network k is asked for as soon
            as the results of all below k - lag are told, in the order of their numbers, so that
            workers do not wait for the slowest of a batch.
        stop_after: Trained networks in a row that may bring the front no further before a search
            ends ahead of its budget; 0 for any number.
        repeats: Further proxy trainings, with other seeds, of every candidate that reaches the
            front of the search; scores are then shrunk towards what costs predict.
        sampling: Where random networks lie, the first among them: "spread" over the range of
            costs, beside the space's anchors, or "uniform" over the choices of every gene, without
            anchors, as samplers that know nothing of networks draw them.
    """

    pop_size: Annotated[int, Field(ge=2)] = 20
    batch: PositiveInt | None = None
    lag: Annotated[int, Field(ge=0)] = 0
    stop_after: Annotated[int, Field(ge=0)] = 0
    repeats: Annotated[int, Field(ge=0)] = 0
    sampling: Literal["spread", "uniform"] = "spread"


class SearchTable(SearcherTable):
    """[search]: what is minimised, within which limits, and for how long."""

    searcher: str = "surrogate"
    objectives: Annotated[tuple[str, ...], Field(min_length=1)] = ("error", "latency", "peak_ram")
    limits: dict[str, float | str] = {}
    budget: Budget = Budget(trials=200)
    compare_random: bool = False
    n_jobs: int = -1

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.objectives)) != len(self.objectives):
            raise ValueError(f"objectives repeat a name: {', '.join(self.objectives)}")
        if self.n_jobs == 0:
            raise ValueError("n_jobs must be positive, or negative to count from all cores")
        return self


class TrainingTable(Table):
    """Keys that [proxy] and [final] share; evonas.proxy.recipe says what each means.

    Attributes:
        backend: What trains: PyTorch, the native backend, or with "auto" the native one for every
            network that it suits, where it is installed.
    """

    epochs: PositiveInt | None = None
    steps: PositiveInt = 100
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: PositiveFloat = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip: PositiveFloat | None = None
    schedule: Literal["cosine", "one-cycle", "constant"] = "cosine"
    loss: Literal["auto", "cross-entropy", "mse", "l1", "log-cosh"] = "auto"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shift: Annotated[float, Field(gt=0, lt=1)] | None = None
    mask: Annotated[float, Field(gt=0, lt=1)] | None = None
    data_fraction: Share = 1.0
    backend: Backend = "auto"


class ProxyTable(TrainingTable):
    """[proxy]: the short training of every candidate, and the score that ranks them.

    Attributes:
        loss_weight: Of the validation loss in the score; None for the default of the task.
        rungs: Optimiser steps after which the worse candidates stop, rising, in place of steps:
            every candidate makes the first, the best third of them goes on to each next. None for
            the same training of all.
        inherit: Whether a candidate starts from the weights of the nearest trained one.
    """

    loss_weight: Annotated[float, Field(ge=0)] | None = None
    rungs: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] | None = None
    inherit: bool = False

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.rungs is None:
            return self
        if list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"rungs must rise; got {', '.join(map(str, self.rungs))}")
        if self.epochs is not None:
            raise ValueError("rungs count in steps; give either epochs or rungs")
        return self


class FinalTable(TrainingTable):
    """[final]: the full training of the front, and of references as yardsticks beside it.

    Attributes:
        front: By which final validation value networks are chosen for the front, beside their
            costs: the metric, the loss, or the score, error + loss_weight x loss. What is shown
            of them is the metric; the loss says more of it where few validation samples do.
    """

    steps: PositiveInt = 800
    front: FrontBy = FRONT_BY
    seeds: PositiveInt = 1
    candidates: PositiveInt = 24
    fit_on: Literal["train", "train+validation"] = "train"
    references: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.references)) != len(self.references):
            raise ValueError(f"references repeat a name: {', '.join(self.references)}")
        return self


class Int8Table(Table):
    """[int8]: how trained networks are quantised, for int8_error and for an export.

    evonas.quant.int8 says what each key means.
    """

    max_drop: Annotated[float, Field(ge=0)] = 0.01
    steps: Annotated[int, Field(ge=0)] = 300
    learning_rate: PositiveFloat = 3e-3
    samples: PositiveInt = 512


class StudyConfig(Table):
    """A whole study."""

    study: StudyTable = StudyTable()
    task: TaskTable
    space: SpaceTable = SpaceTable()
    device: DeviceTable = DeviceTable()
    search: SearchTable = SearchTable()
    proxy: ProxyTable = ProxyTable()
    final: FinalTable = FinalTable()
    int8: Int8Table = Int8Table()

    @model_validator(mode="after")
    def _whole_batches(self) -> Self:
        asked = {
            "[proxy] rungs": self.proxy.rungs,
            "[proxy] inherit": self.proxy.inherit,
            "[search] repeats": self.search.repeats,
        }
        names = [name for name, value in asked.items() if value]
        if self.search.lag and names:
            raise ValueError(
                f"[search] lag = {self.search.lag}: {' and '.join(names)} work on whole batches; "
                "set lag = 0"
            )
        return self

    @property
    def directory(self) -> Path:
        """The study's folder: [study] dir, or runs/NAME."""
        return Path(self.study.dir or f"runs/{self.study.name}")

    @property
    def fixed_digest(self) -> str:
        """SHA-256 of everything that may not change while a study lives."""
        data = self.model_dump(exclude_none=True, mode="json")
        for key in ("budget", "stop_after", "n_jobs", "compare_random"):
            data["search"].pop(key)
        for key in ("name", "dir"):
            data["study"].pop(key, None)
        for key in ("lag", "repeats"):
            if not data["search"][key]:  # as in studies from before there was a choice
                data["search"].pop(key)
        if self.search.sampling == "spread":
            data["search"].pop("sampling")
        if not self.proxy.inherit:
            data["proxy"].pop("inherit")
        for key in ("references", "front"):  # trained beside the front, or chosen afterwards
            data["final"].pop(key)
        for table in ("proxy", "final"):
            if data[table]["backend"] == "torch":
                data[table].pop("backend")  # as in studies from before there was a choice
        if self.int8 == Int8Table() or "int8_error" not in self._measured:
            data.pop("int8")  # it changes nothing, or exports alone
        text = json.dumps(data, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def _measured(self) -> set[str]:
        return {*self.search.objectives, *self.search.limits}

    @classmethod
    def from_toml(cls, path: str | Path, overrides: Sequence[str] = ()) -> StudyConfig:
        """Returns the config of a TOML file, with overrides such as "search.pop_size=40".

        Raises:
            ConfigError: The file is missing, no TOML, or not a valid config.
        """
        data = read_toml(path)
        for override in overrides:
            apply_override(data, override)
        return validate_table(cls, data, str(path))

    def with_overrides(self, overrides: Sequence[str], where: str = "--set") -> StudyConfig:
        """Returns a copy with overrides such as "search.budget.trials=400" applied."""
        data = self.model_dump(exclude_none=True, mode="json")
        for override in overrides:
            apply_override(data, override)
        return validate_table(type(self), data, where)

    def to_toml(self) -> str:
        """Returns the resolved config, defaults included, as TOML."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(exclude_none=True, mode="json"))
