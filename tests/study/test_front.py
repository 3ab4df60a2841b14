"""By which final value a front is chosen, and that every output says so."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from evonas.analysis.comparison import ComparisonRow
from evonas.config import FRONT_BY, StudyConfig
from evonas.config_compare import BlockTable
from evonas.config_table import validate_table
from evonas.plots.front import caption, front_data
from evonas.runner.compare_contest import Contest, Run
from evonas.runner.outputs import write_outputs
from evonas.runner.search import resume, search
from evonas.searchers.sampling import sample_genes
from evonas.study.front import value_by
from evonas.study.store import TrialRow
from evonas.study.study import Study
from evonas.study.trial import Evaluation

TASK = {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]}
SPACE = {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}}
RUNS = {  # error and loss of two full trainings
    0: [(0.20, 0.9), (0.30, 0.7)],
    1: [(0.30, 0.2), (0.20, 0.3)],
    2: [(0.10, 1.0), (0.20, 1.2)],
    3: [(0.40, 0.1), (0.60, 0.1)],
    4: [(0.12, 0.6), (0.20, 0.6)],
    5: [(0.30, 0.6), (0.30, 0.6)],
}


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch):
    monkeypatch.setattr("evonas.runner.outputs.save_figures", lambda *_: None)


def config(folder, **final):
    data = {
        "study": {"dir": str(folder)},
        "task": TASK,
        "space": SPACE,
        "search": {"objectives": ["error", "params"], "pop_size": 6, "budget": {"trials": 6}},
        "proxy": {"steps": 4, "backend": "native"},
        "final": {"steps": 4, "backend": "native"} | final,
    }
    return validate_table(StudyConfig, data, "front")


def written(folder, **final):
    """Returns a study whose trials and full trainings are RUNS."""
    study = Study.from_config(config(folder, **final))
    space = study.problem.space
    digests = {space.seed.digest}
    rows = []
    for genome in sample_genes(space.genes, np.random.default_rng(0), 60):
        spec = space.decode(genome)
        if spec.digest not in digests and len(rows) < len(RUNS):
            digests.add(spec.digest)
            canonical = tuple(space.encode(spec).tolist())
            costs = study.problem.costs(spec)
            rows.append(TrialRow(len(rows), 0, canonical, spec.digest, costs, "complete"))
    study.store.add_trials(rows)
    for number, runs in RUNS.items():
        for stage, found in (("proxy", runs[:1]), ("final", runs)):
            for seed, (error, loss) in enumerate(found):
                study.store.add_evaluation(
                    Evaluation(number, stage, seed, error, loss, 1.0, 4, 0.1, "native")
                )
    return study


def expected_front(study, by):
    """Returns the numbers of networks that no other dominates, pair by pair."""
    points = {}
    for trial in study.trials():
        error, loss = np.mean(RUNS[trial.number], axis=0)
        value = {"error": error, "loss": loss, "score": error + 0.1 * loss}[by]
        points[trial.number] = (value, trial.values["params"])
    return {
        number
        for number, (value, cost) in points.items()
        if not any(v <= value and c <= cost and (v, c) != (value, cost) for v, c in points.values())
    }


@pytest.mark.parametrize("by", ["error", "loss", "score"])
def test_a_front_is_chosen_by_the_mean_of_the_named_value_and_costs(tmp_path, by):
    study = written(tmp_path / by, front=by)
    front = study.front()

    assert {trial.number for trial in front} == expected_front(study, by)
    for trial in front:  # what is shown stays the metric
        assert trial.values["error"] == pytest.approx(np.mean(RUNS[trial.number], axis=0)[0])


def test_the_three_fronts_differ_here(tmp_path):
    study = written(tmp_path / "study")
    fronts = [expected_front(study, by) for by in ("error", "loss", "score")]
    assert fronts[0] != fronts[1]
    assert fronts[2] not in fronts[:1]


def test_the_recommended_network_is_dominated_by_none_in_what_is_shown(tmp_path):
    study = written(tmp_path / "study", front="loss")
    best = study.recommend().values
    for other in study.front():
        values = other.values
        is_better = values["error"] <= best["error"] and values["params"] <= best["params"]
        assert not is_better or values == best


@pytest.mark.parametrize("by", ["error", "loss", "score"])
def test_every_output_says_by_what_the_front_was_chosen(tmp_path, by):
    study = written(tmp_path / by, front=by)
    write_outputs(study, None)

    report = " ".join((study.directory / "report.md").read_text().split())
    sentence = {
        "loss": "The front was chosen by validation loss and costs",
        "score": "The front was chosen by validation error + 0.1 × validation loss and costs",
    }.get(by)
    assert (sentence is None) == ("The front was chosen by" not in report)
    assert sentence is None or sentence in report
    assert ("| validation loss |" in report) == (by != "error")
    assert json.loads((study.directory / "summary.json").read_text())["front_by"] == by
    assert (f"front chosen by {by}" in caption(front_data(study))) == (by != "error")
    with (study.directory / "front.csv").open() as file:
        records = list(csv.DictReader(file))
    for record in records:
        loss = np.mean(RUNS[int(record["number"])], axis=0)[1]
        assert float(record["val_loss"]) == pytest.approx(loss)


@pytest.mark.parametrize("by", ["error", "loss", "score"])
def test_a_comparison_chooses_alike(tmp_path, by):
    study = written(tmp_path / by, front=by)
    data = {"task": TASK, "space": SPACE, "methods": ["nsga2"], "budget": {"samples": 100}}
    block = BlockTable.model_validate({**data, "front": by})
    contest = Contest.of(Run("study", "nsga2", 0), block, tmp_path)
    rows = []
    for trial in study.trials():
        error, loss = np.mean(RUNS[trial.number], axis=0)
        rows.append(
            ComparisonRow(
                "study", "nsga2", 0, trial.number, trial.digest, False, error, loss, None,
                study.problem.costs(trial.spec), 1, 0.1,
            )
        )  # fmt: skip

    chosen = {row.number for row in contest.marked(rows) if row.is_front}
    assert chosen == {trial.number for trial in study.front()}


def test_what_is_not_known_is_never_best(tmp_path):
    problem = written(tmp_path / "study").problem
    assert value_by(problem, "loss", 0.1, None) == np.inf
    assert value_by(problem, "score", 0.1, None) == np.inf
    assert value_by(problem, "error", 0.1, None) == 0.1
    assert value_by(problem, "score", 0.1, 2.0) == pytest.approx(0.3)


def test_the_front_may_be_chosen_anew_and_an_old_one_stays_as_it_was(tmp_path):
    keys = ["search.n_jobs=1", "final.candidates=6", f"final.front={FRONT_BY}"]
    study = search(config(tmp_path / "study").with_overrides(keys))
    before = config(tmp_path / "a").fixed_digest
    assert before == config(tmp_path / "a", front="loss").fixed_digest

    changed = resume(study.directory, ["final.front=loss"])
    assert Study.load(study.directory).config.final.front == "loss"
    for trial in changed.front():
        assert trial.of_stage("test")
        assert changed.weights_path(trial.number).is_file()

    path = study.directory / "config.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("front =")]
    path.write_text("\n".join(lines) + "\n")
    assert Study.load(study.directory).config.final.front == "error"
