"""The commands compare, resume, report and list at a comparison."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from evonas.baselines import BASELINES
from evonas.cli import app

from .tiny_method import small_config

pytestmark = pytest.mark.usefixtures("tiny")


def _invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_prints_what_won_and_json(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(small_config(tmp_path / "c", methods=["random", "width"]).to_toml())
    result = _invoke("compare", path, "--n-jobs", 1)
    assert result.exit_code == 0, result.output
    assert f"figures and report: {tmp_path}/c/report.md" in result.stdout
    assert "waves: 2 runs of random, width" in result.stderr
    for name in ("comparison.csv", "comparison.json", "report.md", "comparison.toml"):
        assert (tmp_path / "c" / name).stat().st_size > 0

    again = _invoke("resume", tmp_path / "c", "--json")
    assert again.exit_code == 0, again.output
    found = json.loads(again.stdout)
    assert {run["method"] for run in found["runs"]} == {"seed", "random", "width"}
    assert found["rows"] == json.loads((tmp_path / "c" / "comparison.json").read_text())["rows"]

    (tmp_path / "c" / "report.md").unlink()
    report = _invoke("report", tmp_path / "c")
    assert report.exit_code == 0, report.output
    assert report.stdout == result.stdout
    assert (tmp_path / "c" / "report.md").exists()


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path):
    path = tmp_path / "small.toml"
    config = small_config(
        tmp_path / "c", methods=["random", "width"], budget={"cpu": 60.0}, seeds=3
    )
    path.write_text(config.to_toml())
    result = _invoke("compare", path, "--dry-run", "--n-jobs", 2, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["n_runs"] == 3 * (2 + 1)
    assert found["n_jobs"] == 2
    assert 3 * 2 * 60 / 2 <= found["seconds"] < 200
    assert not (tmp_path / "c").exists()
    text = _invoke("compare", path, "--dry-run").stdout
    assert "waves: 2 methods with 3 seeds, 60 CPU seconds each: random, width" in text


def test_a_command_s_error_is_one_line(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(small_config(tmp_path / "c", methods=["pits"]).to_toml())
    result = _invoke("compare", path)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("evonas: [study.waves] methods: Unknown method 'pits'")


def test_the_list_of_baselines_says_which_spaces_they_apply_to():
    result = _invoke("list", "baselines")
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert set(lines) == set(BASELINES.names())
    assert lines["tiny"].endswith("Spaces: tcn.")
