"""The benchmark on tables: its problems are what they are said to be, and it runs and goes on."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import moocore
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "bench_tabular.py"
DATA = Path(os.environ.get("EVONAS_DATA", BENCHMARKS.parents[1] / "shared" / "data"))
needs_table = pytest.mark.skipif(
    not (DATA / "nas_tables" / "nb201_core.npz").exists(), reason="no NAS-Bench-201 in EVONAS_DATA"
)
OPTUNA = {"optuna_nsga2", "optuna_tpe"}

OPS = np.array([[a, b, c] for a in range(3) for b in range(3) for c in range(3)])
F = np.column_stack([OPS.sum(axis=1) + 1.0, (2 - OPS[:, 0]) * 10.0 + OPS[:, 1] + 1])


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("tabular_problem")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def runs(tables):
    return importlib.import_module("tabular_runs")


@pytest.fixture
def table(tmp_path):
    def write(**changes):
        path = tmp_path / "other.npz"
        given = {"ops": OPS, "F": F} | changes
        np.savez(path, **{key: value for key, value in given.items() if value is not None})
        return path

    return write


@needs_table
@pytest.mark.parametrize(("name", "n_front"), [("p2", 17), ("p3", 56), ("p5", 255)])
def test_nas_bench_201_is_its_connected_cells_and_their_front(tables, name, n_front):
    problem = tables.nb201_problem(name)

    assert len(problem.ops) == 15284
    assert problem.n_networks == 9444
    assert problem.F[:, 0].min() == pytest.approx(100 - 94.3733, abs=1e-3)
    assert len(problem.front) == n_front
    assert len(moocore.filter_dominated(problem.F, keep_weakly=True)) == n_front


@needs_table
@pytest.mark.parametrize("name", ["p2", "p3", "p5", "imagenet"])
def test_shares_are_those_of_an_independent_hypervolume(tables, name):
    problem = tables.nb201_problem(name)
    rows = np.random.default_rng(0).choice(problem.canonical_rows, 60, replace=False)
    front = moocore.filter_dominated(problem.F)
    low, high = front.min(axis=0), front.max(axis=0)
    whole = moocore.hypervolume((front - low) / (high - low), ref=1.1)

    shares = problem.shares(rows)

    for n in (1, 7, 60):
        points = (problem.F[rows[:n]] - low) / (high - low)
        inside = points[(points < 1.1).all(axis=1)]
        expected = moocore.hypervolume(inside, ref=1.1) / whole if len(inside) else 0.0
        assert shares[n - 1] == pytest.approx(expected, abs=1e-12)


@needs_table
def test_cells_of_one_network_have_one_value_and_cells_without_a_path_none(tables):
    problem = tables.nb201_problem("p2")
    live, dead = [3, 0, 0, 2, 0, 0], [3, 1, 0, 2, 0, 0]  # nothing leaves node 2; 0>2 is dead

    assert problem.rows([live]) == problem.rows([dead])
    assert problem.canonical(np.array(dead)).tolist() == problem.canonical(np.array(live)).tolist()
    assert problem.rows([[3, 1, 0, 0, 0, 0]]) == -1
    assert problem.values(np.array([-1])).tolist() == [problem.F.max(axis=0).tolist()]


def test_a_table_of_ones_own_is_read_as_it_is_documented(tables, table):
    path = table(
        canonical=OPS * [1, 1, 0],
        n_choices=np.array([3, 3, 4]),
        ordered=np.array([True, False, False]),
        known=np.array([False, True]),
        names=np.array(["error", "cost"]),
    )

    problem = tables.read_problem(path)
    known = problem.known(np.array([[2, 1, 0], [0, 0, 3]]))

    assert problem.genes.n_choices == (3, 3, 4)
    assert [gene.scale for gene in problem.genes] == ["linear", "categorical", "categorical"]
    assert problem.n_networks == 9
    assert problem.names == ("error", "cost")
    assert problem.canonical(np.array([2, 1, 2])).tolist() == [2, 1, 0]
    assert problem.rows([[0, 0, 3]]) == -1  # not in the table
    assert np.isnan(known.F[:, 0]).all()
    assert known.F[:, 1].tolist() == [2.0, 23.0]  # (2 - 2) 10 + 1 + 1; the worst
    assert known.features == pytest.approx(np.log10([[2.0], [23.0]]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"F": None}, "expected a field 'F', got ops"),
        ({"F": F[:5]}, r"expected finite F of shape \(27, 2 or more\), got \(5, 2\)"),
        ({"F": np.where(F == 1.0, np.nan, F)}, "expected finite F"),
        ({"ops": OPS.astype(float)}, r"expected ops of shape \(n, n_var\), integers >= 0, got fl"),
        ({"ops": OPS % 2}, "expected every genome of ops once"),
        ({"n_choices": np.array([2, 3, 3])}, "expected every digit of ops below"),
        ({"canonical": (OPS + 1) % 3}, "expected canonical genomes in ops, each its own"),
        ({"known": np.array([True])}, r"expected known of shape \(2,\), got \(1,\)"),
    ],
)
def test_a_table_that_cannot_be_read_says_what_is_wrong(tables, table, changes, message):
    with pytest.raises(tables.TableError, match=f"other.npz: {message}"):
        tables.read_problem(table(**changes))


def test_every_searcher_finds_all_of_a_small_table_in_as_many_evaluations_as_networks(runs, table):
    path = str(table(canonical=OPS * [1, 1, 0], known=np.array([False, True])))
    names = [name for name in runs.searcher_names(n_obj=2) if name not in runs.PYMOO]
    for name in names if importlib.util.find_spec("optuna") else set(names) - OPTUNA:
        record = runs.run(runs.Run(path, name, seed=1, budget=20, pop_size=4))

        assert len(record["shares"]) == 9, name
        assert record["shares"][-1] == pytest.approx(1.0), name
        assert 1 <= record["optimum"] <= 9


def test_pymoo_on_a_small_table_ends_though_it_finds_nothing_new(runs, table):
    path = str(table(canonical=OPS * [1, 1, 0]))
    for name in runs.PYMOO:
        record = runs.run(runs.Run(path, name, seed=1, budget=20, pop_size=4))

        assert 4 <= len(record["shares"]) <= 9
        assert record["shares"] == sorted(record["shares"])


def test_a_batch_is_what_is_asked_for_at_a_time(runs, table):
    path = str(table())
    own, single = (
        runs.run(runs.Run(path, "nsga2", seed=1, budget=20, pop_size=4, batch=batch))["shares"]
        for batch in (None, 1)
    )

    assert own[:4] == single[:4]  # the first batch is the same
    assert own != single


def test_the_evaluation_that_reaches_a_level_counts_from_one(runs):
    assert runs.first_at([0.5, 0.95, 0.99], 0.95) == 2
    assert runs.first_at([0.5], 0.95) == float("inf")


def test_a_benchmark_that_was_cut_short_goes_on_from_its_cache(tmp_path, table):
    cache, file = tmp_path / "cache", tmp_path / "found.json"
    command = [sys.executable, SCRIPT, "--table", table(), "--searchers", "nsga2", "random"]
    command += ["--seeds", "2", "--budget", "20", "--cache", cache, "--json", file]
    first = subprocess.run(command, check=True, capture_output=True, text=True)
    whole = json.loads(file.read_text())
    runs = cache / "runs.jsonl"
    runs.write_text(runs.read_text()[:-40])  # killed while it wrote the fourth run

    second = subprocess.run(command, check=True, capture_output=True, text=True)

    assert (first.stderr.count("seed"), second.stderr.count("seed")) == (4, 1)
    assert json.loads(file.read_text()) == whole
    assert set(whole["other"]) == {"nsga2", "random"}
    assert set(whole["other"]["nsga2"]) == {"evals95", "evals99", "worst500"}
    assert 0 < whole["other"]["random"]["worst500"] <= 1


@needs_table
def test_the_quick_benchmark_writes_what_it_says(tmp_path):
    files = {kind: tmp_path / f"found.{kind}" for kind in ("json", "csv", "png")}
    command = [sys.executable, SCRIPT, "--quick", "--seeds", "1", "--problems", "p2"]
    command += ["--searchers", "surrogate", "random", "pymoo_sbx", "--without-known"]
    command += ["--json", files["json"], "--csv", files["csv"], "--figure", files["png"]]

    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"EVONAS_DATA": DATA})

    found = json.loads(files["json"].read_text())
    assert list(found) == ["p2"]
    assert set(found["p2"]) == {"surrogate", "random", "pymoo_sbx", "surrogate_without_known"}
    assert set(found["p2"]["random"]) == {"evals95", "evals99", "worst500", "optimum"}
    assert len(files["csv"].read_text().splitlines()) == 5
    assert files["png"].stat().st_size > 10000
