"""The loop and what comes after: the same rows however it ran, and a front that is one."""

from __future__ import annotations

import math
import shutil
import time

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.cost import peak_ram_bytes
from evonas.errors import ConfigError
from evonas.pareto import non_dominated
from evonas.runner.search import resume, search
from evonas.study import loop
from evonas.study.final import candidates, metric_on_test
from evonas.study.store import Store
from evonas.study.study import Study

from .tiny_study import rows, tiny_config


def test_a_stream_is_searched_end_to_end(tmp_path):
    objectives = ["error", "latency_per_step", "peak_ram"]
    study = search(tiny_config(tmp_path, "c_step", objectives=objectives, budget={"trials": 8}))

    best = study.recommend("latency_per_step <= 10 ms")
    assert best.values["peak_ram"] == peak_ram_bytes(best.spec, "c_step")
    assert best.values["latency_per_step"] > 0
    report = (study.directory / "report.md").read_text()
    assert "instruction model of generated C, mean error " in report
    assert "- latency per step " in report


def test_the_budget_in_trials_is_kept_exactly(finished):
    assert sum(t.state == "complete" for t in finished.trials()) == 14


def test_the_seed_network_is_the_first_trial_and_trained_in_full(finished):
    assert finished.trials()[0].digest == finished.problem.space.seed.digest
    assert len(finished.seed_trial().of_stage("final")) == 2


def test_no_network_is_tried_twice(finished):
    digests = [t.digest for t in finished.trials()]
    assert len(set(digests)) == len(digests)


def test_the_front_is_the_non_dominated_set_of_final_validation_values(finished):
    finalists = finished.finalists()
    F = finished.problem.columns([t.values for t in finalists])
    expected = {t.number for t, keep in zip(finalists, non_dominated(F), strict=True) if keep}
    assert {t.number for t in finished.front()} == expected


def test_the_test_part_is_scored_only_for_the_front_and_the_seed(finished):
    scored = {t.number for t in finished.trials() if t.of_stage("test")}
    assert scored == {t.number for t in finished.front()} | {finished.seed_trial().number}


def test_candidates_are_those_that_no_trial_dominates_by_score(finished):
    scores = []
    for trial in (t for t in finished.trials() if t.state == "complete"):
        proxy = trial.of_stage("proxy")[0]
        score = proxy.metric + 0.1 * proxy.loss
        scores.append([score, trial.values["latency"], trial.values["peak_ram"]])
    complete = [t.number for t in finished.trials() if t.state == "complete"]
    best = {complete[i] for i, keep in enumerate(non_dominated(np.array(scores))) if keep}
    chosen = [t.number for t in candidates(finished)]
    assert set(chosen) <= best
    assert len(chosen) == min(3, len(best))


def test_built_networks_carry_the_released_weights(finished):
    import torch

    trial = finished.recommend()
    model = finished.build(trial)
    with torch.no_grad():
        outputs = model(torch.from_numpy(finished.splits.test.X))
    errors = [
        float(np.mean(outputs.argmax(1).numpy() != finished.splits.test.y)),
    ]
    assert errors[0] in [e.metric for e in trial.of_stage("test")]


def test_recommend_keeps_to_a_condition(finished):
    smallest = min(t.values["latency"] for t in finished.front())
    trial = finished.recommend(f"latency <= {smallest * 1.0001} s")
    assert trial.values["latency"] == smallest
    with pytest.raises(ConfigError, match="no network on the front that satisfies"):
        finished.recommend("latency < 1 ns")
    with pytest.raises(ConfigError, match="such as 'latency <= 5 ms'"):
        finished.recommend("fast please")


def test_a_loaded_study_says_the_same(finished):
    loaded = Study.load(finished.directory)
    assert [t.number for t in loaded.front()] == [t.number for t in finished.front()]
    assert [metric_on_test(t) for t in loaded.front()] == [
        metric_on_test(t) for t in finished.front()
    ]


def test_one_and_two_workers_give_the_same_rows(finished, tmp_path):
    assert rows(search(tiny_config(tmp_path, n_jobs=2))) == rows(finished)


