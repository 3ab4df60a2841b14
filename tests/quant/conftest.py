import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.tasks.metrics import METRICS
from evonas.tasks.splits import Normalisation, Part, Splits


def _splits(X, y, n_train, num_outputs):
    ones = np.ones(X.shape[1], np.float32)
    train, val, test = (
        Part(X[part], y[part])
        for part in (slice(n_train), slice(n_train, None), slice(len(X), None))
    )
    return Splits(train, val, test, num_outputs, y.dtype.kind == "f", Normalisation(0 * ones, ones))


@pytest.fixture
def bumps():
    """Three classes that a bump in one of three channels tells apart, mostly."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=240)
    X = rng.normal(0, 1, (240, 3, 12)).astype(np.float32)
    X[np.arange(240), y, 4:8] += 2
    return _splits(X, y, 120, 3)


@pytest.fixture
def heights():
    """A target that is 300 + 40 times the mean of the first channel."""
    rng = np.random.default_rng(1)
    X = rng.normal(0, 1, (200, 2, 10)).astype(np.float32)
    y = (300 + 40 * X[:, 0].mean(axis=1)).astype(np.float32)
    return _splits(X, y, 128, 1)


@pytest.fixture
def network():
    """Returns a network of two convolutions, with the outputs asked for."""

    def make(input_shape, num_outputs):
        b = SpecBuilder()
        x = b.input(input_shape)
        x = b.relu(b.batch_norm(b.conv1d(x, 6, kernel=3, padding="causal", bias=False)))
        x = b.relu(b.batch_norm(b.conv1d(x, 6, kernel=3, dilation=2, padding="same")))
        return b.finish(b.dense(b.global_average_pool(x), num_outputs))

    return make


@pytest.fixture
def ruined(network, bumps):
    """A trained network and its weights: one channel that nothing reads has values near 1000."""
    spec = network((3, 12), 3)
    recipe = Recipe(steps=100)
    _, weights = TorchBackend().fit(spec, bumps, recipe, 0, METRICS["error"])
    weights["node5.bias"][0] = 1000.0
    weights["node8.weight"][:, 0] = 0.0
    return spec, weights
