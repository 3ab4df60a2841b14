"""Searches that score what will run: the error of the int8 network as an objective or a limit."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.console import closing_lines, front_table
from evonas.errors import UnsupportedOpError
from evonas.pareto import non_dominated
from evonas.plots.front import front_data
from evonas.proxy.backends.torch import TorchBackend
from evonas.quant.int8 import Int8Settings, int8_network
from evonas.quant.score import int8_outputs
from evonas.quant.stored import load_network
from evonas.runner.outputs import front_record
from evonas.runner.search import resume, search
from evonas.study import evaluate, final, loop
from evonas.study.final import candidates, metric_on_test
from evonas.study.recipes import recipe_of
from evonas.study.store import Store
from evonas.study.study import Study
from evonas.study.trial import of_stage
from evonas.tasks.metrics import METRICS, predictions

ERROR = METRICS["error"]


def config_of(folder, trials, target="class", **search_keys):
    data = {
        "study": {"name": "tiny", "dir": str(folder / "study"), "seed": 3},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24], "target": target},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "search": {
            "objectives": ["int8_error", "params"],
            "pop_size": 4,
            "budget": {"trials": trials},
            "n_jobs": 1,
        }
        | search_keys,
        "proxy": {"steps": 6},
        "final": {"steps": 10, "candidates": 3, "seeds": 2},
    }
    return validate_table(StudyConfig, data, "tiny")


def searched(config):
    """Returns a study after its search and full trainings, without its figures and report."""
    study = Study.from_config(config)
    with study.working() as data:
        loop.search(study, data)
        final.finish(study, data)
    return study


def rows(study):
    store = Store.open(study.directory / "study.db")
    evaluations = [dataclasses.replace(e, cpu_seconds=0.0) for e in store.evaluations()]
    key = lambda e: (e.trial, e.stage, e.seed)  # noqa: E731
    return store.trials(), sorted(evaluations, key=key)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return search(config_of(tmp_path_factory.mktemp("int8"), trials=6))


def test_the_search_minimises_the_metric_of_the_integer_reference(finished):
    splits, recipe = finished.splits, recipe_of(finished.config.proxy)
    trial = finished.trials()[2]
    seed = evaluate.trial_seed(3, 2, 0)
    _, weights = TorchBackend().fit(trial.spec, splits, recipe, seed, ERROR)
    network, report = int8_network(trial.spec, weights, splits, ERROR)

    outputs = int8_outputs(network, splits.val.X)
    expected = float(np.mean(predictions(outputs, False) != splits.val.y))

    (proxy,) = trial.of_stage("proxy")
    assert trial.values["int8_error"] == proxy.int8.metric == report.score.metric == expected
    assert proxy.int8.backend == report.method
    assert trial.values["error"] == proxy.metric


def test_candidates_and_front_are_chosen_by_the_int8_error(finished):
    finalists = finished.finalists()
    full = [[t.values["int8_error"], t.values["params"]] for t in finalists]
    best = {
        t.number for t, keep in zip(finalists, non_dominated(np.array(full)), strict=True) if keep
    }
    complete = [t for t in finished.trials() if t.state == "complete"]
    int8 = [t.of_stage("proxy")[0].int8 for t in complete]
    scores = [
        [e.metric + 0.1 * e.loss, t.values["params"]] for e, t in zip(int8, complete, strict=True)
    ]
    good = {
        t.number for t, keep in zip(complete, non_dominated(np.array(scores)), strict=True) if keep
    }

    assert {t.number for t in finished.front()} == best
    assert {t.number for t in candidates(finished)} <= good
    errors = [t.values["int8_error"] for t in finished.front()]
    assert errors == sorted(errors)


def test_the_networks_on_the_front_are_scored_on_test_in_int8(finished):
    test = finished.splits.test
    for trial in finished.front():
        expected = []
        for run in range(2):
            path = finished.directory / "weights" / "final" / f"{trial.number}-{run}.int8.npz"
            outputs = int8_outputs(load_network(path, trial.spec), test.X)
            expected.append(float(np.mean(predictions(outputs, False) != test.y)))
        assert metric_on_test(trial, "int8_error") == pytest.approx(np.mean(expected))


def test_every_output_of_a_study_shows_both_errors(finished):
    with (finished.directory / "front.csv").open() as file:
        record = next(csv.DictReader(file))
    best = finished.front()[0]
    assert float(record["int8_error"]) == best.values["int8_error"]
    assert float(record["test_int8_error"]) == metric_on_test(best, "int8_error")
    assert float(record["test_error"]) == metric_on_test(best)
    assert (
        "test_int8_error"
        in json.loads((finished.directory / "summary.json").read_text())["seed_network"]
    )
    titles = front_table(finished, finished.front())[0].split("  ")
    assert [t.strip() for t in titles if "error" in t] == [
        "int8 error",
        "test error",
        "test int8 error",
    ]
    assert any("test int8 error" in line for line in closing_lines(finished))
    report = (finished.directory / "report.md").read_text()
    assert "| validation int8 error |" in report
    assert "| test int8 error |" in report
    assert "- test int8 error " in report


def test_the_figure_of_the_front_has_the_int8_error_as_its_axis(finished):
    data = front_data(finished)

    assert (data.axes[0].name, data.axes[0].label) == ("int8_error", "validation int8 error")
    assert (data.axes[0].is_log, data.axes[0].dimension) == (False, "share")
    front = finished.front()
    assert data.front_test.tolist() == [metric_on_test(t, "int8_error") for t in front]


def test_a_resumed_search_ends_with_the_rows_of_one_in_one_go(finished, tmp_path):
    study = search(config_of(tmp_path, trials=3))
    resumed = resume(study.directory, ["search.budget.trials=6"])

    known = {(e.trial, e.stage, e.seed) for e in rows(finished)[1]}
    trials, evaluations = rows(resumed)
    assert trials == rows(finished)[0]
    assert [e for e in evaluations if (e.trial, e.stage, e.seed) in known] == rows(finished)[1]


def test_a_training_and_its_int8_form_are_recorded_together(finished):
    stored = finished.store.evaluations()
    for stage in ("proxy", "final"):
        runs = of_stage(stored, stage)
        assert runs
        assert all(run.int8 is not None and run.int8.cpu_seconds > 0 for run in runs)


def test_a_network_that_has_no_int8_form_is_a_row_with_its_error(finished, tmp_path, monkeypatch):
    seed = finished.problem.space.seed.digest

    def refusing(spec, *arguments):
        if spec.digest != seed:
            raise UnsupportedOpError("Node 3: unknown int8 operator 'fft'.")
        return int8_network(spec, *arguments)

    monkeypatch.setattr(evaluate, "int8_network", refusing)
    study = searched(config_of(tmp_path, trials=4))

    states = {t.number: (t.state, t.error) for t in study.trials()}
    assert states[0] == ("complete", None)
    message = "UnsupportedOpError: Node 3: unknown int8 operator 'fft'."
    assert set(list(states.values())[1:]) == {("failed", message)}
    assert [t.number for t in study.front()] == [0]
    assert "int8_error" not in study.trials()[1].values


def test_it_may_be_a_limit_beside_the_error(tmp_path):
    keys = {"objectives": ["error", "params"], "limits": {"int8_error": "60 %"}}
    study = searched(config_of(tmp_path, trials=6, **keys))

    values = [t.values["int8_error"] for t in study.trials() if t.state == "complete"]
    assert max(values) > 0.6
    assert all(t.values["int8_error"] <= 0.6 for t in study.front())
    assert study.problem.judged_by == "error"
    assert study.problem.trained_names == ("error", "int8_error")


def test_the_full_training_is_fine_tuned_where_int8_costs_too_much(tmp_path, monkeypatch):
    told = []

    def noted(*arguments):
        told.append(arguments)
        return int8_network(*arguments)

    monkeypatch.setattr(evaluate, "int8_network", noted)
    config = config_of(tmp_path, trials=2).with_overrides(["int8.max_drop=0.2", "int8.steps=7"])
    searched(config)

    recipes = [(settings, recipe and recipe.steps, seed) for *_, settings, recipe, seed, _ in told]
    settings = Int8Settings(max_drop=0.2, steps=7)
    assert recipes[:2] == [(settings, None, 3)] * 2  # short trainings are not
    assert set(recipes[2:]) == {(settings, 10, 3)}


def test_of_numbers_the_int8_error_is_in_the_metrics_own_unit(tmp_path):
    keys = {"target": "number", "limits": {"int8_error": 50}}
    study = searched(config_of(tmp_path, trials=3, **keys))

    best = study.front()[0]
    assert front_record(study, best)["test_int8_rmse"] == metric_on_test(best, "int8_error")
    assert best.values["int8_error"] == pytest.approx(best.values["error"], rel=0.1)
    assert study.problem.readable("int8_error", 12.5) == study.problem.readable("error", 12.5)
    assert study.problem.readable("int8_error", 12.5) == "12.5"
    assert front_data(study).axes[0].label == "validation int8 RMSE"


def test_released_networks_are_those_that_are_tested_in_int8(tmp_path):
    config = config_of(tmp_path, trials=2)
    study = searched(config.with_overrides(["final.fit_on=train+validation", "final.seeds=1"]))

    for trial in study.front():
        (scored,) = trial.of_stage("test")
        path = study.directory / "weights" / "release" / f"{trial.number}-0.int8.npz"
        outputs = int8_outputs(load_network(path, trial.spec), study.splits.test.X)
        expected = float(np.mean(predictions(outputs, False) != study.splits.test.y))
        assert scored.int8.metric == expected
