"""Tables of networks whose values are all known, as search problems. Part of bench_tabular.py.

NAS-Bench-201 (nb201_core.npz): the 15 284 cells with a path from input to output. Cells that differ
in dead edges alone are one network, whose values are those of the cell with its dead edges at 0;
the true front is that of all cells, so a search by networks cannot reach all of it. A cell without
a path is no network: it is told the worst of every column and counts as no evaluation.

Any other table is an .npz file, read without pickles, with

    ops       (n, n_var) integers >= 0    the genome of each row, each once
    F         (n, n_obj) floats           its objectives, minimised, finite
    canonical (n, n_var) integers         optional: the genome in the table that stands for each
                                          row's network; each its own by default
    n_choices (n_var,) integers           optional: choices of each gene; the largest digit + 1
    ordered   (n_var,) booleans           optional: genes whose digits are in order; none
    known     (n_obj,) booleans           optional: objectives that need no evaluation; none
    names     (n_obj,) strings            optional

Genomes that are not in it are told the worst of every column and count as no evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cost_layers import data_folder

from evonas import pareto
from evonas.genes import Gene, Genes
from evonas.searchers.searcher import Known

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NB201 = Path("nas_tables") / "nb201_core.npz"
ERRORS = {"c10_error": "c10_test", "c100_error": "c100_test", "in16_error": "in16_test"}
PROBLEMS: dict[str, tuple[str, ...]] = {
    "p2": ("c10_error", "live_flops_c10_M"),
    "p3": ("c10_error", "live_flops_c10_M", "lat_raspi4_ms"),
    "p5": ("c10_error", "c100_error", "live_flops_c10_M", "lat_raspi4_ms", "lat_fpga_ms"),
    "imagenet": ("in16_error", "live_flops_c10_M", "hb360_pi5_litert_ninapro_ms"),
}
"""Objectives of each problem; test errors in percent. Nothing was tuned on the last one."""
KNOWN = ("live_flops_c10_M",)
"""What a study computes without an evaluation. Latencies were measured: they are looked up."""
REFERENCE = 1.1
"""The reference point in every objective, after the true front's ideal and nadir are 0 and 1."""
MOST_GENOMES = 1 << 24


class TableError(ValueError):
    """A table that cannot be read as a problem."""


@dataclass(frozen=True, eq=False)
class TabularProblem:
    """A space of genomes with a table of values.

    Attributes:
        name: Of the problem.
        names: Of the objectives.
        ops: Genomes of the rows (n, n_var).
        F: Their objectives (n, n_obj).
        canonical_rows: The row that stands for each row's network (n,).
        n_choices: Choices of each gene.
        is_ordered: Genes whose digits are in order (n_var,).
        is_known: Objectives that need no evaluation (n_obj,).
    """

    name: str
    names: tuple[str, ...]
    ops: Ints
    F: Floats
    canonical_rows: Ints
    n_choices: tuple[int, ...]
    is_ordered: Bools
    is_known: Bools

    @cached_property
    def genes(self) -> Genes:
        """The variables."""
        return Genes(
            tuple(
                Gene(f"gene{i}", tuple(range(n)), "linear" if ordered else "categorical")
                for i, (n, ordered) in enumerate(zip(self.n_choices, self.is_ordered, strict=True))
            )
        )

    @cached_property
    def front(self) -> Floats:
        """The true front (m, n_obj), copies included."""
        return self.F[pareto.non_dominated(self.F)]

    @cached_property
    def true_hypervolume(self) -> float:
        """Of the true front, normalised."""
        return pareto.hypervolume(self.normalised(self.front), self._ref_point)

    @property
    def n_networks(self) -> int:
        """Number of different networks."""
        return len(np.unique(self.canonical_rows))

    def rows(self, X: npt.ArrayLike) -> Ints:
        """Returns the rows (n,) of the networks of genomes (n, n_var); -1 where there is none."""
        return self._places[self._codes(np.asarray(X, dtype=np.int64))]

    def canonical(self, genome: Ints) -> Ints:
        """Returns the genome of a genome's network; all that are in no row are one."""
        row = int(self.rows(genome[None])[0])
        return self._missing if row < 0 else self.ops[row]

    def values(self, rows: Ints) -> Floats:
        """Returns F (n, n_obj) of rows; the worst of every column for -1."""
        return np.where(rows[:, None] < 0, self.F.max(axis=0), self.F[rows])

    def known(self, X: Ints) -> Known:
        """Returns the known objectives of genomes, and their logarithms as features."""
        F = self.values(self.rows(X))
        features = F[:, self.is_known]
        positive = (self.F > 0).all(axis=0)[self.is_known]
        features = np.log10(features, out=features.copy(), where=positive)
        return Known(np.where(self.is_known, F, np.nan), np.empty((len(X), 0)), features)

    def normalised(self, F: Floats) -> Floats:
        """Returns F with the true front's ideal at 0 and its nadir at 1."""
        low, high = self.front.min(axis=0), self.front.max(axis=0)
        return (F - low) / np.where(high > low, high - low, 1.0)

    def shares(self, rows: Ints) -> Floats:
        """Returns the share (n,) of the true front's hypervolume after each of the rows."""
        points = self.normalised(self.F[rows])
        front = np.empty((0, points.shape[1]))
        shares, share = [], 0.0
        for point in points:
            if not (front <= point).all(axis=1).any():
                front = np.vstack([front[~(point <= front).all(axis=1)], point])
                share = pareto.hypervolume(front, self._ref_point) / self.true_hypervolume
            shares.append(share)
        return np.array(shares)

    @property
    def optimum_rows(self) -> Ints:
        """Rows with the least first objective."""
        return np.flatnonzero(self.F[:, 0] == self.F[:, 0].min())

    @property
    def _ref_point(self) -> Floats:
        return np.full(self.F.shape[1], REFERENCE)

    @cached_property
    def _places(self) -> Ints:
        places = np.full(math.prod(self.n_choices), -1, dtype=np.int64)
        places[self._codes(self.ops)] = self.canonical_rows
        return places

    @cached_property
    def _missing(self) -> Ints:
        """The first genome that is in no row."""
        code = int(np.argmin(self._places))
        return np.array(np.unravel_index(code, self.n_choices), dtype=np.int64)

    def _codes(self, X: Ints) -> Ints:
        return np.asarray(np.ravel_multi_index(tuple(X.T), self.n_choices), dtype=np.int64)


