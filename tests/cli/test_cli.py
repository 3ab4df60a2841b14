"""The command line: what a user types, reads and gets back as an exit code."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from .command_line import refused, run


def test_a_search_prints_the_front_the_recommendation_and_where_things_lie(study):
    folder, result = study
    text = result.stdout
    assert "networks of 12 trials (12 feasible, 0 failed" in text
    assert "test error" in text
    assert "recommended: trial" in text
    assert "random search with as many trials:" in text
    assert "two full trainings agree at" in text
    assert f"figures and report: {folder}/report.md" in text
    assert f"next: evonas export {folder}:recommended --format tflite -o out/" in text
    assert "search" in result.stderr  # progress goes to standard error
    assert "45 training, 15 validation and 20 test samples of 2 x 24, 3 classes" in result.stderr
    assert "space: 10^" in result.stderr
    assert "100 %: 12 trained" not in text


def test_the_folder_holds_what_is_promised(study):
    folder, _ = study
    for name in ("study.db", "config.toml", "front.csv", "front.json", "summary.json", "report.md"):
        assert (folder / name).stat().st_size > 0
    for figure in ("front", "hypervolume", "genes"):
        for ending in ("png", "svg"):
            assert (folder / "figures" / f"{figure}.{ending}").stat().st_size > 1000
    with (folder / "front.csv").open() as file:
        rows = list(csv.DictReader(file))
    summary = json.loads((folder / "summary.json").read_text())
    assert [int(row["number"]) for row in rows] == summary["front"]
    assert summary["recommended"] in summary["front"]
    assert {"error", "latency", "peak_ram", "params", "macs", "test_error"} <= set(rows[0])
    assert 0 <= summary["hypervolume"] <= 1
    assert 0 <= summary["random"]["hypervolume"] <= 1
    assert (folder / "weights" / f"{summary['recommended']}.npz").exists()
    assert not list(folder.glob(".data-*"))


def test_a_second_search_into_the_folder_is_refused_and_names_resume(study):
    folder, _ = study
    line = refused("search", folder.parent / "config.toml")
    assert f"evonas resume {folder}" in line


def test_a_folder_may_have_any_name(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("2024", "a b"):
        result = run("search", config(), "--dir", name, "--set", "search.budget.trials=3")
        assert result.exit_code == 0, result.output
    assert "next: evonas export 'a b:recommended' --format tflite -o out/" in result.stdout
    assert "evonas search 'a b/config.toml' --dir 'a b-again'" in (
        tmp_path / "a b" / "report.md"
    ).read_text(encoding="utf-8")
    assert "evonas resume 'a b'" in refused("search", config(), "--dir", "a b")


def test_a_front_without_a_network_is_said(config):
    result = run("search", config(), "--set", "final.learning_rate=1e30")
    assert result.exit_code == 0, result.output
    assert "front: 0 networks" in result.stdout
    assert "no full training succeeded" in result.stdout
    for words in ("trained alike", "recommended", "seed network: error"):
        assert words not in result.stdout


def test_only_a_cheaper_network_is_said_to_be_no_worse_than_the_seed(study):
    from dataclasses import replace

    from evonas.console import closing_lines
    from evonas.study.study import Study

    class Front(Study):
        latency = 0.0

        def front(self):
            seed = self.seed_trial()
            return [replace(seed, number=99, values={**seed.values, "latency": self.latency})]

    found = Front.load(study[0])
    for found.latency, is_said in ((1.0, False), (1e-6, True)):
        assert any("no worse than the seed" in line for line in closing_lines(found)) == is_said


def test_what_the_seed_network_has_more_of_is_said_once(study):
    from dataclasses import replace

    from evonas.console import closing_lines
    from evonas.objectives import OBJECTIVES
    from evonas.study.study import Study

    class Front(Study):
        def front(self):
            seed = self.seed_trial()
            return [replace(seed, number=99, values={**seed.values, "params": 1.0})]

    found = Front.load(study[0])
    objectives = tuple(OBJECTIVES.get(name) for name in ("error", "params", "latency"))
    found.problem = replace(found.problem, objectives=objectives)
    (line,) = [line for line in closing_lines(found) if "no worse than the seed" in line]
    assert line.endswith(f"({found.seed_trial().values['params']:.1f} times fewer params)")


def test_report_writes_the_outputs_again(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(study[0], copy)
    before = (copy / "front.csv").read_text()
    (copy / "front.csv").unlink()
    result = run("report", copy, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["front"]
    assert (copy / "front.csv").read_text() == before


def test_train_takes_a_reference_a_trial_and_a_file(study, tmp_path):
    folder, _ = study
    config = folder / "config.toml"
    result = run("train", f"{folder}:recommended", "--config", config, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "test error" in result.stdout
    again = run("train", tmp_path / "out" / "spec.json", "--config", config, "--json")
    assert again.exit_code == 0, again.output
    assert len(json.loads(again.stdout)["validation"]) == 2
    reference = run("train", "ecgtcn", "--config", config, "--set", "final.steps=2")
    assert reference.exit_code == 0, reference.output


@pytest.mark.parametrize("target", ["nonet", "runs/none:3", "{folder}:999", "{folder}:x"])
def test_train_refuses_what_is_no_network(study, target):
    folder, _ = study
    line = refused("train", target.format(folder=folder), "--config", folder / "config.toml")
    assert "recommended" in line


def test_a_dry_run_prints_an_estimate_and_writes_nothing(config, tmp_path):
    result = run("search", config(), "--dry-run")
    assert result.exit_code == 0, result.output
    for words in ("10^", "seed network", "smallest reachable", "estimated time", "estimated disk"):
        assert words in result.stdout
    assert not (tmp_path / "study").exists()
    assert json.loads(run("search", config(), "--dry-run", "--json").stdout)["n_trials"] == 12


@pytest.mark.parametrize(
    "what", ["spaces", "tasks", "devices", "objectives", "searchers", "references"]
)
def test_list_names_and_describes(what):
    result = run("list", what)
    assert result.exit_code == 0
    assert all(len(line.split(maxsplit=1)) == 2 for line in result.stdout.splitlines())
    assert json.loads(run("list", what, "--json").stdout)


def test_list_of_nothing_known_is_refused():
    assert "Did you mean 'devices'?" in refused("list", "device")


def test_the_version_is_printed():
    assert run("--version").stdout.startswith("evonas 0.")
