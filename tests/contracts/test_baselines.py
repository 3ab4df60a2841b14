"""What every gradient-based search owes: decisions that move, honest costs, exact networks."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest

from evonas.baselines import BASELINES
from evonas.baselines.baseline import SearchTask, sweep
from evonas.cost import count_params
from evonas.devices import load_device
from evonas.errors import ConfigError
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.proxy.weights import initial_weights
from evonas.spaces import SPACES
from evonas.tasks import TASKS
from evonas.tasks.metrics import METRICS
from evonas.tasks.split import split

PAIRS = [
    ("dnas", "metakernel"),
    ("dnas", "rnn"),
    ("dnas", "tcn"),
    ("ednas", "metakernel"),
    ("fbnetv2", "metakernel"),
    ("fbnetv2", "rnn"),
    ("fbnetv2", "tcn"),
    ("morphnet", "metakernel"),
    ("morphnet", "rnn"),
    ("morphnet", "tcn"),
    ("pit", "tcn"),
    ("proxylessnas", "metakernel"),
    ("proxylessnas", "rnn"),
    ("proxylessnas", "tcn"),
]
"""(method, space): every pair that a method says it applies to."""

QUICK = {("fbnetv2", "rnn"), ("ednas", "metakernel"), ("pit", "tcn")}
"""Pairs whose sweeps run in every run of the tests, one a space; the others are slow."""

SEEDS = {
    "tcn": {"widths": [8, 8, 12], "kernel": 9, "pool": [1]},
    "rnn": {"cell": "gru", "hidden": [12, 10]},
    "metakernel": {"widths": [8, 12], "kernel": 5, "stride": [2, 2], "repeats": [2, 1]},
}
RECIPE = Recipe(steps=100, batch_size=16, learning_rate=0.01)
DEVICE = load_device("stm32l4r5")
SWEPT = 6
REACHABLE = 32.0
"""By what the seeds' costs can be divided: beyond, every bound gives the smallest network."""

BY_CHANCE = {("fbnetv2", "rnn")}
"""Pairs with one or two choices in all, that a search's own chances decide near the smallest."""

SPAN = 0.5
"""Natural logarithms by which a sweep's cost falls at least from its lowest to highest strength."""


@functools.cache
def _splits():
    task = TASKS.get("synthetic")
    settings = task.Settings(pattern="waves", train=240, test=0, shape=(1, 32), noise=0.3)
    return split(task(settings).load(), 0.25, seed=0)


@functools.cache
def _task(kind, costs=("params",), seed=0):
    splits = _splits()
    space = SPACES.get(kind).from_settings(
        {"seed_network": SEEDS[kind]}, splits.input_shape, splits.num_outputs
    )
    return SearchTask(kind, space, splits, DEVICE, "tflm_reference" if kind == "rnn" else "tflm",
                      costs, RECIPE, seed)  # fmt: skip


def _method(name, kind, **changes):
    cls = BASELINES.get(name)
    return cls(dataclasses.replace(_task(kind), **changes), cls.Settings())


@functools.cache
def _swept(name, kind):
    """Returns strength 0 and a sweep from one warm-up, the strengths ascending."""
    method = _method(name, kind)
    strengths = _strengths(type(method))
    return [method.search(0.0), *(method.search(s) for s in strengths)], method.state()


def _strengths(cls):
    low, high = cls.strengths
    if cls.has_targets:  # the smallest networks here have a 40th to a 130th of the seed's params
        high = min(high, REACHABLE)
    return [float(strength) for strength in np.geomspace(low, high, SWEPT)]


def _error(found):
    splits = _splits()
    outputs = TorchBackend().predict(found.spec, found.weights, splits.val.X)
    return float(np.mean(outputs.argmax(1) != splits.val.y))


pairs = pytest.mark.parametrize(("name", "kind"), PAIRS)
swept_pairs = pytest.mark.parametrize(
    ("name", "kind"),
    [pair if pair in QUICK else pytest.param(*pair, marks=pytest.mark.slow) for pair in PAIRS],
)


def test_every_pair_that_a_method_applies_to_is_tested():
    declared, absent = set(), set()
    for name in BASELINES.names():
        try:
            declared |= {(name, kind) for kind in BASELINES.get(name).spaces}
        except ModuleNotFoundError:
            absent.add(name)

    assert declared == set(PAIRS)
    assert absent == set()


