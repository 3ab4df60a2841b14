import dataclasses

import numpy as np
import pytest

from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.quant.finetune import finetune
from evonas.quant.quantize import quantize
from evonas.quant.score import int8_score, score_outputs
from evonas.tasks.metrics import METRICS

STEPS = Recipe(steps=300, learning_rate=3e-3)


def quantized(spec, weights, splits, **how):
    return quantize(spec, weights, splits.train.X, splits.normalisation, **how)


def loss(network, splits):
    metric = METRICS["rmse" if splits.is_regression else "error"]
    return int8_score(network, splits.val, splits, metric).loss


def test_fine_tuning_brings_a_network_back_that_int8_had_ruined(ruined, bumps):
    spec, weights = ruined
    floating = TorchBackend().predict(spec, weights, bumps.val.X)
    plain = quantized(spec, weights, bumps)

    tuned = finetune(plain, weights, bumps, STEPS, seed=0)
    after = quantized(spec, tuned.weights, bumps, ranges=tuned.ranges)

    expected = score_outputs(floating, bumps.val, bumps, METRICS["error"]).loss
    assert loss(plain, bumps) > expected + 0.3
    assert loss(after, bumps) < expected
    assert tuned.error is None


def test_weights_move_and_the_statistics_of_batch_norms_stay(ruined, bumps):
    spec, weights = ruined
    before = {name: array.copy() for name, array in weights.items()}

    recipe = dataclasses.replace(STEPS, steps=10)

    tuned = finetune(quantized(spec, weights, bumps), weights, bumps, recipe, seed=0)

    same = {name for name, array in tuned.weights.items() if np.array_equal(array, weights[name])}
    assert same == {name for name in weights if "running_" in name}
    assert all(np.array_equal(weights[name], array) for name, array in before.items())


def test_the_same_seed_gives_the_same_bits_and_another_one_others(ruined, bumps):
    spec, weights = ruined
    start = quantized(spec, weights, bumps)
    recipe = dataclasses.replace(STEPS, steps=5, batch_size=8)

    first, second, other = (finetune(start, weights, bumps, recipe, s) for s in (3, 3, 4))

    assert first.ranges == second.ranges
    assert all(np.array_equal(first.weights[n], second.weights[n]) for n in weights)
    assert not np.array_equal(first.weights["node1.weight"], other.weights["node1.weight"])


def test_a_numeric_target_is_tuned_in_its_own_unit(network, heights):
    spec = network((2, 10), 1)
    _, weights = TorchBackend().fit(spec, heights, Recipe(steps=150), 0, METRICS["rmse"])
    wide = {i: (-400.0, 2000.0) for i in range(20)}  # the input and the target at 9.4 a step
    start = quantized(spec, weights, heights, ranges=wide)

    tuned = finetune(start, weights, heights, dataclasses.replace(STEPS, steps=150), seed=0)
    after = quantized(spec, tuned.weights, heights, ranges=tuned.ranges)

    assert heights.train.y.mean() == pytest.approx(300, rel=0.02)
    assert loss(after, heights) < 0.5 * loss(start, heights)


def test_a_training_that_diverges_says_so(ruined, bumps):
    spec, weights = ruined
    recipe = dataclasses.replace(STEPS, learning_rate=1e6)

    tuned = finetune(quantized(spec, weights, bumps), weights, bumps, recipe, seed=0)

    assert "diverged" in tuned.error
