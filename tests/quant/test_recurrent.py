"""Recurrent cells in int8: against PyTorch, and against a plain 32-bit walk of their equations."""

import numpy as np
import pytest
import torch

from evonas.arch import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.arch.lower import lower
from evonas.errors import SpecError
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.build import build, load_weights
from evonas.proxy.recipe import Recipe
from evonas.quant.feed import answers, channels_last, feed, natural
from evonas.quant.quantize import quantize
from evonas.quant.recurrent import evaluate
from evonas.quant.reference import run
from evonas.quant.tables import TABLE
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

CHANNELS, STEPS, HIDDEN = 12, 100, 16
LAYERS = [(cell, 0, 0) for cell in CELLS if cell != "lstm"] + [(cell, 4, 5) for cell in CELLS]
"""Cell, rank of W, rank of U."""

FULL_32_BITS = range(-(1 << 31), 1 << 31)


def layer(cell, rank_w, rank_u, last_only=False):
    b = SpecBuilder()
    x = b.recurrent(b.input((CHANNELS, STEPS)), cell, HIDDEN, rank_w, rank_u)
    return b.finish(b.last_step(x) if last_only else x)


@pytest.fixture(scope="module")
def signals():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(48, CHANNELS, STEPS))
    for t in range(1, STEPS):
        noise[:, :, t] = 0.9 * noise[:, :, t - 1] + 0.44 * noise[:, :, t]
    return noise.astype(np.float32)


def outputs(spec, weights, X):
    """Returns PyTorch's outputs with channels last."""
    module = build(spec).eval()
    load_weights(module, weights)
    with torch.inference_mode():
        y = module(torch.from_numpy(X)).numpy()
    return y if y.ndim == 2 else y[:, :, 0].transpose(0, 2, 1)


def int8_inputs(network, X):
    q = np.rint(channels_last(X) / network.input.scale) + network.input.zero_point
    return np.clip(q, -128, 127).astype(np.int8)


@pytest.mark.parametrize(("cell", "rank_w", "rank_u"), LAYERS)
def test_in_floating_point_a_cell_is_that_of_pytorch(random_weights, signals, cell, rank_w, rank_u):
    spec = layer(cell, rank_w, rank_u)
    weights = random_weights(spec, np.random.default_rng(1))
    op = lower(spec).ops[0]
    parts = {name.removeprefix("node1."): array for name, array in weights.items()}

    found = evaluate(op, parts, (1, STEPS, HIDDEN), channels_last(signals))

    np.testing.assert_allclose(found, outputs(spec, weights, signals), atol=2e-5)


@pytest.mark.parametrize(("cell", "rank_w", "rank_u"), LAYERS)
def test_over_100_steps_the_mean_error_stays_below_a_hundredth_of_the_range(
    random_weights, signals, cell, rank_w, rank_u
):
    spec = layer(cell, rank_w, rank_u)
    for seed in range(2):
        weights = random_weights(spec, np.random.default_rng(seed))
        network = quantize(spec, weights, signals)
        expected = outputs(spec, weights, signals)

        found = run(network, int8_inputs(network, signals)).reshape(expected.shape)

        error = np.abs(found * network.output.scale - expected) / np.ptp(expected)
        # measured: 0.0012 to 0.0040, the plain cell of low rank 0.0067
        assert error.mean() < 0.01
        assert error[:, -1].mean() < 0.01  # nothing builds up


@pytest.mark.parametrize(("cell", "rank_w", "rank_u"), LAYERS)
def test_the_last_state_alone_is_the_end_of_the_sequence(
    random_weights, signals, cell, rank_w, rank_u
):
    spec, last = layer(cell, rank_w, rank_u), layer(cell, rank_w, rank_u, last_only=True)
    weights = random_weights(spec, np.random.default_rng(0))

    # with ranges of all values: there is one sequence of states, but two samples of outputs
    whole, end = (quantize(s, weights, signals, method="minmax") for s in (spec, last))

    sequence = run(whole, int8_inputs(whole, signals)).reshape(-1, STEPS, HIDDEN)
    np.testing.assert_array_equal(run(end, int8_inputs(end, signals)), sequence[:, -1])


