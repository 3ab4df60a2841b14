"""Fixtures of several packages' tests."""

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.proxy.weights import initial_weights


def _weights(spec, rng):
    weights = {}
    for name, array in initial_weights(spec, int(rng.integers(1 << 30))).items():
        if name.endswith("running_var"):
            array = rng.uniform(0.3, 4, array.shape)
        elif name.endswith(("bias", "running_mean")):
            array = array + rng.normal(0, 0.3, array.shape)
        elif array.ndim > 1:
            array = 2.4 * array  # so that signals reach the end of deep networks
        weights[name] = array.astype(np.float32)
    return weights


@pytest.fixture
def random_weights():
    """Weights of a spec as if trained: biases and statistics of batch norms are random too."""
    return _weights


@pytest.fixture
def builder():
    return SpecBuilder()
