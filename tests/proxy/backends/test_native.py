import dataclasses
import math
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.errors import ConfigError, SpecError, UnsupportedOpError
from evonas.proxy.backends import BACKENDS
from evonas.proxy.backends.backend import AbstractBackend
from evonas.proxy.backends.native import engine as engine_module
from evonas.proxy.backends.native.backend import NativeBackend
from evonas.proxy.backends.native.engine import engine_names, extension, make_plan
from evonas.proxy.backends.native.parameters import Layout
from evonas.proxy.backends.native.program import compiled
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.proxy.weights import initial_weights
from evonas.tasks.metrics import METRICS
from evonas.tasks.splits import Part

pytestmark = pytest.mark.skipif(extension() is None, reason="installed without a C compiler")

ERROR, RMSE = METRICS["error"], METRICS["rmse"]
ENGINES = [name for name in engine_names() if name != "double"] if extension() else []


def same(first, second):
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )


def timeless(result):
    return dataclasses.replace(result, cpu_seconds=0.0)


def rnn(cell, input_shape=(3, 12), num_outputs=3):
    b = SpecBuilder()
    x = b.recurrent(b.input(input_shape), cell, 6)
    return b.finish(b.dense(b.last_step(x), num_outputs))


def test_the_backend_is_found_by_its_name():
    assert isinstance(BACKENDS.get("native")(), AbstractBackend)


@pytest.mark.parametrize("engine", ENGINES)
def test_fifty_losses_are_pytorchs(engine, tiny, classes, losses):
    arguments = tiny((3, 12), 3), classes, Recipe(steps=50, learning_rate=0.01), 0, ERROR
    expected = losses(TorchBackend(), *arguments)

    found = losses(NativeBackend(engine), *arguments)

    assert len(found) == 50  # of 32, 32 and 16 samples in turn
    np.testing.assert_allclose(found, expected, rtol=1e-3)


