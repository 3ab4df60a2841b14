"""Searches within limits."""

from __future__ import annotations

import pytest

from evonas.console import closing_lines
from evonas.errors import ConfigError
from evonas.plots.front import front_data
from evonas.runner.search import search

from .tiny_study import tiny_config


def test_a_candidate_beyond_a_limit_is_never_trained(tmp_path):
    study = search(tiny_config(tmp_path, limits={"params": 80}))
    trained = {e.trial for t in study.trials() for e in t.evaluations if e.stage == "proxy"}
    for trial in study.trials():
        assert (trial.values["params"] > 80) == (trial.state == "infeasible")
        assert (trial.number in trained) == (trial.state == "complete")
    assert sum(t.state == "complete" for t in study.trials()) == 14
    assert all(t.values["params"] <= 80 for t in study.front())


def test_a_limit_that_no_network_can_meet_names_the_smallest_value(tmp_path):
    with pytest.raises(ConfigError, match=r"params: no network .* smallest reachable value is 9"):
        search(tiny_config(tmp_path, limits={"params": 3}))
    assert not (tmp_path / "study").exists()


def test_a_limit_that_no_candidate_met_is_said_with_the_nearest(tmp_path):
    config = tiny_config(tmp_path, limits={"error": "0.01 %"})
    with pytest.raises(ConfigError, match=r"none of \d+ candidates .* nearest has error \d"):
        search(config)


def test_a_trial_beyond_a_limit_on_the_error_is_not_called_feasible(tmp_path):
    study = search(tiny_config(tmp_path, limits={"error": 0.6}))
    errors = [t.values["error"] for t in study.trials() if t.state == "complete"]
    n_beyond = sum(error > 0.6 for error in errors)
    assert 0 < n_beyond < len(errors)
    data = front_data(study)
    assert data.n_trials["complete"] == len(data.explored) == len(errors) - n_beyond
    assert data.n_trials["infeasible"] == n_beyond
    text = " ".join((study.directory / "report.md").read_text(encoding="utf-8").split())
    assert f"{n_beyond} trained and beyond a limit on the error" in text
    assert f"({len(data.explored)} feasible, 0 failed)" in closing_lines(study)[0]


def test_a_search_that_trains_nothing_may_look_beyond_limits_as_long(tmp_path):
    limits = {"params": 40}
    keys = {"objectives": ["params", "macs"], "limits": limits, "searcher": "random"}
    study = search(tiny_config(tmp_path, budget={"trials": 150}, **keys))
    states = [t.state for t in study.trials()]
    assert states.count("complete") >= 150
    assert states.count("infeasible") > 50 * 6
