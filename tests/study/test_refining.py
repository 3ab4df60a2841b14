"""Rungs, repetitions and inheritance in whole studies: the same rows however they ran."""

from __future__ import annotations

import shutil
from functools import cache

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.errors import ConfigError, StoreError
from evonas.pareto import non_dominated
from evonas.study import loop
from evonas.study.final import candidates
from evonas.study.inheritance import depths, parents
from evonas.study.repeats import averaged, estimated_scores
from evonas.study.rungs import by_rung
from evonas.study.standings import standings
from evonas.study.store import Store
from evonas.study.study import Study

from .tiny_study import rows

RUNGS = [3, 7, 12]
PARTS = {
    "rungs": {"proxy": {"rungs": RUNGS}},
    "repeats": {"search": {"repeats": 2}},
    "inherit": {"proxy": {"inherit": True}},
    "all": {"proxy": {"rungs": RUNGS, "inherit": True}, "search": {"repeats": 1}},
}


def config(folder, part, backend="auto", **search_keys):
    keys = PARTS[part]
    data = {
        "study": {"name": "tiny", "dir": str(folder / "study"), "seed": 3},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "search": {"pop_size": 6, "budget": {"trials": 20}, "n_jobs": 1}
        | keys.get("search", {})
        | search_keys,
        "proxy": {"steps": 6, "backend": backend} | keys.get("proxy", {}),
        "final": {"steps": 10, "candidates": 4, "seeds": 2, "backend": backend},
    }
    return validate_table(StudyConfig, data, "tiny")


def search(plan):
    """Returns a study after its search alone, without full trainings."""
    return go_on(Study.from_config(plan))


def resume(folder, overrides=()):
    return go_on(Study.load(folder, overrides=overrides))


def go_on(study):
    with study.working() as data:
        loop.search(study, data)
    return study


@pytest.fixture(scope="module")
def finished_with(tmp_path_factory):
    """Returns the study of one of PARTS that ran to its end without interruption."""
    return cache(lambda part: search(config(tmp_path_factory.mktemp(part), part)))


@pytest.fixture(params=PARTS)
def part(request):
    return request.param


@pytest.fixture
def finished(finished_with, part):
    return finished_with(part)


def test_the_budget_in_trials_counts_candidates(finished):
    complete = [t for t in finished.trials() if t.state == "complete"]
    assert len(complete) == 20
    assert all(t.of_stage("proxy") for t in complete)


def test_one_and_two_workers_give_the_same_rows(finished, part, tmp_path):
    assert rows(search(config(tmp_path, part, n_jobs=2))) == rows(finished)


