import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.tasks.splits import Normalisation, Part, Splits


def _splits(X, y, n_train, num_outputs):
    channels = X.shape[1]
    normalisation = Normalisation(np.zeros(channels, np.float32), np.ones(channels, np.float32))
    train, val, test = (
        Part(X[part], y[part])
        for part in (slice(n_train), slice(n_train, None), slice(len(X), None))
    )
    return Splits(train, val, test, num_outputs, y.dtype.kind == "f", normalisation)


@pytest.fixture
def classes():
    """Three classes that a bump in one of three channels tells apart."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=140)
    X = rng.normal(0, 0.5, (140, 3, 12)).astype(np.float32)
    X[np.arange(140), y, 4:8] += 2
    return _splits(X, y, 80, 3)


@pytest.fixture
def numbers():
    """A target that is 300 + 40 times the mean of the first channel."""
    rng = np.random.default_rng(1)
    X = rng.normal(0, 1, (200, 2, 10)).astype(np.float32)
    y = (300 + 40 * X[:, 0].mean(axis=1)).astype(np.float32)
    return _splits(X, y, 128, 1)


@pytest.fixture
def tiny():
    """Returns a causal network of two convolutions, with the outputs asked for."""

    def make(input_shape, num_outputs):
        b = SpecBuilder()
        x = b.input(input_shape)
        x = b.relu(b.batch_norm(b.conv1d(x, 4, kernel=3, padding="causal", bias=False)))
        x = b.relu(b.batch_norm(b.conv1d(x, 4, kernel=3, dilation=2, padding="same")))
        return b.finish(b.dense(b.global_average_pool(x), num_outputs))

    return make


@pytest.fixture
def several():
    """Three targets of means 300, 5 and 7, and of deviations around 13, 0.1 and 0 (constant)."""
    rng = np.random.default_rng(1)
    X = rng.normal(0, 1, (200, 2, 10)).astype(np.float32)
    first, second = X[:, 0].mean(axis=1), X[:, 1].mean(axis=1)
    y = np.stack([300 + 40 * first, 5 - 0.3 * second, np.full(200, 7)], axis=1)
    return _splits(X, y.astype(np.float32), 128, 3)
