"""Networks that the runtime cannot execute: rows with their reason, never a crash, never told."""

from __future__ import annotations

import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.console import closing_lines
from evonas.plots.front import front_data
from evonas.runner.outputs import summarise
from evonas.runner.report import write_report
from evonas.spaces.rnn import RNNSpace
from evonas.study import final, loop, problem
from evonas.study.store import Store
from evonas.study.study import Study


class _Unannounced(RNNSpace):
    """The space of LSTMs, of full rank and of low rank, whose anchors hold none of low rank."""

    def anchors(self):
        rows = super().anchors()
        cuts = [i for i, name in enumerate(self.genes.names) if ".cut_" in name]
        return rows[(rows[:, cuts] == 0).all(axis=1)]


@pytest.fixture
def unannounced(monkeypatch):
    """Lets studies search `_Unannounced` on TFLite Micro, which has no LSTM of low rank."""

    def space_from_table(table, input_shape, num_outputs):
        settings = {"cells": ["lstm"], "seed_network": {"hidden": 8}}
        return _Unannounced.from_settings(settings, input_shape, num_outputs)

    monkeypatch.setattr(problem, "space_from_table", space_from_table)


def _run(folder, n_trials=10, **search_keys) -> Study:
    search = {"objectives": ["error", "params", "peak_ram"], "pop_size": 6, "n_jobs": 1}
    data = {
        "study": {"name": "lacking", "dir": str(folder / "study")},
        "task": {"kind": "synthetic", "train": 40, "test": 0, "shape": [2, 16]},
        "search": search | {"budget": {"trials": n_trials}} | search_keys,
        "proxy": {"steps": 4},
        "final": {"steps": 5, "candidates": 2},
    }
    if (folder / "study" / "study.db").exists():
        study = Study.load(folder / "study", overrides=[f"search.budget.trials={n_trials}"])
    else:
        study = Study.from_config(validate_table(StudyConfig, data, "lacking"))
    with study.working() as folder_of_data:
        study.keep_config()
        loop.search(study, folder_of_data)
        final.finish(study, folder_of_data)
    return study


def _lacking(study):
    return [t for t in study.trials() if t.error is not None]


def test_what_turns_out_not_executable_is_an_infeasible_row_with_its_reason(unannounced, tmp_path):
    study = _run(tmp_path)

    lacking = _lacking(study)
    assert lacking
    for trial in lacking:
        assert trial.state == "infeasible"
        assert "no operator for the cell lstm of low rank" in trial.error
        assert set(trial.values) == {"params", "macs"}
        assert trial.evaluations == ()
    assert sum(t.state == "complete" for t in study.trials()) == 10
    assert not {t.number for t in lacking} & {t.number for t in study.front()}


def test_it_is_counted_apart_from_what_is_beyond_a_limit(unannounced, tmp_path):
    study = _run(tmp_path)
    n = len(_lacking(study))
    (study.directory / "summary.json").write_text("{}")
    report = " ".join(write_report(study).read_text(encoding="utf-8").split())
    assert f"{n} not executable by the runtime and never trained" in report
    assert front_data(study).n_trials["not executable"] == n
    assert front_data(study).n_trials["infeasible"] == 0
    study.summary = lambda: summarise(study, None)
    assert f"{n} more beyond a limit or not executable were not trained" in closing_lines(study)[0]


def test_a_search_that_trains_nothing_never_calls_it_feasible(unannounced, tmp_path):
    study = _run(tmp_path, 30, objectives=["params", "macs"])
    lacking = _lacking(study)
    assert lacking
    assert all(t.state == "infeasible" for t in lacking)
    executable = [t.values["params"] for t in study.trials() if t.error is None]
    assert study.front()[0].values["params"] == min(executable)
    assert sum(t.state == "complete" for t in study.trials()) >= 30


def test_the_search_replays_over_such_rows(unannounced, tmp_path):
    whole = _run(tmp_path / "whole", 14)
    _run(tmp_path / "parts", 7)
    parts = _run(tmp_path / "parts", 14)
    assert _lacking(whole)
    rows = [Store.open(s.directory / "study.db").trials() for s in (whole, parts)]
    assert rows[0] == rows[1]
