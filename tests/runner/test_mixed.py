"""A study of several families with references beside it: files, report, console, resuming."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.console import closing_lines
from evonas.cost import cost_report
from evonas.errors import ConfigError
from evonas.plots.front import front_data
from evonas.runner.dominance import compared_costs, dominance_line, dominators
from evonas.runner.families import family_shares
from evonas.runner.outputs import summarise
from evonas.runner.report import write_report
from evonas.runner.search import resume, search
from evonas.runner.train import train
from evonas.study import final, loop
from evonas.study.final import metric_on_test
from evonas.study.store import Store
from evonas.study.study import Study
from evonas.study.yardsticks import reference_numbers

REFERENCES = ("lstm_google12", "fastgrnn_har2")


def config(folder, runtime="c", **final) -> StudyConfig:
    tcn, rnn = {"seed_network": {"widths": [6, 8], "kernel": 5}}, {"seed_network": {"hidden": 8}}
    if runtime == "tflm":
        rnn |= {"cells": ["lstm"], "ranks": False}
    data = {
        "study": {"name": "mixed", "dir": str(folder / "study"), "seed": 1},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24], "noise": 0.5},
        "space": {"kind": ["tcn", "rnn"], "tcn": tcn, "rnn": rnn},
        "device": {"runtime": runtime},
        "search": {
            "objectives": ["error", "latency", "peak_ram"],
            "pop_size": 8,
            "budget": {"trials": 14},
            "n_jobs": 1,
        },
        "proxy": {"steps": 15},
        "final": {"steps": 30, "candidates": 6, "references": list(REFERENCES)} | final,
    }
    return validate_table(StudyConfig, data, "mixed")


def without_outputs(config) -> Study:
    """Returns a study that was searched and trained in full, without figures and report."""
    study = Study.from_config(config)
    with study.working() as data:
        loop.search(study, data)
        final.finish(study, data)
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return search(config(tmp_path_factory.mktemp("mixed")))


@pytest.fixture(scope="module")
def summary(study) -> dict:
    return json.loads((study.directory / "summary.json").read_text(encoding="utf-8"))


def test_both_families_are_tried_and_told_apart_in_every_file(study, summary):
    names = {t.number: study.problem.space.family(t.genome) for t in study.trials()}
    assert set(names.values()) == {"tcn", "rnn"}
    with (study.directory / "front.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["number"]): row["family"] for row in rows} == {
        t.number: names[t.number] for t in study.front()
    }
    entries = json.loads((study.directory / "front.json").read_text(encoding="utf-8"))
    assert [e["family"] for e in entries] == [row["family"] for row in rows]
    tried = [names[t.number] for t in study.trials() if t.state == "complete"]
    found = {name: each["trials"] for name, each in summary["families"].items()}
    assert found == {"tcn": tried.count("tcn"), "rnn": tried.count("rnn")}


def test_a_family_owns_what_the_front_loses_without_it(study, monkeypatch):
    seed = study.problem.costs(study.problem.space.seed)
    of = {study.problem.space.family(t.spec): t for t in study.trials()}
    good = {"error": 0.1, "latency": seed["latency"] / 2, "peak_ram": seed["peak_ram"] / 1.1}
    cheap = {"error": 0.3, "latency": seed["latency"] / 4, "peak_ram": seed["peak_ram"] / 1.2}
    front = [replace(of["tcn"], values=good), replace(of["rnn"], values=cheap)]
    monkeypatch.setattr(study, "front", lambda: front)

    tcn, rnn = family_shares(study)

    better = 1 - study.box.normalise(study.problem.columns([good, cheap]))  # edges of two boxes
    a, b = better.prod(axis=1)
    overlap = better.min(axis=0).prod()
    assert 0 < overlap < min(a, b)
    assert (tcn.name, tcn.networks, rnn.name, rnn.networks) == ("tcn", 1, "rnn", 1)
    assert tcn.hypervolume == pytest.approx((a - overlap) / (a + b - overlap))
    assert rnn.hypervolume == pytest.approx((b - overlap) / (a + b - overlap))
    assert rnn.ranges["latency"] == (seed["latency"] / 4, seed["latency"] / 4)


def test_the_summary_holds_every_family_s_share(study, summary):
    for share in family_shares(study):
        found = summary["families"][share.name]
        assert (found["networks"], found["hypervolume"]) == (share.networks, share.hypervolume)
        assert found["ranges"] == {name: list(ends) for name, ends in share.ranges.items()}


def test_report_console_and_figure_name_the_families(study):
    report = (study.directory / "report.md").read_text(encoding="utf-8")
    assert "The tcn and rnn spaces around their seed networks have together about 10^" in (
        " ".join(report.split())
    )
    assert "| network | family | validation error |" in report
    assert "| family | trials | on the front | hypervolume alone | error | latency |" in report
    lines = closing_lines(study)
    (header,) = (line for line in lines if line.lstrip().startswith("#"))
    assert header.endswith("family")
    (sentence,) = (line for line in lines if line.startswith("families on the front: "))
    for share in family_shares(study):
        assert f"{share.name} {share.networks} of {len(study.front())} networks" in sentence
    data = front_data(study)
    assert data.families == ("tcn", "rnn")
    assert len(data.front_families) == len(data.front)


def test_references_are_trained_like_the_seed_network_and_never_on_the_front(study):
    trials = study.reference_trials()
    assert tuple(trials) == REFERENCES
    front = {t.digest for t in study.front()}
    known = {t.number for t in study.trials()} | {study.seed_trial().number}
    for name, trial in trials.items():
        (final,) = trial.of_stage("final")
        assert final.steps == study.seed_trial().of_stage("final")[0].steps
        assert trial.values["error"] == final.metric
        assert trial.values["latency"] == study.problem.costs(study.references[name])["latency"]
        assert metric_on_test(trial) is not None
        assert trial.number not in known
        assert trial.digest not in front
        assert study.weights_path(trial.number).name == f"{name}.npz"
        assert study.build(trial)(study_batch(study)).shape == (4, study.splits.num_outputs)


def study_batch(study):
    import torch

    return torch.from_numpy(study.splits.test.X[:4])


def test_training_a_reference_by_itself_gives_the_same_figures(study):
    for name, trial in study.reference_trials().items():
        alone = train(name, study.config)
        assert alone.validation == (trial.values["error"],)
        assert alone.test == (metric_on_test(trial),)
        assert alone.params == trial.values["params"]


def test_references_stand_in_summary_report_and_figure(study, summary):
    report = (study.directory / "report.md").read_text(encoding="utf-8")
    lines = closing_lines(study)
    data = front_data(study)
    assert data.references == REFERENCES
    for i, (name, trial) in enumerate(study.reference_trials().items()):
        found = summary["references"][name]
        assert found["error"] == trial.values["error"] == data.reference_points[i, 0]
        assert found["params"] == trial.values["params"]
        assert found["test_error"] == metric_on_test(trial) == data.reference_test[i]
        assert [d["trial"] for d in found["dominated_by"]] == [
            d.trial.number for d in dominators(study, trial)
        ]
        assert f"| {name} | – |" in report
        assert f"- {name}: " in report
        assert any(line.startswith(f"{name}, trained alike: ") for line in lines)


def test_who_dominates_is_smaller_in_two_costs_and_errs_no_more(study, monkeypatch):
    def network(number, error, latency, peak_ram, params):
        values = {"error": error, "latency": latency, "peak_ram": peak_ram, "params": params}
        return replace(study.trials()[number], values=values)

    front = [
        network(1, 0.2, 1e-3, 900, 500),  # smaller in all three, as good
        network(2, 0.1, 1e-3, 2000, 250),  # smaller in two, by more, and larger in one
        network(3, 0.1, 4e-3, 2000, 250),  # smaller in one alone
        network(4, 0.21, 1e-4, 100, 10),  # errs more
    ]
    monkeypatch.setattr(study, "front", lambda: front)
    yardstick = network(0, 0.2, 2e-3, 1000, 1000)

    found = dominators(study, yardstick)

    assert [d.to_dict() for d in found] == [
        {"trial": 1, "ratios": {"latency": 2.0, "peak_ram": 1000 / 900, "params": 2.0}},
        {"trial": 2, "ratios": {"latency": 2.0, "peak_ram": 0.5, "params": 4.0}},
    ]
    assert dominance_line(study, yardstick) == (
        "dominated by trial 1: 2× less latency, 1.11× less peak RAM, 2× fewer params, validation "
        "error 20.0 % against 20.0 %; also by 2"
    )
    monkeypatch.setattr(study, "front", lambda: front[1:2])
    assert "2× less latency, 2× more peak RAM, 4× fewer" in dominance_line(study, yardstick)
    monkeypatch.setattr(study, "front", lambda: front[2:])
    assert dominance_line(study, yardstick).startswith("no network on the front is smaller")


def test_a_reference_can_join_a_finished_study_and_keeps_its_place(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(study.directory, copy)
    before = Store.open(copy / "study.db").evaluations()
    numbers = reference_numbers(study)

    after = resume(copy, ['final.references=["gru_google12", "fastgrnn_har2"]'])

    assert reference_numbers(after) == numbers | {"gru_google12": min(numbers.values()) - 1}
    assert after.store.evaluations()[: len(before)] == before
    new = after.store.evaluations()[len(before) :]
    assert [e.stage for e in new] == ["final", "test"]
    assert list(after.summary()["references"]) == ["gru_google12", "fastgrnn_har2"]
    kept = after.reference_trials()["fastgrnn_har2"].evaluations
    assert kept == study.reference_trials()["fastgrnn_har2"].evaluations
    assert [t.number for t in after.front()] == [t.number for t in study.front()]


def test_references_that_an_interruption_left_out_are_trained_as_they_would_have_been(
    study, tmp_path
):
    copy = tmp_path / "copy"
    shutil.copytree(study.directory, copy)
    store = Store.open(copy / "study.db")
    last = reference_numbers(study)[REFERENCES[1]]
    store._db.execute("DELETE FROM evaluations WHERE trial = ?", (last,))
    store._db.commit()
    store.close()
    after = Study.load(copy)
    with after.working() as data:
        final.finish(after, data)
    known, made = (
        [
            (e.stage, e.seed, e.metric, e.loss)
            for e in s.reference_trials()[REFERENCES[1]].evaluations
        ]
        for s in (study, after)
    )
    assert made == known


def test_what_the_runtime_cannot_execute_is_trained_and_listed_with_its_reason(tmp_path):
    study = without_outputs(config(tmp_path, "tflm", references=["gru_google12"]))
    (trial,) = study.reference_trials().values()
    found = summarise(study, None)["references"]["gru_google12"]
    assert "error" in trial.values
    assert "no operator for the cell gru" in found["not_executable"]
    assert "latency" not in found
    assert found["params"] > 0
    assert np.isnan(front_data(study).reference_points[0, 1:]).all()
    report = write_report(study).read_text(encoding="utf-8")
    assert "gru_google12 (not executable here: " in " ".join(report.split())
    assert compared_costs(study, trial) == ["params", "macs"]


def test_a_reference_beyond_a_limit_says_so_and_is_trained(study, tmp_path):
    limited = config(tmp_path, references=["lstm_google12"])
    limited = limited.with_overrides(["search.limits.flash=20 kB"])
    found = summarise(without_outputs(limited), None)["references"]["lstm_google12"]
    costs = cost_report(study.references["lstm_google12"], study.problem.device, "c")
    assert costs.flash_bytes > 20_000
    assert found["flash"] == costs.flash_bytes
    assert found["beyond"].startswith("flash ")
    assert "error" in found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lstm_gogle12", "Unknown reference 'lstm_gogle12'. Did you mean 'lstm_google12'?"),
        ("resnet8", "Reference 'resnet8' takes inputs of shape"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused_at_the_door(tmp_path, name, words):
    with pytest.raises(ConfigError) as caught:
        search(config(tmp_path, references=[name]))
    assert str(caught.value).startswith("[final] references: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study").exists()
