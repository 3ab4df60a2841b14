"""The study's record: one SQLite file, every result committed as it ends."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from evonas.errors import StoreError
from evonas.study.trial import Evaluation, State

FORMAT = 1
"""Version of the tables; a store of another one is refused."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    number INTEGER PRIMARY KEY, batch INTEGER NOT NULL, genome TEXT NOT NULL,
    digest TEXT NOT NULL, analytic TEXT NOT NULL, state TEXT NOT NULL, error TEXT);
CREATE TABLE evaluations (
    trial INTEGER NOT NULL, stage TEXT NOT NULL, seed INTEGER NOT NULL, metric REAL, loss REAL,
    epochs REAL NOT NULL, steps INTEGER NOT NULL, cpu_seconds REAL NOT NULL,
    backend TEXT NOT NULL, error TEXT, PRIMARY KEY (trial, stage, seed));
CREATE TABLE tells (
    batch INTEGER PRIMARY KEY, cpu_seconds REAL NOT NULL, wall_seconds REAL NOT NULL);
"""

_EVALUATION = "trial, stage, seed, metric, loss, epochs, steps, cpu_seconds, backend, error"


@dataclass(frozen=True)
class TrialRow:
    """A trial as stored: what is known of it before any training, and its state.

    Attributes:
        number: From 0, in the order of asking.
        batch: Which `ask` gave it.
        genome: Canonical genome.
        digest: The network's digest.
        analytic: Cost name -> value, SI.
        state: See Trial.
        error: See Trial.
    """

    number: int
    batch: int
    genome: tuple[int, ...]
    digest: str
    analytic: Mapping[str, float]
    state: State
    error: str | None = None


class Store:
    """One study's record on disk. Use `create` or `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def create(cls, path: Path, meta: Mapping[str, Any]) -> Store:
        """Makes a new store.

        Raises:
            StoreError: A store is there already, or the disk refuses.
        """
        if path.exists():
            raise StoreError(f"{path}: there is a study here already.")
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        store = cls(unfinished, _connect(unfinished))
        with store._guard():
            store._db.executescript(_SCHEMA)
            rows = [(key, json.dumps(value)) for key, value in {**meta, "format": FORMAT}.items()]
            store._db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
        store.close()  # which also moves all of it into the one file
        unfinished.replace(path)
        return cls(path, _connect(path))

    @classmethod
    def open(cls, path: Path) -> Store:
        """Opens a store.

        Raises:
            StoreError: It is missing, damaged, or of another version.
        """
        if not path.is_file():
            raise StoreError(f"{path}: no study here (expected this file).")
        store = cls(path, _connect(path))
        try:
            found = store._db.execute("PRAGMA quick_check").fetchone()[0]
            version = store.meta("format")
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise StoreError(f"{path}: the store is damaged ({error}); restore a copy.") from None
        if found != "ok":
            raise StoreError(f"{path}: the store is damaged ({found}); restore a copy of it.")
        if version != FORMAT:
            raise StoreError(
                f"{path}: the store has version {version}, this evonas reads {FORMAT}; use the "
                "evonas that wrote it."
            )
        return store

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def settle(self) -> None:
        """Moves everything into the one file, out of SQLite's write-ahead log beside it."""
        with self._guard():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def meta(self, key: str) -> Any:
        """Returns what was kept under a key, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Keeps a JSON value under a key."""
        with self._guard():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def add_trials(self, rows: Sequence[TrialRow]) -> None:
        """Records the trials of one batch, all or none."""
        with self._guard():
            self._db.executemany(
                "INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (r.number, r.batch, json.dumps(r.genome), r.digest)
                    + (json.dumps(dict(r.analytic)), r.state, r.error)
                    for r in rows
                ],
            )

    def add_evaluation(self, evaluation: Evaluation, state: State | None = None) -> None:
        """Records one evaluation with its int8 form, and its trial's new state where one is given.

        All of it or nothing.
        """
        rows = [evaluation] if evaluation.int8 is None else [evaluation, evaluation.int8]
        with self._guard():
            self._db.executemany(
                f"INSERT OR REPLACE INTO evaluations ({_EVALUATION}) VALUES "
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (e.trial, e.stage, e.seed, e.metric, e.loss, e.epochs, e.steps)
                    + (e.cpu_seconds, e.backend, e.error)
                    for e in rows
                ],
            )
            if state is not None:
                self._db.execute(
                    "UPDATE trials SET state = ?, error = ? WHERE number = ?",
                    (state, evaluation.failure, evaluation.trial),
                )

    def add_tell(self, batch: int, cpu_seconds: float, wall_seconds: float) -> None:
        """Records that a batch was told to the searcher, and the seconds spent so far."""
        with self._guard():
            self._db.execute(
                "INSERT OR REPLACE INTO tells VALUES (?, ?, ?)", (batch, cpu_seconds, wall_seconds)
            )

    def trials(self, batch: int | None = None) -> list[TrialRow]:
        """Returns the trials, of one batch or all, by number."""
        query = "SELECT number, batch, genome, digest, analytic, state, error FROM trials"
        where = "" if batch is None else " WHERE batch = ?"
        rows = self._db.execute(
            f"{query}{where} ORDER BY number", () if batch is None else (batch,)
        )
        return [
            TrialRow(n, b, tuple(json.loads(genome)), digest, json.loads(analytic), state, error)
            for n, b, genome, digest, analytic, state, error in rows
        ]

    def evaluations(self) -> list[Evaluation]:
        """Returns all evaluations in the order of recording."""
        rows = self._db.execute(f"SELECT {_EVALUATION} FROM evaluations ORDER BY rowid")
        return [Evaluation(*row) for row in rows]

    def tells(self) -> list[tuple[int, float, float]]:
        """Returns (batch, CPU seconds, wall seconds so far) of every tell, in order."""
        query = "SELECT batch, cpu_seconds, wall_seconds FROM tells ORDER BY batch"
        return list(self._db.execute(query))

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            with self._db:
                yield
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path}: cannot be written ({error}). What was recorded before is kept; "
                f"free the disk, then: evonas resume {quote(str(self.path.parent))}"
            ) from None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened as a study's store ({error}).") from None
    return connection
