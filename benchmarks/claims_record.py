"""What a finished comparison's folder says, read and never written. Part of bench_claims.py."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evonas.analysis.comparison import BlockInfo, ComparisonRow, RunSummary, of_run
from evonas.analysis.comparison_indicators import Indicators, indicators
from evonas.analysis.comparison_quality import tested_front
from evonas.arch.spec import ArchSpec
from evonas.config_compare import CompareConfig
from evonas.errors import StoreError
from evonas.pareto import Box
from evonas.runner.compare_contest import Contest, Run

T = TypeVar("T")


@dataclass(frozen=True)
class Recorded:
    """A comparison as its folder has it.

    Attributes:
        folder: The comparison's.
        config: As it was resolved.
        blocks: What was compared.
        rows: Every network.
        runs: What each run spent.
        date: When the last run ended.
        machine: Where.
    """

    folder: Path
    config: CompareConfig
    blocks: tuple[BlockInfo, ...]
    rows: tuple[ComparisonRow, ...]
    runs: tuple[RunSummary, ...]
    date: str
    machine: str

    @cached_property
    def indicators(self) -> dict[str, Indicators]:
        """Block's name -> its indicators."""
        return {b.study: indicators(b, self.rows, self.runs) for b in self.blocks}

    def ended(self, study: str, method: str, seed: int) -> bool:
        """Whether a run came to its end."""
        key = (study, method, seed)
        return any(r.finished and (r.study, r.method, r.seed) == key for r in self.runs)

    def front(self, study: str, method: str, seed: int) -> list[ComparisonRow] | None:
        """Returns a run's front with its test errors; None where the run has not ended."""
        if not self.ended(study, method, seed):
            return None
        return tested_front(of_run(self.rows, study, method, seed))

    def contest(self, study: str, seed: int) -> Contest:
        """Returns the data and the problem of a block with one seed.

        Raises:
            DataError: Its data cannot be loaded.
        """
        run = Run(study, "seed", seed)
        return Contest.of(run, self.config.block(study), run.folder(self.folder))

    def spec(self, row: ComparisonRow, contest: Contest) -> ArchSpec:
        """Returns the network of a row, from the genome that its run keeps.

        Raises:
            StoreError: The run's record lacks it.
        """
        path = Run(row.study, row.method, row.seed).folder(self.folder) / "run.db"
        query = "SELECT genome FROM networks WHERE number = ?"
        try:
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            found = db.execute(query, (row.number,)).fetchone()
            db.close()
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be read: {error}.") from None
        if found is None:
            raise StoreError(f"{path}: has no network {row.number}.")
        return contest.problem.space.decode(np.array(json.loads(found[0]), dtype=np.int64))


def read(folder: Path) -> Recorded:
    """Returns a comparison from comparison.json and comparison.toml.

    Raises:
        StoreError: A file is missing; `evonas report DIR` writes the first one.
    """
    path = folder / "comparison.json"
    if not path.is_file():
        raise StoreError(f"{path} is missing; evonas report {folder} writes it from the record.")
    found = json.loads(path.read_text(encoding="utf-8"))
    return Recorded(
        folder=folder,
        config=CompareConfig.from_toml(folder / "comparison.toml"),
        blocks=tuple(block_of(each) for each in found["blocks"]),
        rows=tuple(made(ComparisonRow, each) for each in found["rows"]),
        runs=tuple(made(RunSummary, each) for each in found["runs"]),
        date=found["date"],
        machine=found["machine"],
    )


def block_of(found: Mapping[str, Any]) -> BlockInfo:
    """Returns a block of comparison.json, where it stands beside its indicators."""
    box = {name: tuple(values) for name, values in found["box"].items()}
    return made(BlockInfo, {**found, "box": Box(**box)})


def made(kind: type[T], found: Mapping[str, Any]) -> T:
    """Returns a row, run or block from its JSON values."""
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: _frozen(found[name]) for name in names})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