def test_resuming_a_finished_study_changes_nothing(finished, part, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    resume(copy)
    assert rows(copy) == rows(finished)


def test_a_larger_budget_goes_on_as_if_it_had_been_given_at_once(finished, part, tmp_path):
    small = search(config(tmp_path, part, budget={"trials": 13}))
    resume(small.directory, ["search.budget.trials=20"])
    assert rows(small, ("proxy", "rung")) == rows(finished, ("proxy", "rung"))


def test_a_larger_budget_in_epochs_goes_on_within_a_tell(finished, part, tmp_path):
    # 45 training samples make 2 steps an epoch
    whole = search(config(tmp_path / "whole", part, budget={"epochs": 60}))
    for epochs in (30, 41):
        small = search(config(tmp_path / str(epochs), part, budget={"epochs": epochs}))
        steps = sum(e[6] for e in rows(small, ("proxy", "rung"))[1])
        assert 2 * epochs <= steps < 2 * epochs + 12
        resume(small.directory, ["search.budget.epochs=60"])
        assert rows(small, ("proxy", "rung")) == rows(whole, ("proxy", "rung"))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_interrupted_anywhere_ends_with_the_same_rows(
    finished, part, tmp_path, monkeypatch, n_jobs
):
    plan = config(tmp_path, part, n_jobs=n_jobs)
    study = Study.from_config(plan)
    total = len(rows(finished)[1])
    for target in (7, total // 2, total - 2):
        with monkeypatch.context() as patch:
            _interrupt_after(patch, target - len(study.store.evaluations()))
            with pytest.raises(KeyboardInterrupt):
                go_on(study)
        assert len(study.store.evaluations()) == target
        study = Study.load(study.directory)
    assert rows(go_on(study)) == rows(finished)


def _interrupt_after(patch, n):
    add, left = Store.add_evaluation, iter(range(n - 1, -1, -1))

    def limited(store, *arguments):
        add(store, *arguments)
        if not next(left):
            raise KeyboardInterrupt

    patch.setattr(Store, "add_evaluation", limited)


@pytest.mark.parametrize("part", ["rungs", "all"])
def test_every_rung_is_recorded_with_its_own_steps(finished):
    steps = {("proxy", 0): 3, ("rung", 1): 4, ("rung", 2): 5}
    found = {
        (e[1], e[2]): e[6]
        for e in rows(finished, ("proxy", "rung"))[1]
        if e[2] == 0 or e[1] == "rung"
    }
    assert found == steps


@pytest.mark.parametrize("part", ["rungs", "all"])
def test_a_third_of_a_rung_goes_on(finished):
    n_told = 6 * len(rows(finished)[2])
    reached = [len(by_rung(t.evaluations)) for t in finished.trials()]
    n_second, n_third = sum(n >= 2 for n in reached), sum(n >= 3 for n in reached)
    assert n_told // 3 <= n_second < n_told  # some went on early that would not have later
    assert n_second // 3 <= n_third < n_second


def test_candidates_come_from_the_highest_rung_first_and_never_mix_two(finished_with):
    finished = finished_with("rungs")
    problem = finished.problem
    order = []
    for group in standings(finished):
        keep = non_dominated(problem.columns([s.values for s in group]))
        front = {s.trial.number for s, ok in zip(group, keep, strict=True) if ok and s.is_highest}
        order.append(front)
    chosen = [t.number for t in candidates(finished)]
    assert set(chosen[: len(order[0])]) == order[0]
    assert set(chosen) <= set().union(*order)
    assert all(len(by_rung(t.evaluations)) == 3 for t in candidates(finished)[: len(order[0])])


def test_the_searcher_ranks_the_lowest_rung_alone(finished_with, tmp_path):
    finished = finished_with("rungs")
    plain = config(tmp_path, "inherit").with_overrides(["proxy.inherit=false", "proxy.steps=3"])
    assert rows(search(plain))[0] == rows(finished)[0]


def test_the_front_of_the_search_was_evaluated_again(finished_with):
    finished = finished_with("repeats")
    told = [t for t in finished.trials() if t.number < 6 * len(rows(finished)[2])]
    runs = [t.of_stage("proxy") for t in told]
    assert {e.seed for own in runs for e in own} == {0, 1, 2}
    assert all([e.seed for e in own] == list(range(len(own))) for own in runs)
    repeated = [own for own in runs if len(own) > 1]
    assert len({e.loss for own in repeated for e in own}) == sum(map(len, repeated))
    assert 0 < len(repeated) < len(runs)


def test_candidates_are_chosen_by_shrunk_scores(finished_with):
    finished = finished_with("repeats")
    trials = [t for t in finished.trials() if t.of_stage("proxy")]
    runs = [t.of_stage("proxy") for t in trials]
    costs = [t.values for t in trials]
    scores = estimated_scores(finished.problem, costs, runs)
    (group,) = standings(finished)
    assert [s.values["error"] for s in group] == [s["error"] for s in scores]
    means = [finished.problem.scores(averaged(own))["error"] for own in runs]
    assert np.ptp([s["error"] for s in scores]) < np.ptp(means)


def test_values_told_again_change_what_is_asked(finished_with, tmp_path):
    finished = finished_with("repeats")
    plain = search(config(tmp_path, "repeats", repeats=0))
    ours, theirs = (rows(study)[0] for study in (finished, plain))
    assert [r.genome for r in ours[:6]] == [r.genome for r in theirs[:6]]
    assert [r.genome for r in ours] != [r.genome for r in theirs]


def test_candidates_inherit_from_the_nearest_of_earlier_batches(finished_with, tmp_path):
    finished = finished_with("inherit")
    plain = search(config(tmp_path, "inherit").with_overrides(["proxy.inherit=false"]))
    ours, theirs = (rows(study, ("proxy",)) for study in (finished, plain))
    assert ours[1][:6] == theirs[1][:6]  # the first batch starts from scratch
    batches = {}
    for row in ours[0]:
        batches.setdefault(row.batch, {})[row.number] = row.genome
    found = depths(parents(finished.problem.space.genes, list(batches.values())))
    assert set(found.values()) >= {0, 1}
    losses = {e[0]: e[4] for e in ours[1]}
    alike = {e[0]: e[4] for e in theirs[1]}
    second = [row.number for row in ours[0] if row.batch == 1 and row.number in losses]
    assert [ours[0][n].genome for n in second] == [theirs[0][n].genome for n in second]
    assert second
    assert all(losses[n] != alike[n] for n in second)


def test_weights_that_are_gone_are_named(tmp_path):
    small = search(config(tmp_path, "all", budget={"trials": 13}))
    shutil.rmtree(small.directory / "weights" / "proxy")
    with pytest.raises(StoreError, match=r"-0\.npz: the weights of a proxy training are gone"):
        resume(small.directory, ["search.budget.trials=20"])
    assert all(t.state != "failed" for t in small.trials())


def test_a_lag_is_refused(tmp_path, part):
    with pytest.raises(ConfigError, match="lag"):
        config(tmp_path, part, lag=4)


def test_int8_forms_are_measured_at_every_rung_and_repetition(tmp_path):
    plan = config(tmp_path, "all", objectives=["int8_error", "params"], budget={"trials": 12})
    study = search(plan)
    found = rows(study)[1]
    for stage in ("proxy", "rung"):
        of_stage = {(e[0], e[2]) for e in found if e[1] == stage}
        assert of_stage == {(e[0], e[2]) for e in found if e[1] == f"{stage}_int8"}
    assert any(e[1] == "proxy" and e[2] == 1 for e in found)
    assert rows(resume(study.directory)) == rows(study)
    assert all("int8_error" in s.values for group in standings(study) for s in group)
    assert not list(study.directory.glob("weights/proxy/*.int8.npz"))