def test_resuming_a_finished_study_changes_nothing(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    resume(copy)
    assert rows(copy) == rows(finished)


def test_a_larger_budget_goes_on_as_if_it_had_been_given_at_once(finished, tmp_path):
    small = search(tiny_config(tmp_path, budget={"trials": 9}))
    assert sum(t.state == "complete" for t in small.trials()) == 9
    resume(small.directory, ["search.budget.trials=14"])
    trials, evaluations, tells = rows(small)
    expected_trials, expected, expected_tells = rows(finished)
    assert (trials, tells) == (expected_trials, expected_tells)
    assert [e for e in evaluations if e[1] == "proxy"] == [e for e in expected if e[1] == "proxy"]


def test_a_diverged_candidate_is_a_failed_row_and_the_search_goes_on(tmp_path):
    config = tiny_config(tmp_path).with_overrides(["proxy.learning_rate=1e30"])
    with pytest.raises(ConfigError, match="failed"):
        search(config)
    store = Store.open(config.directory / "study.db")
    assert {row.state for row in store.trials()} <= {"failed", "waiting"}
    assert all(e.error and e.metric is None for e in store.evaluations())


def test_costs_alone_are_searched_without_training(tmp_path):
    study = search(tiny_config(tmp_path, objectives=["params", "macs"]))
    assert all(t.evaluations == () for t in study.trials())
    assert study.front()[0].values["params"] == study.smallest["params"]


def test_the_random_search_goes_on_with_its_study(tmp_path):
    study = search(tiny_config(tmp_path, compare_random=True, budget={"trials": 4}))
    resume(study.directory, ["search.budget.trials=7", "search.n_jobs=-9"])
    for folder in (study.directory, study.directory / "random"):
        kept = StudyConfig.from_toml(folder / "config.toml").search
        assert (kept.budget.trials, kept.n_jobs) == (7, -9)
        assert sum(row.state == "complete" for row in Store.open(folder / "study.db").trials()) == 7


@pytest.mark.parametrize("budget", [{"epochs": 40}, {"cpu": 3.0}, {"wall": 4.0}])
def test_other_budgets_end_a_search(tmp_path, budget):
    study = search(tiny_config(tmp_path, budget=budget))
    trained = [e for t in study.trials() for e in t.of_stage("proxy")]
    assert trained
    if "epochs" in budget:
        assert 40 <= sum(e.epochs for e in trained) < 40 + 6 * trained[0].epochs
    assert study.front()
    assert math.isfinite(study.summary()["hypervolume"])


def test_a_budget_in_epochs_is_spent_alike_by_one_and_two_workers(tmp_path):
    one = search(tiny_config(tmp_path / "one", budget={"epochs": 40}))
    two = search(tiny_config(tmp_path / "two", budget={"epochs": 40}, n_jobs=2))
    assert rows(two) == rows(one)
    epochs = [e.epochs for t in one.trials() for e in t.of_stage("proxy")]
    assert sum(epochs) - epochs[-1] < 40 <= sum(epochs)


def test_a_training_in_the_study_s_own_process_is_counted_once(tmp_path):
    study = Study.from_config(tiny_config(tmp_path, budget={"cpu": 1.0}))
    with study.working() as data:
        began = time.process_time()
        loop.search(study, data)
        elapsed = time.process_time() - began
    assert 0.7 <= study.store.meta("spent")[0] <= elapsed


@pytest.mark.parametrize("budget", [{"cpu": 1.0}, {"wall": 1.0}])
def test_a_budget_in_seconds_that_is_spent_stays_spent(tmp_path, budget):
    study = search(tiny_config(tmp_path, budget=budget))
    before = rows(study)
    assert rows(resume(study.directory)) == before


def test_released_weights_can_learn_from_validation_data_too(tmp_path):
    config = tiny_config(tmp_path).with_overrides(["final.fit_on=train+validation"])
    study = search(config)
    for trial in study.front():
        (released,) = trial.of_stage("release")
        final = trial.of_stage("final")[0]
        assert released.steps == final.steps
        assert len(trial.of_stage("test")) == 1  # of the released weights alone
        weights = study.weights(trial)
        stored = np.load(study.directory / "weights" / "release" / f"{trial.number}-0.npz")
        assert all(np.array_equal(weights[name], stored[name]) for name in stored.files)
