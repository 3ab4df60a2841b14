"""What int8 costs in accuracy: trained networks, fed in natural units, against floating point."""

import os

import numpy as np
import pytest

from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.quant.feed import answers, feed, natural
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.spaces.tcn import TCNSpace
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import predictions, resolve_metric

SEED = {"seed_network": {"widths": [16, 32, 32], "kernel": 7, "pool": [1, 2]}}


def int8_and_float(kind, settings, steps, anchor=0):
    """Returns the test metric of a trained TCN in int8 and in floating point."""
    splits = load_splits(kind, settings, 0.25, seed=0)
    metric = resolve_metric(None, splits.is_regression)
    space = TCNSpace.from_settings(SEED, splits.input_shape, splits.num_outputs)
    spec = space.decode(space.anchors()[anchor])
    _, weights = TorchBackend().fit(spec, splits, Recipe(steps=steps), 0, metric)
    network = quantize(spec, weights, splits.train.X, splits.normalisation)

    q = feed(network, natural(splits.test.X, splits.normalisation))
    outputs = answers(network, run(network, q))
    expected = TorchBackend().predict(spec, weights, splits.test.X)
    return tuple(
        metric(splits.test.y, predictions(each, splits.is_regression))
        for each in (outputs, expected)
    )


def test_waves_are_told_apart_in_int8_as_in_floating_point():
    settings = {"pattern": "waves", "train": 200, "test": 1000, "noise": 1.5}

    int8, floating = int8_and_float("synthetic", settings, steps=60, anchor=2)

    assert 0.005 < floating < 0.3
    assert abs(int8 - floating) <= 0.01


@pytest.mark.slow
def test_the_quickstarts_speakers_are_told_apart_in_int8():
    pytest.importorskip("aeon")

    int8, floating = int8_and_float("aeon", {"name": "JapaneseVowels"}, steps=300)

    assert floating < 0.1
    assert int8 - floating <= 0.01


@pytest.mark.slow
@pytest.mark.skipif("EVONAS_DATA" not in os.environ, reason="needs the data sets")
@pytest.mark.parametrize("name", ["ecg5000", "hapt"])
def test_int8_is_within_a_point_of_floating_point(name):
    int8, floating = int8_and_float("npz", {"path": f"${{EVONAS_DATA}}/{name}.npz"}, steps=300)

    assert floating < 0.2
    assert int8 - floating <= 0.01


@pytest.mark.slow
@pytest.mark.skipif("EVONAS_DATA" not in os.environ, reason="needs the data sets")
def test_numbers_are_met_in_int8_within_a_hundredth_of_their_error():
    settings = {"path": "${EVONAS_DATA}/cmapss_fd001.npz"}

    int8, floating = int8_and_float("npz", settings, steps=300)

    assert int8 <= 1.02 * floating


def test_outputs_differ_from_floating_point_by_a_few_steps(random_weights, builder):
    x = builder.input((3, 60))
    for dilation in (1, 2, 4):
        y = builder.conv1d(x, 12, 3, dilation=dilation, padding="causal", bias=False)
        x = builder.relu(builder.batch_norm(y))
    spec = builder.finish(builder.dense(builder.global_average_pool(x), 4))
    weights = random_weights(spec, np.random.default_rng(0))
    X = np.random.default_rng(1).normal(size=(400, 3, 60)).astype(np.float32)
    network = quantize(spec, weights, X)

    outputs = answers(network, run(network, feed(network, X)))

    expected = TorchBackend().predict(spec, weights, X)
    assert np.abs(outputs - expected).mean() < 4 * network.output.scale
    assert expected.std() > 20 * network.output.scale