class Walk:
    """One position of one sample after another in Python's integers, none beyond 32 bits.

    A second reading of the equations that evonas.quant.recurrent_run states, unit by unit as C
    would do it.
    """

    def __init__(self, cell, p):
        self.cell, self.p = cell, p
        self.state = [0] * HIDDEN
        self.carried = [0] * HIDDEN

    def check(self, value):
        assert value in FULL_32_BITS
        return value

    def clip(self, value, bits):
        return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, self.check(value)))

    def shifted(self, value, n):
        return self.check(self.check(value) + (1 << (n - 1))) >> n

    def requantize(self, value, multiplier, shift):
        value = self.check(value << max(shift, 0))
        high = (value * int(multiplier) + (1 << 30)) >> 31  # the one product of 64 bits
        n = max(-shift, 0)
        half = (1 << n) >> 1
        return high if n == 0 else (high + half - (high < 0)) >> n

    def dot(self, row, x, bias=0):
        return self.check(sum(int(w) * v for w, v in zip(row, x, strict=True)) + int(bias))

    def product(self, matrix, gate, x):
        if matrix.first is not None:
            f = matrix.first
            x = [
                self.clip(self.requantize(self.dot(row, x), f.multiplier, f.shift), 8)
                for row in f.weights
            ]
        scale = (int(matrix.multipliers[gate]), int(matrix.shifts[gate]))
        rows = zip(matrix.weights[gate], matrix.biases[gate], strict=True)
        return [self.clip(self.requantize(self.dot(row, x, b), *scale), 16) for row, b in rows]

    def curve(self, value, power, is_tanh):
        """Sigmoid or tanh by interpolation of the table, as C would look it up."""
        left = 12 + power
        scaled = 3 * value << left if left >= 0 else self.shifted(3 * value, -left)
        bits = 8 if is_tanh else 9
        index, share = abs(scaled) >> bits, abs(scaled) & ((1 << bits) - 1)
        if index >= 255:
            y = ((1 << 16) - 1) << 8 if is_tanh else 32767 << 10
        else:
            y = (int(TABLE[index]) << bits) + share * int(TABLE[index + 1] - TABLE[index])
        if is_tanh:
            return (y - (1 << 23) + 128 if scaled >= 0 else (1 << 23) - y + 127) >> 8
        return (y + 512 if scaled >= 0 else (1 << 25) - y + 511) >> 10

    def sigmoid(self, value):
        return self.curve(self.clip(value, 16), self.p.sum_power, is_tanh=False)

    def tanh(self, value):
        return self.curve(self.clip(value, 16), self.p.sum_power, is_tanh=True)

    def output(self, value):
        return self.clip(self.requantize(value, self.p.output_multiplier, self.p.output_shift), 8)

    def mixed(self, share, a, b):
        return self.shifted(self.check(share * a) + self.check((32768 - share) * b), 15)

    def step(self, x):
        gates = range(CELLS[self.cell].gates)
        w = [self.product(self.p.w, gate, x) for gate in gates]
        if self.cell == "mgu":
            u_f = self.product(self.p.u, 0, self.state)
            f = [self.sigmoid(w[0][j] + u_f[j]) for j in range(HIDDEN)]
            gated = [self.output(self.shifted(f[j] * self.carried[j], 15)) for j in range(HIDDEN)]
            u = [f, self.product(self.p.u, 1, gated)]
        else:
            u = [self.product(self.p.u, gate, self.state) for gate in gates]
        values = [self.unit(j, [g[j] for g in w], [g[j] for g in u]) for j in range(HIDDEN)]
        self.state = [self.output(value) for value in values]
        return self.state

    def unit(self, j, w, u):
        p, h = self.p, self.carried[j]
        if self.cell == "rnn":
            return self.tanh(w[0] + u[0])
        if self.cell == "lstm":
            i, f, o = (self.sigmoid(w[k] + u[k]) for k in (0, 1, 3))
            new = self.shifted(i * self.tanh(w[2] + u[2]), 30 + p.state_power)
            self.carried[j] = self.clip(self.shifted(f * h, 15) + new, 16)
            return self.shifted(o * self.curve(self.carried[j], p.state_power, is_tanh=True), 15)
        if self.cell == "fastgrnn":
            shared = self.clip(w[0] + u[0], 16)
            z = self.sigmoid(shared + int(p.shared_biases[0][j]))
            c = self.tanh(shared + int(p.shared_biases[1][j]))
            share = self.shifted(p.scalars[0] * (32768 - z), 15) + p.scalars[1]
            new = self.shifted(self.check(share * c), 30 + p.state_power)
            h = self.clip(self.shifted(z * h, 15) + new, 16)
        elif self.cell == "ugrnn":
            h = self.mixed(self.sigmoid(w[0] + u[0]), h, self.tanh(w[1] + u[1]))
        elif self.cell == "mgu":
            h = self.mixed(u[0], self.tanh(w[1] + u[1]), h)
        else:
            r, z = self.sigmoid(w[0] + u[0]), self.sigmoid(w[1] + u[1])
            h = self.mixed(z, h, self.tanh(w[2] + self.shifted(r * u[2], 15)))
        self.carried[j] = h
        return h


