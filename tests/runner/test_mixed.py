"""A study of several families with references beside it: files, report, console, resuming."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from evonas.config import StudyConfig, validate_table
from evonas.console import closing_lines
from evonas.cost import cost_report
from evonas.errors import ConfigError
from evonas.pareto import normalised_hypervolume
from evonas.plots.front import front_data
from evonas.runner.dominance import Dominator, dominators
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


def test_a_family_owns_what_the_front_loses_without_it(study, summary):
    front = study.front()
    families = [study.problem.space.family(t.spec) for t in front]
    F = study.problem.columns([t.values for t in front])
    whole = normalised_hypervolume(F, study.box)
    assert set(families) == {"tcn", "rnn"}
    for share in family_shares(study):
        own = np.array([name == share.name for name in families])
        rest = normalised_hypervolume(F[~own], study.box)
        assert share.networks == own.sum() == summary["families"][share.name]["networks"]
        assert share.hypervolume == pytest.approx((whole - rest) / whole)
        if share.networks:
            latencies = [t.values["latency"] for t, mine in zip(front, own, strict=True) if mine]
            assert share.ranges["latency"] == (min(latencies), max(latencies))
            ends = summary["families"][share.name]["ranges"]["latency"]
            assert ends == [min(latencies), max(latencies)]


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


def test_who_dominates_is_smaller_in_two_costs_and_errs_no_more(study):
    yardsticks = [study.seed_trial(), *study.reference_trials().values()]
    assert any(dominators(study, trial) for trial in yardsticks)
    for trial in yardsticks:
        found = dominators(study, trial)
        for each in study.front():
            smaller = sum(
                each.values[n] < trial.values[n] for n in ("latency", "peak_ram", "params")
            )
            no_worse = each.values["error"] <= trial.values["error"]
            assert (each.number in {d.trial.number for d in found}) == (smaller >= 2 and no_worse)
        for each in found:
            assert each.ratios["params"] == trial.values["params"] / each.trial.values["params"]


def test_a_larger_network_in_one_cost_dominates_in_the_others(study):
    trial = study.front()[0]
    each = Dominator(trial, {"latency": 0.5, "peak_ram": 2.0, "params": 8.0})
    assert each.smaller == {"peak_ram": 2.0, "params": 8.0}
    assert each.to_dict() == {"trial": trial.number, "ratios": each.ratios}


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
    for each in dominators(study, trial):
        assert set(each.ratios) == {"params", "macs"}


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
