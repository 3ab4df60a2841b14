"""Comparison configs: several methods on the same spaces, tasks, recipes and budgets."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PositiveInt, field_validator, model_validator

from evonas.config import (
    Backend,
    DeviceTable,
    FrontBy,
    ProxyTable,
    SearcherTable,
    SpaceTable,
    StudyConfig,
    TaskTable,
    TrainingTable,
)
from evonas.config_table import OpenTable, Seconds, Table, parse_override, read_toml, validate_table
from evonas.errors import ConfigError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A name that is a folder, too."""


class CompareTable(Table):
    """[compare]: name, folder and worker processes."""

    name: Name = "comparison"
    dir: str | None = None
    n_jobs: int = -1

    @field_validator("n_jobs")
    @classmethod
    def _some(cls, value: int) -> int:
        if value == 0:
            raise ValueError("expected a positive number, or a negative one to count from all")
        return value


class CompareBudget(Table):
    """What every method may spend with every seed: exactly one of these.

    Attributes:
        cpu: CPU seconds of searching and of training what was found.
        samples: Training samples read in both, passes x samples; what costs no training is free.
    """

    cpu: Seconds | None = None
    samples: PositiveInt | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.cpu is None) == (self.samples is None):
            raise ValueError("give exactly one of cpu, samples")
        return self


class CompareProxyTable(ProxyTable):
    """[study.proxy]: the short training of candidates, of methods that have such."""

    backend: Backend = "torch"


class CompareFinalTable(TrainingTable):
    """[study.final]: the full training of every network that any method finds."""

    backend: Backend = "torch"
    steps: PositiveInt = 800
    seeds: PositiveInt = 1


class RelaxedTable(TrainingTable):
    """[study.relaxed]: the training of the relaxed network, of methods that have one."""

    backend: Backend = "torch"