RECIPES = {
    "weights and smoothing": Recipe(steps=50, class_weights=True, label_smoothing=0.1),
    "clip": Recipe(steps=50, clip=0.1, schedule="constant"),
    "one-cycle": Recipe(epochs=17, schedule="one-cycle", weight_decay=0.1),
    "part of the data": Recipe(steps=50, data_fraction=0.6, batch_size=16),
    "a sample joins the batch before": Recipe(steps=50, data_fraction=0.8125, batch_size=32),
    "shifted and masked": Recipe(steps=50, shift=0.2, mask=0.3),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_of_a_recipe_means_what_it_means_to_pytorch(name, tiny, classes, losses):
    recipe = dataclasses.replace(RECIPES[name], learning_rate=0.01)
    skewed = dataclasses.replace(classes, train=Part(classes.train.X, classes.train.y // 2))
    expected = losses(TorchBackend(), tiny((3, 12), 3), skewed, recipe, 0, ERROR)

    found = losses(NativeBackend(), tiny((3, 12), 3), skewed, recipe, 0, ERROR)

    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("cell", ["rnn", "fastgrnn", "ugrnn", "mgu", "gru", "lstm"])
def test_fifty_losses_of_every_cell_are_pytorchs(cell, classes, losses):
    arguments = rnn(cell), classes, Recipe(steps=50, learning_rate=0.01), 0, ERROR

    expected = losses(TorchBackend(), *arguments)

    np.testing.assert_allclose(losses(NativeBackend(), *arguments), expected, rtol=1e-3)


@pytest.mark.parametrize("loss", ["mse", "l1", "log-cosh"])
def test_a_regression_is_pytorchs_in_the_targets_unit(loss, tiny, numbers, losses):
    spec, recipe = tiny((2, 10), 1), Recipe(steps=50, loss=loss, learning_rate=0.01)
    expected = losses(TorchBackend(), spec, numbers, recipe, 0, RMSE)

    found = losses(NativeBackend(), spec, numbers, recipe, 0, RMSE)
    result, weights = NativeBackend().fit(spec, numbers, recipe, 0, RMSE)
    outputs = NativeBackend().predict(spec, weights, numbers.val.X)

    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert result.metric < numbers.val.y.std()
    assert result.metric == pytest.approx(np.sqrt(np.mean((outputs[:, 0] - numbers.val.y) ** 2)))


@pytest.mark.parametrize("network", ["recurrent", "convolutional"])
def test_pytorch_predicts_the_same_from_native_weights(network, tiny, classes):
    spec = tiny((3, 12), 3) if network == "convolutional" else rnn("gru")
    _, weights = NativeBackend().fit(spec, classes, Recipe(steps=30), 0, ERROR)

    native = NativeBackend().predict(spec, weights, classes.val.X)
    by_torch = TorchBackend().predict(spec, weights, classes.val.X)

    assert native.dtype == np.float32
    np.testing.assert_allclose(native, by_torch, rtol=1e-4, atol=1e-5)


def test_a_separable_task_is_learned_as_pytorch_says(tiny, classes):
    result, _ = NativeBackend().fit(tiny((3, 12), 3), classes, Recipe(steps=60), 0, ERROR)

    assert result.error is None
    assert result.metric < 0.05
    assert (result.steps, result.epochs) == (60, 60 / 3)
    assert result.cpu_seconds > 0


def test_same_seed_same_bits(tiny, classes):
    spec, recipe = tiny((3, 12), 3), Recipe(steps=12, dropout=0.3)
    first, weights = NativeBackend().fit(spec, classes, recipe, 5, ERROR)
    NativeBackend().fit(rnn("gru"), classes, Recipe(steps=3), 0, ERROR)
    again, weights_again = NativeBackend().fit(spec, classes, recipe, 5, ERROR)
    _, other = NativeBackend().fit(spec, classes, recipe, 6, ERROR)

    assert timeless(first) == timeless(again)
    assert same(weights, weights_again)
    assert not same(weights, other)


def test_dropout_drops_its_share_of_the_last_dense_inputs(classes):
    b = SpecBuilder()
    spec = b.finish(b.dense(b.flatten(b.input((3, 12))), 3, bias=False))
    weights = initial_weights(spec, 0)
    layout = Layout.of(weights)
    X, y = np.ones((400, 3, 12), np.float32), np.zeros(400, np.int64)
    plan = make_plan(ENGINES[0], compiled(spec, layout, has_dropout=True), layout, 400, 7)
    grads, params = np.empty(layout.n_weights, np.float32), layout.flat(weights)
    params[:] = 0  # so every class has a third, and an input's gradient is its mask's mean / 3
    steps = np.arange(400), np.array([0, 400]), np.ones(1), np.empty(1)

    plan.train(params, X, y, *steps, None, 0, dropout=0.25, grads=grads)
    kept = 3 * grads.reshape(3, 36)[1]

    assert kept.mean() == pytest.approx(1, abs=0.02)  # 14 400 draws: a deviation of 0.005
    assert kept.std() == pytest.approx(math.sqrt(0.25 / 0.75 / 400), rel=0.4)


def test_a_training_that_diverges_says_when(tiny, classes):
    X = classes.train.X.copy()
    X[17] = np.nan
    spoiled = dataclasses.replace(classes, train=Part(X, classes.train.y))
    recipe = Recipe(steps=20)
    result, _ = NativeBackend().fit(tiny((3, 12), 3), spoiled, recipe, 0, ERROR)
    expected, _ = TorchBackend().fit(tiny((3, 12), 3), spoiled, recipe, 0, ERROR)

    assert result.error == expected.error == f"diverged: the loss is nan at step {result.steps}"
    assert (result.steps, result.epochs) == (expected.steps, expected.epochs)
    assert math.isnan(result.metric)


def test_a_loss_that_grows_is_given_up(tiny, numbers):
    recipe = Recipe(steps=500, learning_rate=1e4, schedule="constant")
    result, _ = NativeBackend().fit(tiny((2, 10), 1), numbers, recipe, 0, RMSE)

    assert result.error.startswith("diverged: the mean loss is")
    assert result.steps < 500


def test_a_loss_of_ones_own_needs_pytorch(tiny, classes):
    recipe = Recipe(loss=lambda outputs, y: outputs.mean())

    with pytest.raises(ConfigError, match="backend = torch"):
        NativeBackend().fit(tiny((3, 12), 3), classes, recipe, 0, ERROR)


def test_an_engine_of_another_processor_is_refused():
    with pytest.raises(ConfigError, match="'neon'"):
        NativeBackend("neon")


def test_weights_of_another_network_are_refused(tiny, classes):
    _, weights = NativeBackend().fit(tiny((3, 12), 3), classes, Recipe(steps=2), 0, ERROR)

    with pytest.raises(SpecError, match="Weights of another network"):
        NativeBackend().predict(rnn("gru"), weights, classes.val.X)
    with pytest.raises(SpecError, match="inputs of shape"):
        NativeBackend().predict(tiny((3, 12), 3), weights, classes.val.X[:, :2])


def test_a_network_beyond_memory_is_refused(classes):
    b = SpecBuilder()
    x = b.conv1d(b.input((3, 12)), 1 << 28, kernel=1)
    spec = b.finish(b.dense(b.global_average_pool(x), 3))
    layout = Layout({}, {}, 0, 0, 0)

    with pytest.raises(UnsupportedOpError, match="smaller batch_size"):
        make_plan(ENGINES[0], compiled(spec, layout), layout, 32)


def test_without_the_extension_the_door_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(engine_module, "extension", lambda: None)

    with pytest.raises(ConfigError, match="C compiler"):
        NativeBackend()


CHILD = """
import sys
import numpy as np
from evonas.arch import ArchSpec
from evonas.proxy.backends import BACKENDS
from evonas.proxy.recipe import Recipe
from evonas.tasks.metrics import METRICS
from evonas.tasks.splits import Normalisation, Part, Splits

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 3, 12)).astype(np.float32), rng.integers(3, size=60)
one = np.ones(3, np.float32)
part = Part(X, y)
splits = Splits(part, part, part, 3, False, Normalisation(one, one))
spec = ArchSpec.from_json(sys.stdin.read())
BACKENDS.get("native")().fit(spec, splits, Recipe(steps=2), 0, METRICS["error"])
sys.exit("torch" in sys.modules)
"""


def test_a_native_worker_never_imports_pytorch(tiny, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", CHILD], input=tiny((3, 12), 3).to_json(), text=True, check=False,
        cwd=tmp_path,  # not a checkout, whose extension is not built
    )  # fmt: skip

    assert run.returncode == 0


@pytest.fixture
def heeds_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_a_long_training(tiny, classes):
    def interrupt():
        time.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        NativeBackend().fit(tiny((3, 12), 3), classes, Recipe(steps=2_000_000), 0, ERROR)

    assert time.monotonic() - began < 10


def test_another_thread_runs_meanwhile(tiny, classes):
    arguments = tiny((3, 12), 3), classes, Recipe(steps=5000), 0, ERROR
    training = threading.Thread(target=lambda: NativeBackend().fit(*arguments))
    training.start()
    counted = 0
    while training.is_alive():
        counted += 1
        time.sleep(0.001)

    assert counted >= 5  # with the lock held it would get one turn or two


def test_threads_that_share_a_plan_are_told_so_and_the_training_is_as_if_alone(tiny):
    spec, rng = tiny((3, 12), 3), np.random.default_rng(0)
    layout = Layout.of(initial_weights(spec, 0))
    X, y = rng.normal(size=(32, 3, 12)).astype(np.float32), np.arange(32) % 3
    steps = 20_000
    order, starts = np.tile(np.arange(32), steps), np.arange(steps + 1) * 32

    def train(plan):
        params = layout.flat(initial_weights(spec, 0))
        rates, losses = np.full(steps, 1e-3), np.empty(steps)
        plan.train(params, X, y, order, starts, rates, losses, None, 0)
        return params

    def insist():
        while not found:  # the other thread may have come first
            try:
                found.append(train(plan))
            except RuntimeError:
                time.sleep(0.001)

    found, refused = [], 0
    plan = make_plan(ENGINES[0], compiled(spec, layout), layout, 32)
    training = threading.Thread(target=insist)
    training.start()
    outputs, own = np.empty((32, 3), np.float32), layout.flat(initial_weights(spec, 0))
    while training.is_alive():
        try:
            plan.predict(own, X, outputs)
        except RuntimeError:
            refused += 1
        time.sleep(0.01)  # leaves the plan to the other thread
    alone = make_plan(ENGINES[0], compiled(spec, layout), layout, 32)

    assert refused >= 2
    np.testing.assert_array_equal(found[0], train(alone))
    plan.predict(own, X, outputs)  # free again
    expected = NativeBackend(ENGINES[0]).predict(spec, initial_weights(spec, 0), X)
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("wrong", ["order", "classes", "starts", "params"])
def test_arrays_that_do_not_fit_are_refused(wrong, tiny):
    spec = tiny((3, 12), 3)
    weights = initial_weights(spec, 0)
    layout = Layout.of(weights)
    X, y, order = np.zeros((8, 3, 12), np.float32), np.zeros(8, np.int64), np.arange(8)
    starts, params = np.array([0, 8]), layout.flat(weights)
    if wrong == "order":
        order[3] = 8
    if wrong == "classes":
        y[3] = 3
    if wrong == "starts":
        starts[1] = 9
    if wrong == "params":
        params = params[:-1].copy()
    plan = make_plan(ENGINES[0], compiled(spec, layout), layout, 8)

    with pytest.raises(ValueError, match="[Ee]xpected"):
        plan.train(params, X, y, order, starts, np.ones(1), np.empty(1), None, 0)


def test_tables_of_another_width_are_no_program(tiny):
    spec = tiny((3, 12), 3)
    layout = Layout.of(initial_weights(spec, 0))
    program = compiled(spec, layout)
    cut = dataclasses.replace(program, ops=program.ops[:, :-1].copy())

    with pytest.raises(ValueError, match="program"):
        make_plan(ENGINES[0], cut, layout, 8)


def test_specs_from_json_train_as_the_built_ones(tiny, classes):
    spec = tiny((3, 12), 3)
    first, _ = NativeBackend().fit(spec, classes, Recipe(steps=5), 0, ERROR)
    again, _ = NativeBackend().fit(
        ArchSpec.from_json(spec.to_json()), classes, Recipe(steps=5), 0, ERROR
    )

    assert timeless(first) == timeless(again)
