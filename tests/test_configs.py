"""Every config that ships: it is valid, its networks fit its task, and published data start it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evonas.cli import app
from evonas.config import StudyConfig
from evonas.config_compare import CompareConfig
from evonas.config_table import validate_table
from evonas.devices.catalogue import load_device
from evonas.objectives import OBJECTIVES
from evonas.references import reference
from evonas.spaces.from_table import space_from_table
from evonas.tasks import TASKS
from evonas.tasks.metrics import METRICS

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
COMPARISONS = sorted((ROOT / "configs" / "compare").glob("*.toml"))
PUBLISHED = {
    "cifar10_metakernel": ((3, 32, 32), 10),
    "ninapro_db1_tcn": ((10, 150), 53),
    "ppg_dalia_tcn": ((4, 256), 1),
    "speech_commands_metakernel": ((1, 49, 10), 12),
    "speech_commands_tcn": ((40, 98), 12),
    "tiny_imagenet_metakernel": ((3, 64, 64), 200),
    "toyadmos_autoencoder": ((128, 5), 640),
    "toyadmos_tcn": ((128, 64), 4),
    "visual_wake_words_metakernel": ((3, 96, 96), 2),
}
"""Config on a published data set -> its input shape and outputs."""


def config_of(name):
    return StudyConfig.from_toml(ROOT / "configs" / f"{name}.toml")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_studys_config_is_valid(path):
    config = StudyConfig.from_toml(path)

    assert config.study.name == path.stem
    assert config.study.dir == f"runs/{path.stem}"
    validate_table(TASKS.get(config.task.kind).Settings, config.task.settings, "[task]")
    assert load_device(config.device.source)
    for name in (*config.search.objectives, *config.search.limits):
        assert OBJECTIVES.get(name)
    assert config.task.metric is None or config.task.metric in METRICS
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_a_comparisons_config_is_valid(path):
    config = CompareConfig.from_toml(path)

    for block in config.study:
        validate_table(TASKS.get(block.task.kind).Settings, block.task.settings, "[task]")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_sets_config_says_where_the_data_is_from_and_how_to_start(name):
    comment = (ROOT / "configs" / f"{name}.toml").read_text(encoding="utf-8").split("\n[study]")[0]
    flat = comment.replace("\n# ", " ")
    config = config_of(name)

    assert "Data: http" in flat
    assert f"evonas search configs/{name}.toml" in flat
    for key in ("data_dir", "test_set_dir"):
        value = config.task.settings.get(key)
        assert value is None or value.strip("${}") in flat
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert f"`configs/{name}.toml`" in page
    assert f"`{config.task.kind}`" in page


@pytest.mark.parametrize("name", PUBLISHED)
def test_seed_and_references_fit_a_published_task(name):
    config, (shape, n_outputs) = config_of(name), PUBLISHED[name]

    space = space_from_table(config.space, shape, n_outputs)

    assert space.seed.input_shape == shape
    assert space.seed.output_shape == (n_outputs,)
    for other in config.final.references:
        assert reference(other, shape, n_outputs).output_shape == (n_outputs,)


def _copies():
    path = ROOT / "tests" / "tasks" / "copies.py"
    spec = importlib.util.spec_from_file_location("copies", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Returns a function that writes a tiny copy of a config's data and runs a verb on it."""
    monkeypatch.chdir(tmp_path)

    def run_verb(name, *options):
        config = config_of(name)
        keys = getattr(_copies(), config.task.kind)(tmp_path)
        for key in ("data_dir", "test_set_dir"):
            if key in config.task.settings:
                monkeypatch.setenv(config.task.settings[key].strip("${}"), keys[key])
        path = ROOT / "configs" / f"{name}.toml"
        return CliRunner().invoke(app, ["search", str(path), "--n-jobs", "1", *options])

    return run_verb


def _slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        _slow("cifar10_metakernel", "180 training, 20 validation, 40 test samples"),
        _slow("ppg_dalia_tcn", "170 training, 68 validation, 17 test samples of shape (4, 256)"),
        ("speech_commands_metakernel", "52 training, 16 validation, 13 test samples"),
        _slow("speech_commands_tcn", "52 training, 16 validation, 13 test samples"),
        _slow("tiny_imagenet_metakernel", "21 training, 3 validation, 9 test samples"),
        ("toyadmos_autoencoder", "560 training, 80 validation, 160 test samples of shape (128, 5)"),
        ("toyadmos_tcn", "70 training, 10 validation, 20 test samples of shape (128, 64)"),
        _slow("visual_wake_words_metakernel", "41 training, 5 validation, 5 test samples"),
    ],
)
def test_a_dry_run_starts_on_a_copy_of_the_data(start, name, data):
    result = start(name, "--dry-run", "--set", "search.budget.wall=60")  # nothing is timed

    assert result.exit_code == 0, result.output
    assert f"data: {data}" in result.stdout


@pytest.mark.parametrize("name", PUBLISHED)
def test_without_the_data_one_line_says_where_it_is_to_be_had(name, tmp_path, monkeypatch):
    config = config_of(name)
    for key in ("data_dir", "test_set_dir"):
        if key in config.task.settings:
            monkeypatch.delenv(config.task.settings[key].strip("${}"), raising=False)

    path = ROOT / "configs" / f"{name}.toml"
    result = CliRunner().invoke(app, ["search", str(path), "--dry-run"])

    (line,) = result.stderr.strip().splitlines()
    assert result.exit_code == 2
    assert "is not set" in line
    assert "to be had from http" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("toyadmos_tcn", "seed"),
        ("toyadmos_autoencoder", "seed"),
        ("toyadmos_autoencoder", "fc_autoencoder"),
    ],
)
def test_a_search_on_machine_sounds_ends_with_an_auc_of_each_machine(
    start, tmp_path, name, network
):
    small = ["search.budget.trials=3", "search.pop_size=3", "final.epochs=2", "final.candidates=1"]
    sets = [part for override in small for part in ("--set", override)]
    result = start(name, *sets, "--set", "proxy.steps=10", "--dir", "study")
    assert result.exit_code == 0, result.output

    script, file = ROOT / "benchmarks" / "bench_toyadmos_auc.py", tmp_path / "auc.json"
    target = str(tmp_path / f"study:{network}")
    subprocess.run([sys.executable, script, target, "--json", file], check=True, timeout=300)

    found = json.loads(file.read_text())
    assert set(found) == {"auc", "pauc"}
    for values in found.values():
        assert set(values) == {"ToyCar 01", "ToyCar 02", "mean"}
        assert all(0 <= value <= 1 for value in values.values())
