"""Gradient-based searches on a task of several numbers a sample."""

import numpy as np
import pytest

from evonas.baselines import BASELINES
from evonas.baselines.baseline import SearchTask
from evonas.devices import load_device
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.spaces import SPACES
from evonas.tasks.split import split
from evonas.tasks.splits import RawData


@pytest.fixture(scope="module")
def splits():
    """Targets near 20 and near -8: multiples of the mean of either channel."""
    X = np.random.default_rng(0).normal(size=(240, 2, 16)).astype(np.float32)
    y = np.array([20.0, -8.0]) + X.mean(axis=2) * [12.0, 2.0]
    return split(RawData(X_train=X, y_train=y, X_test=X[:0], y_test=y[:0]), 0.25, seed=0)


@pytest.mark.parametrize(
    ("name", "kind"), [("pit", "tcn"), ("fbnetv2", "tcn"), ("morphnet", "tcn"), ("dnas", "tcn")]
)
def test_what_a_method_finds_answers_both_numbers_in_their_units(name, kind, splits):
    settings = {"seed_network": {"widths": [8, 8], "kernel": 3}}
    space = SPACES.get(kind).from_settings(settings, (2, 16), 2)
    recipe = Recipe(steps=150, batch_size=16, learning_rate=0.02)
    device = load_device("stm32l4r5")
    task = SearchTask(kind, space, splits, device, "tflm", ("params",), recipe, 0)
    method = BASELINES.get(name)

    found = method(task, method.Settings()).search(0.0)

    outputs = TorchBackend().predict(found.spec, found.weights, splits.val.X)
    wrong = np.sqrt(np.mean((outputs - splits.val.y) ** 2, axis=0))
    assert found.error is None
    assert (wrong < splits.val.y.std(axis=0)).all()