@pytest.mark.parametrize("name", sorted({name for name, _ in PAIRS}))
def test_a_space_that_a_method_does_not_apply_to_is_refused(name):
    cls = BASELINES.get(name)
    others = sorted(set(SPACES.names()) - set(cls.spaces))

    for kind in others:
        with pytest.raises(ConfigError, match=f"does not apply to the {kind} space"):
            cls(_task(kind), cls.Settings())


@swept_pairs
def test_decisions_flip_and_are_counted(name, kind):
    found, _ = _swept(name, kind)

    assert found[-1].n_changed > 0
    assert all(0 <= each.n_changed <= each.n_parameters for each in found)


@swept_pairs
def test_costs_fall_as_the_strength_grows(name, kind):
    found, _ = _swept(name, kind)
    costs = [each.costs["params"] for each in found[1:]]
    rises = [later > earlier for earlier, later in itertools.combinations(costs, 2)]

    assert np.mean(rises) <= (0.2 if (name, kind) in BY_CHANCE else 0.1)
    assert np.log(costs[0] / costs[-1]) > SPAN


@swept_pairs
def test_strength_0_keeps_the_seed_s_accuracy(name, kind):
    found, _ = _swept(name, kind)
    recipe = dataclasses.replace(RECIPE, steps=2 * RECIPE.steps)
    task = _task(kind)
    backend = TorchBackend()
    _, weights = backend.fit(task.space.seed, task.splits, recipe, 0, METRICS["error"])
    seed = dataclasses.replace(found[0], spec=task.space.seed, weights=weights)

    assert _error(found[0]) <= _error(seed) + 0.1


@swept_pairs
def test_networks_lie_in_the_space_and_cost_what_is_said(name, kind):
    task = _task(kind)
    for each in _swept(name, kind)[0]:
        assert task.space.decode(each.genome) == each.spec
        assert each.costs == {"params": count_params(each.spec)}
        assert each.error is None


@swept_pairs
def test_weights_are_those_of_the_searched_network(name, kind):
    """They err less than chance without any further training, where the network can."""
    found, _ = _swept(name, kind)

    assert _error(found[0]) < 0.6 * (1 - 1 / _splits().num_outputs)
    for each in found:
        shapes = {key: array.shape for key, array in each.weights.items()}
        assert shapes == {k: v.shape for k, v in initial_weights(each.spec, 0).items()}


@swept_pairs
def test_the_same_seed_gives_the_same_result_and_a_kept_warm_up_too(name, kind):
    found, state = _swept(name, kind)
    again = _method(name, kind)
    again.restore({key: np.array(array) for key, array in state.items()})
    strength = _strengths(type(again))[3]

    repeated = again.search(strength)

    _assert_same(repeated, found[4])
    fresh = _method(name, kind).search(strength)
    _assert_same(fresh, found[4])
    assert fresh.steps > repeated.steps  # it warmed up by itself


def _assert_same(one, other):
    assert one.genome == other.genome
    assert one.costs == other.costs
    assert one.history == other.history
    for key, array in one.weights.items():
        np.testing.assert_array_equal(array, other.weights[key])


@swept_pairs
def test_what_was_spent_is_counted(name, kind):
    found, _ = _swept(name, kind)

    assert found[0].steps > found[1].steps >= RECIPE.steps  # the first one warmed up
    assert all(each.samples >= each.steps * RECIPE.batch_size / 2 for each in found)
    assert all(each.cpu_seconds > 0 for each in found)
    assert all(each.history[-1][0] == found[1].history[-1][0] for each in found)


@pairs
def test_a_listener_hears_of_the_progress(name, kind):
    heard = []
    method = _method(name, kind, recipe=dataclasses.replace(RECIPE, steps=8))

    method.search(1.0, lambda done, total: heard.append((done, total)))

    assert heard[-1][0] == heard[-1][1]
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


@pairs
def test_a_loss_that_diverges_is_an_error_and_a_sound_network(name, kind):
    recipe = dataclasses.replace(RECIPE, steps=30, learning_rate=1e6, schedule="constant")
    found = _method(name, kind, recipe=recipe).search(1.0)

    assert found.error is None or "diverged" in found.error
    assert all(np.isfinite(array).all() for array in found.weights.values())


def test_a_sweep_begins_in_its_middle():
    assert next(sweep(*BASELINES.get("pit").strengths)) == pytest.approx(3.0, rel=0.5)