def nb201_problem(name: str) -> TabularProblem:
    """Returns a problem on NAS-Bench-201.

    Args:
        name: A key of PROBLEMS.

    Raises:
        TableError: The table is not there.
    """
    path = data_folder() / NB201
    if not path.exists():
        raise TableError(f"{path}: not found; set EVONAS_DATA to the folder that holds {NB201}.")
    with np.load(path, allow_pickle=False) as table:
        is_connected = table["live_ops"].any(axis=1)
        errors = {key: 100.0 - table[column] for key, column in ERRORS.items()}
        columns = [errors[key] if key in errors else table[key] for key in PROBLEMS[name]]
        ops, live = (table[key].astype(np.int64)[is_connected] for key in ("ops", "live_ops"))
        F = np.column_stack(columns).astype(np.float64)[is_connected]
    problem = TabularProblem(
        name=name,
        names=PROBLEMS[name],
        ops=ops,
        F=F,
        canonical_rows=np.arange(len(ops)),
        n_choices=(5,) * 6,
        is_ordered=np.zeros(6, dtype=bool),
        is_known=np.array([key in KNOWN for key in PROBLEMS[name]]),
    )
    return replace(problem, canonical_rows=problem.rows(live))


def read_problem(path: Path) -> TabularProblem:
    """Returns the problem of a table in the format of this module.

    Raises:
        TableError: A field is missing or does not fit the others.
    """
    if not path.exists():
        raise TableError(f"{path}: not found.")
    with np.load(path, allow_pickle=False) as table:
        fields = {name: np.asarray(table[name]) for name in table.files}
    for name in ("ops", "F"):
        if name not in fields:
            raise TableError(f"{path}: expected a field {name!r}, got {', '.join(fields)}.")
    try:
        return _problem(path.stem, fields)
    except TableError as error:
        raise TableError(f"{path}: {error}") from None


def _problem(name: str, fields: Mapping[str, npt.NDArray[np.generic]]) -> TabularProblem:
    ops = _genomes(fields, "ops")
    F = np.asarray(fields["F"], dtype=np.float64)
    if F.ndim != 2 or len(F) != len(ops) or F.shape[1] < 2 or not np.isfinite(F).all():
        raise TableError(f"expected finite F of shape ({len(ops)}, 2 or more), got {F.shape}.")
    n_var, n_obj = ops.shape[1], F.shape[1]
    sizes = _vector(fields, "n_choices", ops.max(axis=0) + 1, n_var)
    if (ops >= sizes).any():
        raise TableError("expected every digit of ops below its gene's n_choices.")
    if math.prod(sizes.tolist()) > MOST_GENOMES:
        raise TableError(f"expected at most {MOST_GENOMES} genomes, got the product of {sizes}.")
    if len(np.unique(ops, axis=0)) < len(ops):
        raise TableError("expected every genome of ops once.")
    problem = TabularProblem(
        name=name,
        names=tuple(map(str, _vector(fields, "names", np.arange(n_obj).astype(str), n_obj))),
        ops=ops,
        F=F,
        canonical_rows=np.arange(len(ops)),
        n_choices=tuple(sizes.tolist()),
        is_ordered=_vector(fields, "ordered", np.zeros(n_var, dtype=bool), n_var).astype(bool),
        is_known=_vector(fields, "known", np.zeros(n_obj, dtype=bool), n_obj).astype(bool),
    )
    return _with_networks(problem, fields) if "canonical" in fields else problem


def _with_networks(
    problem: TabularProblem, fields: Mapping[str, npt.NDArray[np.generic]]
) -> TabularProblem:
    genomes = _genomes(fields, "canonical")
    if genomes.shape != problem.ops.shape or (genomes >= np.array(problem.n_choices)).any():
        raise TableError(f"expected canonical of shape {problem.ops.shape} within n_choices.")
    rows = problem.rows(genomes)
    if (rows < 0).any() or (rows[rows] != rows).any():
        raise TableError("expected canonical genomes in ops, each its own canonical genome.")
    return replace(problem, canonical_rows=rows)


def _genomes(fields: Mapping[str, npt.NDArray[np.generic]], name: str) -> Ints:
    came = np.asarray(fields[name])
    if came.ndim != 2 or came.dtype.kind not in "iu" or came.size == 0 or came.min() < 0:
        raise TableError(
            f"expected {name} of shape (n, n_var), integers >= 0, got {came.dtype} {came.shape}."
        )
    return came.astype(np.int64)


def _vector(
    fields: Mapping[str, npt.NDArray[np.generic]], name: str, default: npt.ArrayLike, n: int
) -> npt.NDArray[np.generic]:
    came = np.asarray(fields.get(name, default))
    if came.shape != (n,):
        raise TableError(f"expected {name} of shape ({n},), got {came.shape}.")
    return came
