"""A search with a lag: what is asked follows from the lag, never from workers, clocks or kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.errors import StoreError
from evonas.searchers import SEARCHERS
from evonas.study import loop, running
from evonas.study.study import Study

from .tiny_study import rows

TRIALS = 30


def config(folder, **keys):
    proxy = keys.pop("proxy", {})
    data = {
        "study": {"dir": str(folder), "seed": 3},
        "task": {"kind": "synthetic", "train": 60, "test": 0, "shape": [2, 24]},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "search": {"pop_size": 6, "budget": {"trials": TRIALS}, "n_jobs": 1, "lag": 4} | keys,
        "proxy": {"steps": 6, "backend": "native"} | proxy,
        "final": {"backend": "native"},
    }
    return validate_table(StudyConfig, data, "lag")


def searched(folder, listener=None, **keys):
    """Returns a study after its search alone, from wherever it stood."""
    if (folder / "study.db").exists():
        overrides = [f"search.budget.{k}={v}" for k, v in keys.pop("budget", {}).items()]
        study = Study.load(
            folder, overrides=overrides + [f"search.{k}={v}" for k, v in keys.items()]
        )
    else:
        study = Study.from_config(config(folder, **keys))
    with study.working() as data:
        study.keep_config()
        loop.search(study, data, listener)
    return study


def uneven(job):
    """Durations from 1 to 20, of neighbours in number very different ones."""
    return 1.0 + (job.trial * 7919) % 20


class Spy:
    """A searcher that notes what is asked of it and told, by the numbers of trials."""

    def __init__(self, searcher):
        self.searcher = searcher
        self.events = []
        self.numbers = {}

    def ask(self, n=None):
        X = self.searcher.ask(n)
        for genome in X:
            self.numbers[genome.tobytes()] = len(self.numbers)
        self.events.append(("ask", n, len(X)))
        return X

    def tell(self, X, F, G=None):
        self.events.append(("tell", [self.numbers[np.asarray(x, np.int64).tobytes()] for x in X]))
        self.searcher.tell(X, F, G)

    def report(self):
        return self.searcher.report()


@pytest.fixture
def spies(monkeypatch):
    """Returns the list to which every search adds its spy."""
    found = []
    original = running.searcher_of

    def spied(study):
        found.append(Spy(original(study)))
        return found[-1]

    monkeypatch.setattr(running, "searcher_of", spied)
    return found


@pytest.mark.parametrize(("lag", "batch"), [(1, None), (4, None), (9, None), (3, 4)])
def test_a_trial_is_made_from_the_results_below_its_number_less_the_lag_and_no_others(
    simulated, spies, tmp_path, lag, batch
):
    simulated(4, uneven)
    keys = {} if batch is None else {"batch": batch}
    searched(tmp_path / "study", lag=lag, **keys)

    n_asked, told = 0, []
    for event in spies[0].events:
        if event[0] == "tell":
            told += event[1]
            continue
        assert event[1] == (batch or 1)
        assert told == list(range(max(0, n_asked - lag)))
        n_asked += event[2]
    assert n_asked >= TRIALS


@pytest.mark.parametrize("searcher", ["nsga2", "random", "archive"])
def test_neither_the_number_of_workers_nor_who_is_first_changes_a_row(
    simulated, tmp_path, searcher
):
    simulated(1)
    expected = rows(searched(tmp_path / "one", searcher=searcher))

    for n_workers, durations in ((2, uneven), (3, lambda job: 50.0 - job.trial), (8, uneven)):
        simulated(n_workers, durations)
        study = searched(tmp_path / f"{searcher}{n_workers}", searcher=searcher)
        assert rows(study) == expected


def test_results_differ_with_the_lag(simulated, tmp_path):
    simulated(1)
    found = [rows(searched(tmp_path / str(lag), lag=lag))[0] for lag in (1, 6)]

    assert [row.genome for row in found[0]] != [row.genome for row in found[1]]


def test_workers_do_not_wait_for_the_slowest_of_a_batch(simulated, tmp_path):
    slow = lambda job: 10.0 if job.trial % 6 == 5 else 1.0  # noqa: E731
    batched = simulated(4, slow)
    searched(tmp_path / "batched", searcher="nsga2", lag=0)
    lagged = simulated(4, slow)
    study = searched(tmp_path / "lagged", searcher="nsga2", lag=8)

    work = sum(10.0 if n % 6 == 5 else 1.0 for n in lagged.ended)
    assert len(lagged.ended) == len(batched.ended) == TRIALS
    assert sorted(lagged.ended) != lagged.ended
    assert lagged.now < 0.8 * batched.now
    assert lagged.now <= work / 4 + 2 * 10
    assert len(study.store.evaluations()) == TRIALS


@pytest.mark.parametrize("n_workers", [1, 4])
def test_a_budget_in_epochs_is_spent_alike_though_some_trainings_diverge(
    simulated, tmp_path, n_workers
):
    steps = lambda job: 2 if job.trial % 5 == 3 else job.recipe.steps  # noqa: E731
    found = []
    for n, durations in ((1, lambda job: 1.0), (n_workers, uneven)):
        simulated(n, durations, steps)
        study = searched(tmp_path / f"{n}-{len(found)}", budget={"epochs": 40})
        found.append(rows(study))
    n_steps = [e[6] for e in found[0][1]]

    assert found[0] == found[1]
    per_epoch = 2  # 45 samples in batches of 32
    assert sum(n_steps) - 6 < 40 * per_epoch <= sum(n_steps)
    assert 2 in n_steps


def test_trials_beyond_a_limit_take_their_turn_and_are_never_trained(simulated, spies, tmp_path):
    simulated(4, uneven)
    study = searched(tmp_path / "study", limits={"params": 80})
    trials, evaluations, _ = rows(study)

    beyond = {row.number for row in trials if row.state == "infeasible"}
    assert beyond
    assert beyond.isdisjoint(e[0] for e in evaluations)
    assert len(evaluations) == TRIALS
    told = [number for event in spies[0].events if event[0] == "tell" for number in event[1]]
    assert told == list(range(len(told)))
    assert beyond & set(told)


def test_costs_alone_are_searched_with_a_lag_too(simulated, tmp_path):
    workers = simulated(2)
    study = searched(tmp_path / "study", objectives=["params", "macs"])

    assert workers.ended == []
    assert sum(row.state == "complete" for row in study.store.trials()) == TRIALS


@pytest.mark.parametrize("keys", [{"lag": 4}, {"lag": 3, "batch": 4}, {"lag": 0, "batch": 5}])
def test_a_larger_budget_goes_on_as_if_it_had_been_given_at_once(simulated, tmp_path, keys):
    simulated(3, uneven)
    expected = rows(searched(tmp_path / "whole", **keys))
    for trials in (1, 11, 17, TRIALS):
        study = searched(
            tmp_path / "parts", budget={"trials": trials}, **(keys if trials == 1 else {})
        )
        assert sum(e.stage == "proxy" for e in study.store.evaluations()) == trials

    assert rows(study)[:2] == expected[:2]


class CutError(Exception):
    """Stands in for the end of a process."""


@pytest.mark.parametrize("keys", [{"lag": 4}, {"lag": 0, "batch": 5}])
def test_a_search_that_is_cut_again_and_again_ends_with_the_same_rows(simulated, tmp_path, keys):
    simulated(3, uneven)
    expected = rows(searched(tmp_path / "whole", **keys))

    def cut_after(n):
        left = iter(range(n))

        def listener(progress):
            if next(left, None) is None:
                raise CutError

        return listener

    folder = tmp_path / "parts"
    for i, n in enumerate((2, 0, 5, 1, 7)):
        simulated(2 + n % 3, uneven)  # what was under way is lost with the process
        with pytest.raises(CutError):
            searched(folder, cut_after(n), **({} if i else keys))
    simulated(3, uneven)
    assert rows(searched(folder)) == expected


def test_a_replay_that_differs_names_the_trial(simulated, tmp_path):
    simulated(2, uneven)
    study = searched(tmp_path / "study", budget={"trials": 12})
    study.store._db.execute("UPDATE trials SET genome = replace(genome, '1', '0') WHERE number = 7")
    study.store._db.commit()

    with pytest.raises(StoreError, match="trial 7: its genome differs"):
        searched(tmp_path / "study", budget={"trials": 20})


@pytest.mark.parametrize("keys", [{"lag": 4}, {"lag": 0, "batch": 5}])
@pytest.mark.parametrize(("kind", "seconds"), [("cpu", 0.6), ("wall", 2.0)])
def test_a_budget_in_seconds_ends_a_search_and_a_larger_one_goes_on(tmp_path, kind, seconds, keys):
    study = searched(tmp_path / "study", budget={kind: seconds}, **keys)
    before = rows(study)

    assert before[1]
    assert study.store.meta("spent")[kind == "wall"] >= 0.7 * seconds
    assert rows(searched(tmp_path / "study")) == before
    after = rows(searched(tmp_path / "study", budget={kind: 2.4 * seconds}))
    assert len(after[1]) > len(before[1])
    assert [row.genome for row in after[0]][: len(before[0])] == [row.genome for row in before[0]]


@pytest.mark.parametrize("keys", [{"lag": 4}, {"lag": 0, "batch": 5}])
def test_a_larger_budget_in_epochs_goes_on_as_if_it_had_been_given_at_once(
    simulated, tmp_path, keys
):
    simulated(3, uneven)
    expected = rows(searched(tmp_path / "whole", budget={"epochs": 60}, **keys))
    searched(tmp_path / "parts", budget={"epochs": 25}, **keys)

    assert rows(searched(tmp_path / "parts", budget={"epochs": 60}))[:2] == expected[:2]


def test_every_searcher_takes_single_trials_with_a_lag(simulated, tmp_path):
    for name in SEARCHERS.names():
        if name.startswith("optuna"):
            pytest.importorskip("optuna")
        simulated(3, uneven)
        study = searched(tmp_path / name, searcher=name, budget={"trials": 12})
        assert len(study.store.evaluations()) == 12


def test_one_and_two_processes_and_a_killed_one_end_with_the_same_rows(tmp_path):
    expected = rows(searched(tmp_path / "one"))
    assert rows(searched(tmp_path / "two", n_jobs=2)) == expected

    folder = tmp_path / "killed"
    Study.from_config(config(folder, n_jobs=2))
    for n_results in (3, 14):
        assert _search_in_a_process(folder, n_results) == -signal.SIGKILL
    assert len(rows(folder)[1]) == 3 + 14
    assert _search_in_a_process(folder, TRIALS + 1) == 0
    assert rows(folder) == expected


def _search_in_a_process(folder, n_results):
    """Returns how a process ended that kills itself when it has taken so many results."""
    code = (
        "import os, sys\n"
        "from evonas.study import loop\n"
        "from evonas.study.study import Study\n"
        "left = iter(range(int(sys.argv[2]) - 1))\n"
        "def count(progress):\n"
        "    if next(left, None) is None: os.kill(os.getpid(), 9)\n"
        "study = Study.load(sys.argv[1])\n"
        "with study.working() as data: loop.search(study, data, count)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-c", code, str(folder), str(n_results)]
    return subprocess.run(command, env=environment).returncode
