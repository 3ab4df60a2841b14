"""Regressions of several numbers a sample, with either backend."""

import dataclasses

import numpy as np
import pytest

from evonas.proxy.backends import BACKENDS
from evonas.proxy.backends.choose import backend_for
from evonas.proxy.backends.native.backend import LOSSES, NativeBackend
from evonas.proxy.backends.native.engine import engine_names, extension, make_plan
from evonas.proxy.backends.native.parameters import Layout
from evonas.proxy.backends.native.program import compiled
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.batches import used_samples
from evonas.proxy.losses import target_scale
from evonas.proxy.recipe import Recipe
from evonas.proxy.weights import initial_weights, unscale_output
from evonas.tasks.metrics import METRICS
from evonas.tasks.splits import Part

RMSE = METRICS["rmse"]
needs_c = pytest.mark.skipif(extension() is None, reason="installed without a C compiler")


@pytest.fixture(params=["torch", pytest.param("native", marks=needs_c)])
def backend(request):
    return BACKENDS.get(request.param)()


def test_every_column_is_learnt_in_its_own_unit(backend, tiny, several):
    spec = tiny((2, 10), 3)
    result, weights = backend.fit(spec, several, Recipe(steps=300, learning_rate=0.02), 0, RMSE)

    outputs = backend.predict(spec, weights, several.val.X)
    wrong = np.sqrt(np.mean((outputs - several.val.y) ** 2, axis=0))

    # the column of deviation 0.1 as well as that of 13: each weighs alike in the loss
    assert (wrong[:2] < 0.5 * several.val.y[:, :2].std(axis=0)).all()
    assert wrong[2] < 0.05
    assert result.metric == pytest.approx(np.sqrt(np.mean((outputs - several.val.y) ** 2)))


@needs_c
@pytest.mark.parametrize("loss", ["mse", "l1", "log-cosh"])
@pytest.mark.parametrize("shift", [None, 0.2])
def test_fifty_losses_are_pytorchs(loss, shift, tiny, several, losses):
    recipe = Recipe(steps=50, loss=loss, learning_rate=0.01, shift=shift, data_fraction=0.8)
    arguments = tiny((2, 10), 3), several, recipe, 0, RMSE
    expected = losses(TorchBackend(), *arguments)

    for engine in set(engine_names()) - {"double"}:
        found = losses(NativeBackend(engine), *arguments)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@needs_c
def test_the_first_loss_is_the_mean_over_samples_and_columns(tiny, several, losses):
    batch = dataclasses.replace(several, train=Part(several.train.X[:8], several.train.y[:8]))
    y = batch.train.y[:, :2].astype(np.float64)
    z = np.c_[(y - y.mean(axis=0)) / y.std(axis=0), np.zeros(8)]  # the constant one is centred
    recipe = Recipe(steps=1, batch_size=8)

    (found,) = losses(NativeBackend(), tiny((2, 10), 3), batch, recipe, 0, RMSE)
    (expected,) = losses(TorchBackend(), tiny((2, 10), 3), batch, recipe, 0, RMSE)

    assert found == pytest.approx(expected, rel=1e-5)
    assert found == pytest.approx(np.mean(z**2), abs=0.5)  # initial outputs are near 0


def test_going_on_starts_where_the_training_ended(backend, tiny, several):
    spec = tiny((2, 10), 3)
    first, weights = backend.fit(spec, several, Recipe(steps=60, learning_rate=0.02), 0, RMSE)
    scale = target_scale(several)
    start = unscale_output(spec, weights, scale.mean, scale.std)
    still, _ = backend.fit(spec, several, Recipe(steps=1, learning_rate=1e-9), 1, RMSE, start)

    assert still.metric == pytest.approx(first.metric, rel=0.1)


def test_part_of_the_data_is_spread_over_the_columns(several):
    used = used_samples(several, 0.25)
    y = several.train.y[:, :2]
    key = (y / y.std(axis=0)).mean(axis=1)

    # every fourth of the samples in order of their mean: one of each run of four
    ranks = np.sort(np.argsort(np.argsort(key))[used])
    assert len(used) == 32
    assert np.abs(ranks - (4 * np.arange(32) + 2)).max() <= 1


@needs_c
def test_auto_trains_several_numbers_natively(tiny):
    assert backend_for("auto", tiny((2, 10), 640), Recipe()) == "native"


@needs_c
@pytest.mark.parametrize("wrong", ["targets", "means", "deviations"])
def test_the_engine_refuses_numbers_that_do_not_fit_its_outputs(wrong, tiny):
    spec = tiny((2, 10), 3)
    layout = Layout.of(initial_weights(spec, 0))
    plan = make_plan(engine_names()[0], compiled(spec, layout), layout, 8)
    y = np.zeros((8, 2 if wrong == "targets" else 3), np.float32)
    scale = {"means": np.zeros(3), "deviations": np.ones(3)}
    if wrong == "means":
        scale["means"] = np.zeros(2)
    if wrong == "deviations":
        del scale["deviations"]
    X, params = np.zeros((8, 2, 10), np.float32), layout.flat(initial_weights(spec, 0))
    steps = np.arange(8), np.array([0, 8]), np.ones(1), np.empty(1)

    with pytest.raises(ValueError, match="[Ee]xpected"):
        plan.train(params, X, y, *steps, None, LOSSES.index("mse"), **scale)
