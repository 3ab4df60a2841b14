"""A search that stops once its front stands still, says so, and can go on."""

from __future__ import annotations

import json

import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.console import closing_lines, describe
from evonas.runner.search import resume, search
from evonas.searchers.nsga2 import NSGA2
from evonas.study import loop
from evonas.study.stagnation import LEAST_GROWTH, stagnates
from evonas.study.study import Study


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch):
    monkeypatch.setattr("evonas.runner.outputs.save_figures", lambda *_: None)


def config(folder, **keys):
    data = {
        "study": {"dir": str(folder), "seed": 3},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "search": {"pop_size": 6, "budget": {"trials": 400}, "n_jobs": 1, "stop_after": 10} | keys,
        "proxy": {"steps": 4, "backend": "native"},
        "final": {"steps": 4, "candidates": 2, "backend": "native"},
    }
    return validate_table(StudyConfig, data, "stop")


def searched(folder, overrides=(), listener=None, **keys):
    """Returns a study after its search alone, from wherever it stood."""
    is_old = (folder / "study.db").exists()
    study = Study.load(folder, overrides=overrides) if is_old else None
    study = study or Study.from_config(config(folder, **keys))
    with study.working() as data:
        study.keep_config()
        loop.search(study, data, listener)
    return study


def genomes(study):
    return [row.genome for row in study.store.trials()]


@pytest.mark.parametrize(
    ("growth", "window", "expected"),
    [
        ([], 5, False),
        ([(5, 0.5)], 5, False),  # nothing to compare with yet
        ([(5, 0.5), (10, 0.5)], 5, True),
        ([(5, 0.5), (10, 0.5)], 6, False),
        ([(5, 0.5), (10, 0.5)], 0, False),
        ([(5, 0.5), (10, 0.5 * (1 + 0.9 * LEAST_GROWTH))], 5, True),
        ([(5, 0.5), (10, 0.5 * (1 + 1.1 * LEAST_GROWTH))], 5, False),
        ([(5, 0.4), (7, 0.5), (9, 0.5), (12, 0.5)], 5, True),
        ([(5, 0.4), (8, 0.5), (12, 0.5)], 5, False),  # 5 told is the last one 5 before 12
        ([(5, 0.0), (50, 0.0)], 5, False),  # nothing in the box: it still looks for a beginning
        ([(4, 0.5), (4, 0.5), (4, 0.5)], 3, False),  # trials beyond a limit are no candidates
    ],
)
def test_standing_still_worked_by_hand(growth, window, expected):
    assert stagnates(growth, window) is expected


@pytest.mark.parametrize("keys", [{}, {"lag": 4}, {"batch": 3}])
def test_a_search_stops_once_its_front_stands_still(simulated, tmp_path, keys):
    simulated(3)
    said = []
    study = searched(tmp_path / "study", listener=said.append, **keys)
    n_trained = len(study.store.evaluations())

    assert 10 < n_trained < 400
    assert study.store.meta("stopped") == "no better front in 10 candidates"
    assert said[-1].stopped == "no better front in 10 candidates"
    assert all(progress.stopped is None for progress in said[:-1])
    assert "stopped: no better front in 10 candidates" in describe(said[-1])


@pytest.mark.parametrize("keys", [{}, {"lag": 4}])
def test_where_it_stops_depends_on_no_worker(simulated, tmp_path, keys):
    found = []
    for n_workers in (1, 5):
        simulated(n_workers, lambda job: 1.0 + (job.trial * 7919) % 20)
        found.append(genomes(searched(tmp_path / str(n_workers), **keys)))

    assert found[0] == found[1]


@pytest.mark.parametrize("keys", [{}, {"lag": 4}])
def test_it_stays_stopped_and_goes_on_with_a_longer_wait_or_none(simulated, tmp_path, keys):
    simulated(2)
    folder = tmp_path / "parts"
    stopped = genomes(searched(folder, **keys))

    assert genomes(searched(folder)) == stopped
    longer = genomes(searched(folder, ["search.stop_after=25"]))
    assert longer[: len(stopped)] == stopped
    assert len(longer) > len(stopped)
    n = len(longer) + 20
    study = searched(folder, ["search.stop_after=0", f"search.budget.trials={n}"])
    assert len(study.store.evaluations()) == n
    assert study.store.meta("stopped") is None
    simulated(2)
    at_once = searched(tmp_path / "whole", stop_after=0, budget={"trials": n}, **keys)
    assert genomes(study) == genomes(at_once)


def test_a_search_that_a_budget_ends_first_is_not_called_stopped(simulated, tmp_path):
    simulated(2)
    study = searched(tmp_path / "study", budget={"trials": 12})

    assert len(study.store.evaluations()) == 12
    assert study.store.meta("stopped") is None


def test_what_a_searcher_measured_of_itself_is_in_every_output(tmp_path, monkeypatch):
    report = {"surrogate_rank_correlation": 0.7124, "some_gain": 0.5, "gain": float("nan")}
    monkeypatch.setattr(NSGA2, "report", lambda self: report)
    study = search(config(tmp_path / "study", searcher="nsga2", budget={"trials": 8}))
    line = "nsga2: rank correlation 0.71 with what training gave, some gain 0.5"

    summary = json.loads((study.directory / "summary.json").read_text())
    assert summary["searcher"] == {**report, "gain": None}
    assert line in closing_lines(study)
    text = " ".join((study.directory / "report.md").read_text().split())
    assert f"- {line.capitalize()}." in text


def test_a_finished_study_says_that_it_stopped_until_it_goes_on(tmp_path):
    folder = tmp_path / "study"
    study = search(config(folder, searcher="archive", stop_after=6, budget={"trials": 60}))
    line = "stopped: no better front in 6 candidates"

    n_trained = sum(t.state == "complete" for t in study.trials())
    assert n_trained < 60
    assert json.loads((folder / "summary.json").read_text())["stopped"] == line[9:]
    assert line in closing_lines(study)
    assert f"- {line.capitalize()}." in (folder / "report.md").read_text()

    study = resume(folder, ["search.stop_after=0", f"search.budget.trials={n_trained + 2}"])
    assert sum(t.state == "complete" for t in study.trials()) == n_trained + 2
    assert study.summary()["stopped"] is None
    assert not any("stopped" in text for text in closing_lines(study))