def _seeds(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("expected how many seeds there are, at least 1, or a list of them")
    return tuple(range(value))


class BlockTable(OpenTable):
    """[[study]]: methods on one space and task; further tables are the methods' settings.

    Attributes:
        name: Also the name of its folder.
        task: As in a study's config.
        space: As in a study's config; its seed network is what methods shrink, and the yardstick.
        device: As in a study's config.
        objectives: "error" and costs, all minimised.
        limits: As in a study's [search].
        methods: Searchers, width, gradient-based ones, or names of tables that say which searcher
            they are: [study.NAME] searcher = "surrogate", with settings of its own beside it.
        seeds: Of the split, of searches and trainings; a number n stands for 0 .. n - 1.
        budget: The same for every method and seed.
        front: By which final validation value networks are chosen for a front, beside their costs:
            the loss, the error or the score, error + loss_weight x loss; None for the loss of
            classes and the error of numbers.
        proxy: The short training of candidates, of methods that have such.
        final: The full training of what was found, the same for all methods.
        relaxed: The training of the relaxed network, of methods that have one; what it does not
            say is as in `final`, but for 300 steps.
    """

    name: Name = "study"
    task: TaskTable
    space: SpaceTable = SpaceTable()
    device: DeviceTable = DeviceTable()
    objectives: Annotated[tuple[str, ...], Field(min_length=2)] = ("error", "params")
    limits: dict[str, float | str] = {}
    methods: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_seeds), Field(min_length=1)
    ] = (0,)
    budget: CompareBudget
    front: FrontBy | None = None
    proxy: CompareProxyTable = CompareProxyTable()
    final: CompareFinalTable = CompareFinalTable()
    relaxed: RelaxedTable

    @model_validator(mode="before")
    @classmethod
    def _relaxed_as_final(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        final, own = data.get("final", {}), data.get("relaxed", {})
        if not isinstance(final, Mapping) or not isinstance(own, Mapping):
            return {"relaxed": {}, **data}
        shared = {key: final[key] for key in TrainingTable.model_fields if key in final}
        shared.pop("epochs", None)
        return {**data, "relaxed": {**shared, "steps": 300, **own}}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("objectives", "methods", "seeds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} repeat an entry: {', '.join(map(str, values))}")
        if "error" not in self.objectives:
            raise ValueError(f"objectives lack error; got {', '.join(self.objectives)}")
        for key, value in self.settings.items():
            if not isinstance(value, Mapping):
                near = difflib.get_close_matches(key, type(self).model_fields, n=1)
                hint = f". Did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"unknown key {key!r}{hint}; got {value!r}")
        return self

    def fixed(self, method: str) -> dict[str, Any]:
        """Returns everything that a run of a method depends on beside its seed, as JSON values."""
        data = self.model_dump(exclude_none=True, mode="json")
        if not self.proxy.inherit:  # as in comparisons from before there was a choice
            data["proxy"].pop("inherit")
        others = {"methods", "seeds", *self.settings} - {method}
        return {key: value for key, value in data.items() if key not in others}

    def proxy_of(self, method: str, own: SearchSettings) -> ProxyTable:
        """Returns the short training of a method's candidates.

        Args:
            method: Its name.
            own: Its settings.

        Raises:
            ConfigError: What these say does not fit.
        """
        data = {**self.proxy.model_dump(exclude_none=True), **own.proxy}
        return validate_table(CompareProxyTable, data, f"[study.{self.name}.{method}.proxy]")

    def study_config(
        self,
        method: str,
        own: SearchSettings,
        seed: int,
        folder: Path,
        budget: Mapping[str, float],
    ) -> StudyConfig:
        """Returns the config of a study that searches this block with one method and seed.

        Args:
            method: Its name.
            own: Its settings.
            seed: The study's.
            folder: The study's.
            budget: As in a study's [search].
        """
        name = f"{self.name}-{method}-{seed}"
        data = {
            "study": {"name": name, "dir": str(folder), "seed": seed},
            "task": self.task.model_dump(),
            "space": self.space.model_dump(),
            "device": self.device.model_dump(),
            "search": {
                **own.model_dump(exclude={"searcher", "proxy"}),
                "searcher": own.searcher or method,
                "objectives": self.objectives,
                "limits": self.limits,
                "budget": dict(budget),
                "n_jobs": 1,
            },
            "proxy": self.proxy_of(method, own).model_dump(),
            "final": {**self.final.model_dump(), "candidates": 1_000_000},
        }
        return validate_table(StudyConfig, data, f"[study.{self.name}] {method}")


class SearchSettings(SearcherTable):
    """Keys of [study.METHOD] of a method that is a study of its own, such as nsga2 and random.

    Beside these, pop_size and the other keys of SearcherTable, as in a study's [search]:

    Attributes:
        searcher: Of a method with a name of its own, which searcher it is; so one competes several
            times, with different settings. METHOD is then listed in `methods` like any other.
        proxy: Keys of [study.proxy] that are different for this method.
    """

    searcher: str | None = None
    proxy: dict[str, Any] = {}


class CompareConfig(Table):
    """A whole comparison."""

    compare: CompareTable = CompareTable()
    study: Annotated[tuple[BlockTable, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [block.name for block in self.study]
        if len(set(names)) != len(names):
            raise ValueError(f"blocks need names of their own; got {', '.join(names)}")
        if "figures" in names:
            raise ValueError("a block is named figures, as the folder of the figures is")
        return self

    @property
    def directory(self) -> Path:
        """The comparison's folder: [compare] dir, or runs/NAME."""
        return Path(self.compare.dir or f"runs/{self.compare.name}")

    def block(self, name: str) -> BlockTable:
        """Returns the block of a name.

        Raises:
            ConfigError: There is none.
        """
        for block in self.study:
            if block.name == name:
                return block
        raise ConfigError(f"No block {name!r}; got {', '.join(b.name for b in self.study)}.")

    @classmethod
    def from_toml(cls, path: str | Path, overrides: Sequence[str] = ()) -> CompareConfig:
        """Returns the config of a TOML file, with overrides applied.

        An override is "compare.n_jobs=2", "study.NAME.seeds=2" for one block, or "study.seeds=2"
        for all of them.

        Raises:
            ConfigError: The file is missing, no TOML, or not a valid config.
        """
        return _validated(read_toml(path), overrides, str(path))

    def with_overrides(self, overrides: Sequence[str], where: str = "--set") -> CompareConfig:
        """Returns a copy with overrides applied; see from_toml."""
        return _validated(self.model_dump(exclude_none=True, mode="json"), overrides, where)

    def to_toml(self) -> str:
        """Returns the resolved config, defaults included, as TOML."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(exclude_none=True, mode="json"))


def _validated(data: dict[str, Any], overrides: Sequence[str], where: str) -> CompareConfig:
    blocks = data.get("study")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise ConfigError(
            f"{where}: expected one or several [[study]] blocks; a config with one [study] is for "
            "evonas search."
        )
    for override in overrides:
        _apply(data, blocks, override)
    try:
        return validate_table(CompareConfig, data, where)
    except ConfigError as error:
        text = str(error)
        for number, block in enumerate(blocks):  # by its name, not by its place
            name = block.get("name", number)
            text = text.replace(f"[study] {number}: ", f"[study.{name}] ")
            text = text.replace(f"[study.{number}", f"[study.{name}")
        raise ConfigError(text) from None


def _apply(data: dict[str, Any], blocks: list[dict[str, Any]], override: str) -> None:
    keys, value = parse_override(override)
    tables, rest = [data], keys
    if keys[0] == "study" and len(keys) > 1:
        named = [block for block in blocks if block.get("name") == keys[1]]
        is_one = bool(named) and len(keys) > 2
        tables, rest = (named, keys[2:]) if is_one else (blocks, keys[1:])
    for table in tables:
        inner = table
        for key in rest[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set: {override!r}: {key!r} is not a table.")
        if rest[:-1] == ["budget"]:
            inner.clear()
        inner[rest[-1]] = json.loads(json.dumps(value, default=str))  # no block shares a list