@pytest.mark.parametrize(("cell", "rank_w", "rank_u"), LAYERS)
def test_no_integer_leaves_32_bits(random_weights, signals, cell, rank_w, rank_u):
    spec = layer(cell, rank_w, rank_u)
    network = quantize(spec, random_weights(spec, np.random.default_rng(2)), signals)
    rng = np.random.default_rng(3)
    q = rng.integers(-128, 128, (1, 1, STEPS, CHANNELS)).astype(np.int8)
    q[0, 0, -30:-10] = rng.choice([-128, 127], (20, CHANNELS))
    q[0, 0, -10:] = 127

    walk = Walk(cell, network.ops[0].parameters)
    expected = [
        walk.step([int(v) - network.input.zero_point for v in q[0, 0, t]]) for t in range(STEPS)
    ]

    np.testing.assert_array_equal(run(network, q).reshape(STEPS, HIDDEN), expected)
    assert len(np.unique(expected)) > 50


def test_units_grow_with_sums_and_states(random_weights, signals):
    spec = layer("fastgrnn", 0, 0)
    weights = random_weights(spec, np.random.default_rng(0))
    small = quantize(spec, weights, signals).ops[0].parameters
    weights["node1.weight_w"] *= 4
    weights["node1.scalars"][:] = 4  # zeta and nu near 1: states beyond 1
    large = quantize(spec, weights, signals).ops[0].parameters

    assert small.sum_power < large.sum_power <= -9
    assert small.state_power < large.state_power
    assert large.scalars == (32179, 32179)  # 2^15 / (1 + e^-4)


def test_sums_that_could_leave_32_bits_are_an_error(random_weights, signals):
    spec = layer("gru", 0, 0)
    weights = random_weights(spec, np.random.default_rng(0))
    weights["node1.weight_u"] *= 1e6

    with pytest.raises(SpecError, match="Node 1: the sums of the cell's gates could reach"):
        quantize(spec, weights, signals)


def test_frames_are_stacked_and_what_is_left_over_is_cut_off(random_weights, signals):
    b = SpecBuilder()
    x = b.recurrent(b.stack_frames(b.input((CHANNELS, STEPS)), 3), "gru", HIDDEN)
    spec = b.finish(b.dense(b.last_step(x), 4))
    weights = random_weights(spec, np.random.default_rng(0))
    expected = outputs(spec, weights, signals)

    network = quantize(spec, weights, signals)

    kinds = [op.kind for op in network.graph.ops]
    assert kinds == ["strided_slice", "stack", "recurrent", "dense"]
    q = run(network, int8_inputs(network, signals)).astype(float)
    found = (q - network.output.zero_point) * network.output.scale
    assert np.abs(found - expected).mean() < 0.01 * np.ptp(expected)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "rank_w", "rank_u"), [*LAYERS, ("lstm", 0, 0)])
def test_trained_on_speech_the_error_in_int8_is_within_a_point(cell, rank_w, rank_u):
    splits = load_splits("aeon", {"name": "JapaneseVowels"}, validation=0.25, seed=0)
    error = METRICS["error"]
    b = SpecBuilder()
    x = b.recurrent(b.input((12, 25)), cell, 16, rank_w, rank_u)
    spec = b.finish(b.dense(b.last_step(x), 9))
    backend = TorchBackend()
    _, weights = backend.fit(spec, splits, Recipe(epochs=25, learning_rate=0.01), 0, error)
    predicted = backend.predict(spec, weights, splits.test.X).argmax(axis=1)
    expected = error(splits.test.y, predicted)

    network = quantize(spec, weights, splits.train.X, splits.normalisation)
    q = feed(network, natural(splits.test.X, splits.normalisation))
    found = error(splits.test.y, answers(network, run(network, q)).argmax(axis=1))

    assert expected < 0.25
    assert abs(found - expected) <= 0.01
