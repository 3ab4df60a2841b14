"""The int8 LSTM against PyTorch; tests/export holds it against TFLite Micro, byte by byte."""

import numpy as np
import pytest
import torch

from evonas.arch import SpecBuilder
from evonas.errors import SpecError
from evonas.proxy.build import build, load_weights
from evonas.proxy.weights import initial_weights
from evonas.quant.feed import channels_last
from evonas.quant.quantize import quantize
from evonas.quant.reference import run


def lstm_spec(channels=6, steps=32, hidden=16):
    b = SpecBuilder()
    return b.finish(b.lstm(b.input((channels, steps)), hidden))


def outputs(spec, weights, X):
    """Returns PyTorch's outputs with channels last, (n, steps, hidden)."""
    module = build(spec).eval()
    load_weights(module, weights)
    with torch.inference_mode():
        return module(torch.from_numpy(X))[:, :, 0].numpy().transpose(0, 2, 1)


def int8_inputs(network, X):
    q = np.rint(channels_last(X) / network.input.scale) + network.input.zero_point
    return np.clip(q, -128, 127).astype(np.int8)


@pytest.fixture
def signals():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(64, 6, 100))
    for t in range(1, 100):
        noise[:, :, t] = 0.9 * noise[:, :, t - 1] + 0.44 * noise[:, :, t]
    return noise.astype(np.float32)


def test_over_100_steps_it_stays_within_half_a_percent_of_pytorch(random_weights, signals):
    for seed in range(4):
        spec = lstm_spec(steps=100)
        weights = random_weights(spec, np.random.default_rng(seed))
        network = quantize(spec, weights, signals)
        expected = outputs(spec, weights, signals)

        q = run(network, int8_inputs(network, signals)).reshape(expected.shape)
        found = (q.astype(float) - network.output.zero_point) * network.output.scale

        error = np.abs(found - expected) / np.ptp(expected)
        assert error.mean() < 0.005  # measured: 0.0019
        assert error[:, -1].mean() < 0.005


def test_the_scale_of_the_cell_state_covers_its_values(random_weights, signals):
    spec = lstm_spec(steps=100)
    weights = random_weights(spec, np.random.default_rng(0))
    weights["node1.bias_ih"][16:32] += 6  # gates that forget nothing
    weights["node1.bias_ih"][:16] += 3

    power = quantize(spec, weights, signals).ops[0].parameters.cell_power

    assert power == -9  # sums of up to 100 numbers: beyond 32


def test_scales_are_one_a_gate_and_matrix(random_weights, signals):
    spec = lstm_spec(steps=100)
    weights = random_weights(spec, np.random.default_rng(0))
    weights["node1.weight_ih"][32:48] *= 5  # the cell gate's

    p = quantize(spec, weights, signals).ops[0].parameters

    largest = np.abs(weights["node1.weight_ih"].reshape(4, -1)).max(axis=1)
    np.testing.assert_allclose(p.input_scales * 127, largest, rtol=1e-6)
    assert (np.abs(p.input_weights.astype(int)).reshape(4, -1).max(axis=1) == 127).all()
    assert (np.abs(p.state_weights.astype(int)).reshape(4, -1).max(axis=1) == 127).all()


def test_sums_that_could_leave_32_bits_are_an_error(random_weights, signals):
    spec = lstm_spec(steps=100)
    weights = random_weights(spec, np.random.default_rng(0))
    weights["node1.weight_ih"] *= 1e5

    with pytest.raises(SpecError, match="Node 1: the sums of the LSTM's gates could reach"):
        quantize(spec, weights, signals)


def test_weights_of_zero_are_an_lstm_that_says_nothing(signals):
    spec = lstm_spec(steps=100)
    zeros = {name: 0 * array for name, array in initial_weights(spec, 0).items()}
    network = quantize(spec, zeros, signals)

    q = run(network, int8_inputs(network, signals))

    assert (q == network.output.zero_point).all()
