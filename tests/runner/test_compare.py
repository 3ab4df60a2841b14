"""The harness of comparisons: one budget, one protocol."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from evonas.baselines.baseline import sweep
from evonas.errors import EvonasError
from evonas.pareto import non_dominated
from evonas.runner.compare import compare
from evonas.runner.compare_driver import Driver
from evonas.spaces.tcn import TCNSpace
from evonas.study.study import Study
from evonas.tasks.load import load_splits

from .tiny_method import SAMPLES, STEPS, TRAINING, Tiny, rows_of, small_config, small_contest

pytestmark = pytest.mark.usefixtures("tiny")


def test_every_method_spends_the_budget_and_no_more(finished):
    for run in finished.runs:
        assert run.finished
        assert run.error is None
        if run.method != "seed":
            assert 10 * TRAINING <= run.samples <= 12 * TRAINING


def test_samples_are_those_of_searches_and_full_trainings_together(finished):
    (tiny,) = (run for run in finished.runs if run.method == "tiny")
    n_trained = len({row.digest for row in rows_of(finished, "tiny")})
    assert tiny.samples == TRAINING * (1 + n_trained)  # one warm-up

    (width,) = (run for run in finished.runs if run.method == "width")
    assert width.samples == TRAINING * len({row.digest for row in rows_of(finished, "width")})

    study = Study.load(finished.directory / "waves" / "nsga2-0")
    evaluations = study.store.evaluations()
    passes = sum(e.epochs for e in evaluations if e.stage in ("proxy", "final"))
    (nsga2,) = (run for run in finished.runs if run.method == "nsga2")
    assert nsga2.samples == round(SAMPLES * passes)


def test_what_a_run_has_spent_rises_to_its_sum(finished):
    for run in finished.runs:
        rows = rows_of(finished, run.method)
        assert [row.number for row in rows] == list(range(len(rows)))
        for kind in ("samples", "cpu_seconds"):
            spent = [getattr(row, kind) for row in rows]
            assert spent == sorted(spent)
            assert spent[-1] == getattr(run, kind)
        assert 0 <= run.search_seconds <= run.cpu_seconds
        assert run.peak_rss_bytes > 20e6


def test_the_seed_network_is_trained_once_and_charged_to_nobody(finished):
    (row,) = rows_of(finished, "seed")
    assert row.is_seed
    assert not row.is_front
    assert row.samples == TRAINING
    assert row.test is not None
    study = Study.load(finished.directory / "waves" / "nsga2-0")
    assert study.trials()[0].digest == row.digest
    assert not study.trials()[0].of_stage("final")


def test_the_front_is_non_dominated_by_validation_loss_and_costs_and_alone_scored_on_test(finished):
    for method in ("nsga2", "random", "width", "tiny"):
        networks = {}
        for row in rows_of(finished, method):
            networks.setdefault(row.digest, row)
        F = np.array([[r.validation_loss, r.values["params"]] for r in networks.values()])
        expected = {d for d, keep in zip(networks, non_dominated(F), strict=True) if keep}
        front = [row for row in rows_of(finished, method) if row.is_front]
        assert {row.digest for row in front} == expected
        assert len(front) == len(expected)
        for row in rows_of(finished, method):
            assert (row.test is not None) == row.is_front


def test_a_front_may_be_chosen_by_error(tmp_path):
    comparison = compare(small_config(tmp_path / "c", methods=["width"], front="error"))
    rows = rows_of(comparison, "width")
    F = np.array([[r.validation, r.values["params"]] for r in rows])
    first = [r.digest not in [q.digest for q in rows[:i]] for i, r in enumerate(rows)]
    expected = non_dominated(F) & np.array(first)
    assert [row.is_front for row in rows] == expected.tolist()


def test_the_networks_of_width_are_the_scaled_seed(finished):
    splits = load_splits("synthetic", {"train": 60, "test": 20, "shape": [2, 24]}, 0.25, 0)
    table = {"seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}}
    space = TCNSpace.from_settings(table, splits.input_shape, splits.num_outputs)
    rows = rows_of(finished, "width")
    # the widest layer has 8 channels: an eighth of it is 1, as anything below it
    strengths = list(itertools.islice(sweep(1.0, 8.0), len(rows)))
    assert [row.strength for row in rows] == pytest.approx(strengths)
    for row in rows:
        assert row.digest == space.decode(space.scaled(1 / row.strength)).digest


@pytest.mark.parametrize(("settings", "searches"), [({}, 2), ({"targets": {"params": 300}}, 1)])
def test_bounds_that_are_given_take_one_search(tmp_path, settings, searches):
    budget = {"samples": 10 * TRAINING}
    found = compare(small_config(tmp_path / "c", methods=["dnas"], dnas=settings, budget=budget))

    assert all(run.finished for run in found.runs)
    assert min(len(rows_of(found, "dnas")), 2) == searches


def test_a_network_found_again_is_not_trained_again(finished):
    rows = rows_of(finished, "tiny")
    again = [row for i, row in enumerate(rows) if row.digest in {r.digest for r in rows[:i]}]
    assert again
    for row in again:
        twin = next(r for r in rows if r.digest == row.digest)
        assert (row.validation, row.validation_loss) == (twin.validation, twin.validation_loss)
        assert row.samples == rows[row.number - 1].samples
        weights = finished.directory / "waves" / "tiny-0" / "weights" / "final"
        assert not (weights / f"{row.number}-0.npz").exists()


def test_what_a_search_reckoned_is_recorded(finished):
    row = rows_of(finished, "tiny")[0]
    assert (row.costs, row.relaxed) == ({"params": 1.0}, {"params": 2.0})
    assert (row.n_parameters, row.n_changed) == (3, 1)


def test_a_search_never_sees_the_test_part():
    contest = small_contest(0)
    assert len(contest.splits.test) == 20
    assert len(contest.search_task().splits.test) == 0
    assert len(contest.search_task().splits.train) == SAMPLES


def test_a_budget_in_cpu_seconds_is_spent_and_held(tmp_path):
    comparison = compare(
        small_config(tmp_path / "c", methods=["nsga2", "width"], budget={"cpu": 0.8})
    )
    spent = {run.method: run.cpu_seconds for run in comparison.runs}
    assert 0.6 <= spent["nsga2"] <= 1.0
    assert spent["width"] <= 1.0


def test_a_search_that_fails_is_a_row_and_no_end(tmp_path, monkeypatch):
    second = list(itertools.islice(sweep(*Tiny.strengths), 2))[1]
    monkeypatch.setattr(Tiny, "fails_at", second)
    comparison = compare(small_config(tmp_path / "c", methods=["tiny"]))
    rows = rows_of(comparison, "tiny")
    assert rows[1].error == "FloatingPointError: the loss is not finite"
    assert rows[1].validation is None
    assert not rows[1].is_front
    assert len(rows) > 2
    assert rows[2].validation is not None


def test_a_search_that_always_fails_ends_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "search", lambda self, strength: 1 / 0)
    comparison = compare(small_config(tmp_path / "c", methods=["tiny", "width"]))
    assert [row.error for row in rows_of(comparison, "tiny")] == [
        "ZeroDivisionError: division by zero"
    ] * 5


def test_a_network_outside_the_space_is_no_result(tmp_path, monkeypatch):
    honest = Tiny.search

    def search(self, strength):
        found = honest(self, strength)
        return dataclasses.replace(found, spec=self.task.space.seed)

    monkeypatch.setattr(Tiny, "search", search)
    comparison = compare(small_config(tmp_path / "c", methods=["tiny", "width"]))
    assert "not the one that its genome stands for" in rows_of(comparison, "tiny")[0].error


def test_networks_beyond_a_limit_are_neither_trained_nor_on_a_front(tmp_path):
    limits = {"params": 100}
    comparison = compare(small_config(tmp_path / "c", methods=["width", "random"], limits=limits))
    beyond = [row for row in rows_of(comparison, "width") if row.values["params"] > 100]
    assert beyond
    for row in beyond:
        assert row.validation is None
        assert row.error.startswith("beyond a limit: params")
    fronts = [row for row in comparison.rows if row.is_front]
    assert {row.method for row in fronts} == {"width", "random"}
    assert all(row.values["params"] <= 100 for row in fronts)


def test_several_repetitions_are_averaged(tmp_path):
    final = {"steps": STEPS, "batch_size": 15, "seeds": 2}
    comparison = compare(small_config(tmp_path / "c", methods=["width"], final=final))
    row = rows_of(comparison, "width")[0]
    assert row.samples == 2 * TRAINING
    weights = comparison.directory / "waves" / "width-0" / "weights" / "final"
    assert {path.name for path in weights.glob("0-*.npz")} == {"0-0.npz", "0-1.npz"}


def test_a_comparison_of_which_nothing_ends_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(Driver, "_in_process", lambda self, run: self._end(run, "no memory"))
    with pytest.raises(EvonasError, match="None of 2 runs came to its end; waves, seed, seed 0"):
        compare(small_config(tmp_path / "c", methods=["width"]))
