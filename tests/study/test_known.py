"""What searchers know before a training: what they are told later, but for trained values."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.searchers.sampling import sample_genes
from evonas.study import loop, running
from evonas.study.problem import Problem
from evonas.study.study import Study
from evonas.study.told import KnownColumns, told_columns
from evonas.study.trial import Evaluation
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

SPACES = {
    "tcn": {"seed_network": {"widths": [6, 8, 8], "kernel": 5, "pool": [1, 2]}},
    "rnn": {"cells": ["lstm"], "ranks": False, "seed_network": {"hidden": 8}},
}


def config(kind="tcn", runtime="tflm", folder="x", **search):
    data = {
        "study": {"dir": str(folder)},
        "task": {"kind": "synthetic", "train": 60, "test": 0, "shape": [2, 24]},
        "space": {"kind": kind, **SPACES[kind]},
        "device": {"runtime": runtime},
        "search": {"pop_size": 6, "budget": {"trials": 14}, "n_jobs": 1} | search,
        "proxy": {"steps": 4, "backend": "native"},
    }
    return validate_table(StudyConfig, data, "known")


def problem_of(**keys):
    found = config(**keys)
    splits = load_splits(found.task.kind, found.task.settings, 0.25, 0)
    return Problem.from_config(found, splits, METRICS["error"])


def evaluation(number, rng):
    error, loss = rng.uniform(0.05, 0.9, 2)
    run = Evaluation(number, "proxy", 0, error, loss, 1.0, 4, 0.1, "native")
    return Evaluation(*list(vars(run).values())[:-1], int8=run)


CASES = {
    "error, latency and RAM": {"objectives": ["error", "latency", "peak_ram"]},
    "costs alone": {"objectives": ["params", "macs"]},
    "a limit on a cost": {"objectives": ["error", "params"], "limits": {"macs": 3000}},
    "limits on trained values": {
        "objectives": ["latency", "int8_error"], "limits": {"error": 0.5, "int8_error": 0.6}
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("case", CASES)
def test_what_is_known_is_what_will_be_told(kind, case):
    rng = np.random.default_rng(1)
    problem = problem_of(kind=kind, **CASES[case])
    space = problem.space
    X = np.array([space.encode(space.decode(x)) for x in sample_genes(space.genes, rng, 80)])

    known = KnownColumns(problem)(X)

    specs = [space.decode(genome) for genome in X]
    costs = [problem.known_costs(spec)[0] for spec in specs]
    results = [evaluation(i, rng) if problem.needs_training else None for i in range(len(X))]
    F, G = told_columns(problem, costs, results, [False] * len(X))
    trained = [objective.needs_training for objective in problem.objectives]
    limited = [limit.name in ("error", "int8_error") for limit in problem.limits] + [False]
    assert (
        np.isnan(known.F).all(axis=0).tolist() == np.isnan(known.F).any(axis=0).tolist() == trained
    )
    assert (
        np.isnan(known.G).all(axis=0).tolist() == np.isnan(known.G).any(axis=0).tolist() == limited
    )
    np.testing.assert_array_equal(known.F[:, np.invert(trained)], F[:, np.invert(trained)])
    np.testing.assert_array_equal(known.G[:, np.invert(limited)], G[:, np.invert(limited)])


def test_told_columns_worked_by_hand():
    problem = problem_of(objectives=["error", "params"], limits={"params": 200, "error": 0.5})
    costs = [{"params": 100.0}, {"params": 1000.0}, {"params": 10.0}, {}]
    fitted = Evaluation(0, "proxy", 0, 0.25, 2.0, 1.0, 4, 0.1, "native")
    failed = Evaluation(2, "proxy", 0, None, None, 1.0, 4, 0.1, "native", "diverged")

    F, G = told_columns(problem, costs, [fitted, None, failed, None], [False, False, True, True])

    assert F.tolist() == [
        [0.25 + 0.1 * 2.0, 2.0], [np.inf, 3.0], [np.inf, 1.0], [np.inf, np.inf]
    ]  # fmt: skip
    names = [limit.name for limit in problem.limits]
    columns = dict(zip([*names, "failed"], G.T.tolist(), strict=True))
    assert columns["params"] == pytest.approx([-0.5, 4.0, -0.95, 0.0])
    assert columns["error"] == pytest.approx([-0.5, 0.0, 0.0, 0.0])
    assert columns["failed"] == [0.0, 0.0, 1.0, 1.0]


def test_features_are_the_logarithms_of_all_costs():
    problem = problem_of()
    space, seed = problem.space, problem.space.seed
    found = KnownColumns(problem)(np.array([space.encode(seed)]))

    costs = problem.costs(seed)
    assert {"params", "macs", "latency", "peak_ram", "flash"} <= set(costs)
    assert found.features.tolist() == [np.log10(list(costs.values())).tolist()]


def test_of_what_cannot_be_executed_the_failure_is_known(monkeypatch):
    problem = problem_of()
    space = problem.space
    seed = problem.costs(space.seed)
    genome = space.encode(space.seed)
    known = KnownColumns(problem)
    reduced = {"params": seed["params"], "macs": seed["macs"]}
    monkeypatch.setattr(Problem, "known_costs", lambda self, spec: (reduced, "no kernel for it"))

    found = known(np.array([genome]))

    assert found.G[0, -1] == 1.0
    assert np.isnan(found.F[0]).tolist() == [True, False, False]
    assert found.F[0, 1:].tolist() == [np.inf, np.inf]
    assert np.isfinite(found.features).all()


def test_of_no_genomes_nothing_is_known():
    problem = problem_of()
    found = KnownColumns(problem)(np.empty((0, problem.space.genes.n_var), dtype=np.int64))
    assert (found.F.shape[1], found.G.shape[1]) == (3, len(problem.limits) + 1)
    assert len(found.F) == len(found.G) == len(found.features) == 0


@pytest.mark.parametrize("searcher", ["nsga2", "random", "archive"])
def test_a_searcher_is_told_what_it_could_have_known(searcher, tmp_path, monkeypatch):
    told, given = [], {}

    def of(name):
        kind = loop_searcher(name)

        def make(**keys):
            given.update(keys)
            made = kind(**keys)
            tell = made.tell
            made.tell = lambda X, F, G: (told.append((X, F, G)), tell(X, F, G))
            return made

        return make

    loop_searcher = running.SEARCHERS.get
    monkeypatch.setattr(running, "SEARCHERS", type("Spied", (), {"get": staticmethod(of)}))
    keys = {"searcher": searcher, "limits": {"macs": 4000, "error": 0.7}}
    study = Study.from_config(config(folder=tmp_path / "study", **keys))
    with study.working() as data:
        loop.search(study, data)

    assert len(told) > 1
    for X, F, G in told:
        known = given["known"](X)
        for column, expected in ((known.F, F), (known.G, G)):
            is_known = ~np.isnan(column)
            np.testing.assert_array_equal(column[is_known], expected[is_known])
