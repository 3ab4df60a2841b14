"""Exports of a spec's file in every format, what is refused, and fine-tuning for int8."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import evonas
from evonas.config import StudyConfig
from evonas.errors import ConfigError, SpecError, UnsupportedOpError
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.runner.export import ExportOptions, export_target
from evonas.runner.verify import verify
from evonas.study.evaluate import save_weights
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

from .tiny_export import BOTH, CONFIG

pytest.importorskip("onnxruntime")
pytest.importorskip("tflite_micro")


def test_a_spec_file_is_exported_with_the_data_of_a_config(network, config, tmp_path):
    found = export_target(network(), tmp_path / "out", BOTH, config)
    assert (found.record["study"], found.record["trial"]) == (None, None)
    assert verify(tmp_path / "out").is_equal


def test_onnx_alone_needs_no_int8_and_fits_any_device(network, config, tmp_path):
    low_rank = network(lambda b, x: b.last_step(b.recurrent(x, "fastgrnn", 4)))
    tight = config.with_overrides(["device.reserve.ram=655359"])
    found = export_target(low_rank, tmp_path / "out", ("onnx",), tight)
    assert found.record["costs"] == {}
    assert not (tmp_path / "out" / "int8.npz").exists()
    assert verify(tmp_path / "out").is_equal


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_c_holds_every_cell_and_is_verified_in_every_byte(network, config, tmp_path):
    def gru(b, x):
        return b.last_step(b.recurrent(x, "gru", 4, rank_u=2))

    found = export_target(network(gru), tmp_path / "out", ["c"], config)

    assert found.record["runtime"] == "c"
    assert found.record["metadata"]["labels"] == ["wave0", "wave1", "wave2"]
    assert '"wave0", "wave1", "wave2"' in (tmp_path / "out" / "model.h").read_text()
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "## model.c: int8" in readme
    assert "model_predict_natural" in readme
    verified = verify(tmp_path / "out")
    (comparison,) = verified.comparisons
    assert (comparison.n_different, comparison.n_values) == (0, 3 * 30)
    assert [(f.predicted, f.measured) for f in comparison.figures] == [
        (found.record["costs"]["peak_ram_bytes"],) * 2
    ]
    built = subprocess.run(["make", "test"], cwd=tmp_path / "out", capture_output=True, text=True)
    assert "0 of 8 stored outputs differ" in built.stdout


def test_c_of_the_runtime_c_step_takes_a_position_at_a_time_and_is_verified(network, tmp_path):
    config = StudyConfig.model_validate(CONFIG | {"device": {"runtime": "c_step"}})
    spec = network(lambda b, x: b.last_step(b.recurrent(x, "gru", 4)))

    export = export_target(spec, tmp_path / "out", ["c"], config)
    found = verify(tmp_path / "out")

    assert "int model_step(const int8_t *frame" in (tmp_path / "out" / "model.h").read_text()
    assert "`model_step(frame, output)`" in (tmp_path / "out" / "README.md").read_text()
    assert "LENGTH = " in (tmp_path / "out" / "model.ld").read_text()
    assert export.record["runtime"] == "c_step"
    (comparison,) = found.comparisons
    assert (comparison.n_different, comparison.n_values) == (0, 3 * 30)
    assert all(figure.predicted == figure.measured for figure in comparison.figures)


def test_c_is_not_passed_where_there_is_no_compiler(network, config, tmp_path, monkeypatch):
    export_target(network(), tmp_path / "out", ["c", "tflite"], config)
    monkeypatch.setattr("evonas.export.csource_host.shutil.which", lambda name: None)

    found = verify(tmp_path / "out", samples=2)

    assert not found.is_equal
    assert list(found.values) == ["model.tflite", "float"]
    assert found.lines()[0].startswith("model.c: not checked; no C compiler found")
    assert found.lines()[-1] == "NOT verified: model.c not checked"


def test_an_export_in_another_format_removes_the_files_that_belonged_to_c(
    network, config, tmp_path
):
    spec = network()
    export_target(spec, tmp_path / "out", ["c"], config)
    (tmp_path / "out" / "mine.c").write_text("")
    assert (tmp_path / "out" / "Makefile").exists()

    export_target(spec, tmp_path / "out", ["tflite"], config)

    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not names & {"model.c", "model.h", "model_vectors.h", "main.c", "Makefile"}
    assert "mine.c" in names


def test_a_network_that_does_not_fit_is_refused_with_both_numbers(network, config, tmp_path):
    tight = config.with_overrides(["device.reserve.ram=655000"])  # of 655360
    with pytest.raises(ConfigError, match=r"needs 1\.\d+ kB RAM of 360 B"):
        export_target(network(), tmp_path / "out", ("tflite",), tight)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (
            lambda b, x: b.last_step(b.recurrent(x, "gru", 4)),
            "no operator for the cell 'gru', only for an LSTM of full rank. --format c can",
        ),
        (
            lambda b, x: b.last_step(b.recurrent(x, "lstm", 8, rank_u=2)),
            "the cell 'lstm' of low rank",
        ),
        (
            lambda b, x: b.global_average_pool(b.pool(x, "max", 4, pads=((3, 0),))),
            "pools with SAME padding or with none.*--format onnx can",
        ),
    ],
)
def test_what_tflite_cannot_hold_is_named_with_the_format_that_can(
    network, config, tmp_path, read, message
):
    target = network(read)
    with pytest.raises(UnsupportedOpError, match=message):
        export_target(target, tmp_path / "out", ("tflite",), config)


def test_an_lstm_is_exported_as_its_fused_operator(network, config, tmp_path):
    target = network(lambda b, x: b.last_step(b.lstm(x, 5)))
    export_target(target, tmp_path / "out", BOTH, config)
    assert verify(tmp_path / "out").is_equal


def _nan(weights):
    weights["node2.weight"][1, 0] = np.nan


def _other(weights):
    weights["node2.weight"] = np.zeros((3, 5), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_nan, "weights.npz: Weights: node2.weight holds NaN"),
        (_other, r"weights.npz: Weights of another network: node2.weight is \(3, 5\)"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(network, config, tmp_path, change, message):
    with pytest.raises(SpecError, match=message):
        export_target(network(change=change), tmp_path / "out", ("tflite",), config)


def test_a_target_without_weights_or_data_says_what_to_give(network, config, study, tmp_path):
    spec = network()
    out = tmp_path / "out"
    kept = {trial.number for trial in study.front()} | {study.seed_trial().number}
    other = next(t.number for t in study.trials() if t.number not in kept)
    for target, given, message in (
        ("ecgtcn", None, "evonas train ecgtcn --config CONFIG -o DIR"),
        (spec, None, "give --config CONFIG"),
        (network(shape=(3, 24)), config, r"the config's task needs \(2, 24\)"),
        (f"{study.directory}:{other}", None, f"evonas train .*:{other} --config"),
        (f"{study.directory}:seed", config, "leave --config out"),
        (f"{study.directory}:99", None, "there is no trial '99'"),
        ("nothing", None, "is no network"),
    ):
        with pytest.raises(ConfigError, match=message):
            export_target(target, out, ("tflite",), given)
    (tmp_path / "weights.npz").unlink()
    with pytest.raises(ConfigError, match=r"expected the network's weights in .*weights\.npz"):
        export_target(spec, out, ("tflite",), config)
    with pytest.raises(ConfigError, match="Did you mean 'tflite'"):
        export_target(spec, out, ("tflit",), config)
    assert not out.exists()


@pytest.fixture
def lopsided(network, config, tmp_path):
    """Returns a trained network whose first channel, a hundred times larger, hides the others."""
    target = network(lambda b, x: b.global_average_pool(b.relu(b.conv1d(x, 6, kernel=5))))
    spec = evonas.ArchSpec.from_json((tmp_path / "spec.json").read_text())
    task = config.task
    splits = load_splits(task.kind, task.settings, task.validation, 0)
    _, weights = TorchBackend().fit(spec, splits, Recipe(steps=150), 0, METRICS["error"])
    weights["node1.weight"][0] *= 100
    weights["node1.bias"][0] *= 100
    weights["node4.weight"][:, 0] /= 100
    save_weights(tmp_path / "weights.npz", weights)
    return target


def test_a_network_that_int8_makes_worse_is_fine_tuned_and_it_is_said(lopsided, config, tmp_path):
    config = config.with_overrides(["int8.learning_rate=0.01"])

    found = export_target(lopsided, tmp_path / "out", ("tflite",), config)

    scores = found.record["validation"]
    assert scores["float"] == 0
    assert scores["quantised"]["plain"] > 0.1
    assert scores["quantised"]["is_finetuned"]
    assert scores["int8"] < scores["quantised"]["plain"]
    assert ", then fine-tuned in int8 (at first " in "\n".join(found.lines())
    verified = verify(tmp_path / "out")
    assert verified.is_equal
    assert verified.values["float"] < 0.1  # weights.npz stays the float network


def test_fine_tuning_can_be_left_out(lopsided, config, tmp_path):
    options = ExportOptions(finetune_steps=0)
    found = export_target(lopsided, tmp_path / "out", ("tflite",), config, options)
    assert not found.record["validation"]["quantised"]["is_finetuned"]
