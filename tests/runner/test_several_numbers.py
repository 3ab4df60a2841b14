"""Regressions of several numbers a sample, from the data to what is deployed."""

import dataclasses

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.config import StudyConfig
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.quant.finetune import finetune
from evonas.quant.quantize import quantize
from evonas.quant.score import int8_outputs
from evonas.runner.export import export_target
from evonas.runner.init import commented_config
from evonas.runner.search import search
from evonas.runner.verify import verify
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

RMSE = METRICS["rmse"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Targets near 20 and near -8: multiples of the mean of either channel."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2, 16)).astype(np.float32)
    y = np.array([20.0, -8.0]) + X.mean(axis=2) * [12.0, 10.0]
    path = tmp_path_factory.mktemp("data") / "two.npz"
    np.savez(path, X_train=X[:200], y_train=y[:200], X_test=X[200:], y_test=y[200:])
    return path


@pytest.fixture(scope="module")
def study(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "two"
    config = {
        "study": {"name": "two", "dir": str(folder)},
        "task": {"kind": "npz", "path": str(data)},
        "space": {
            "kind": "tcn",
            "seed_network": {"widths": [8], "kernel": 3, "dense": []},
        },
        "device": {"name": "stm32l4r5", "runtime": "tflm"},
        "search": {
            "searcher": "random", "objectives": ["error", "params"], "pop_size": 2, "n_jobs": 1,
            "budget": {"trials": 2},
        },
        "proxy": {"steps": 40},
        "final": {"steps": 300, "learning_rate": 0.02, "candidates": 1},
    }  # fmt: skip
    return search(StudyConfig.model_validate(config))


def test_a_search_learns_both_numbers_in_their_units(study):
    seed = study.seed_trial()
    mean = study.splits.train.y.mean(axis=0)
    constant = RMSE(study.splits.test.y, np.broadcast_to(mean, study.splits.test.y.shape))

    assert study.splits.num_outputs == 2
    assert seed.spec.output_shape == (2,)
    assert seed.mean_metrics("test")["error"] < 0.5 * constant
    report = (study.directory / "report.md").read_text(encoding="utf-8")
    assert "from 2 × 16 inputs to 2 numbers" in report


def test_what_is_exported_answers_both_numbers_in_their_units(study, tmp_path):
    out = tmp_path / "out"
    export_target(f"{study.directory}:seed", out, ("tflite", "c", "onnx"))
    found = verify(out)

    assert found.is_equal
    assert found.metric == "rmse"
    for value in found.values.values():
        assert value == pytest.approx(found.values["float"], rel=0.1)
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "to 2 numbers" in text
    assert "in the order of their columns" in text


def test_init_proposes_a_regression(data):
    text = commented_config(str(data), "stm32l4r5")

    assert "2 channels x 16 samples, 2 numbers; 150 training, 50 validation, 100 test" in text
    assert 'metric = "rmse"' in text


def test_fine_tuning_keeps_every_column_in_its_unit(data):
    splits = load_splits("npz", {"path": str(data)}, 0.25, 0)
    b = SpecBuilder()
    x = b.relu(b.batch_norm(b.conv1d(b.input((2, 16)), 8, 3, padding="causal", bias=False)))
    spec = b.finish(b.dense(b.global_average_pool(x), 2))
    recipe = Recipe(steps=200, learning_rate=0.02)
    result, weights = TorchBackend().fit(spec, splits, recipe, 0, RMSE)
    start = quantize(spec, weights, splits.train.X, splits.normalisation)

    short = dataclasses.replace(recipe, steps=40, learning_rate=2e-3)
    tuned = finetune(start, weights, splits, short, seed=0)
    after = quantize(spec, tuned.weights, splits.train.X, splits.normalisation, ranges=tuned.ranges)

    outputs = int8_outputs(after, splits.val.X)
    assert tuned.error is None
    assert outputs.mean(axis=0) == pytest.approx(splits.val.y.mean(axis=0), abs=1)
    assert RMSE(splits.val.y, outputs) < 1.2 * result.metric
