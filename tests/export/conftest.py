"""Fixtures of tests of export formats."""

import numpy as np
import pytest

from evonas.quant.quantize import quantize
from evonas.tasks.splits import Normalisation


@pytest.fixture
def quantized(random_weights):
    """Returns a network in int8 with random weights and a normalisation."""

    def make(spec, seed=0):
        rng = np.random.default_rng(seed)
        channels = spec.input_shape[0]
        X = rng.normal(size=(16, *spec.input_shape)).astype(np.float32)
        mean, std = rng.normal(0, 5, channels), rng.uniform(0.1, 30, channels)
        normalisation = Normalisation(mean.astype(np.float32), std.astype(np.float32))
        return quantize(spec, random_weights(spec, rng), X, normalisation)

    return make
