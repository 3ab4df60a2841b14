"""LSTMs: the numpy reference and the written files against TensorFlow Lite Micro's interpreter."""

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.cost import load_runtime
from evonas.cost.arena import liveness_bound
from evonas.cost.memory import arena_buffers, arena_head_bytes
from evonas.cost.tflite_file import tflite_file_bytes
from evonas.errors import UnsupportedOpError
from evonas.export.tflite import tflite_bytes
from evonas.export.tflm import Interpreter
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.quant.softmax import append_softmax

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")

HOST = load_runtime("tflm_reference")


def front(b, x, kind):
    if kind == "conv":
        return b.relu(b.batch_norm(b.conv1d(x, 8, 3, padding="causal")))
    if kind == "stack":
        return b.stack_frames(x, 2)
    return b.batch_norm(x) if kind == "norm" else x


def behind(b, x, y, kind):
    """Returns what follows an LSTM y that reads x."""
    hidden = b.shape(y)[0]
    if kind == "residual":
        return b.add(y, b.conv1d(x, hidden, 1))
    if kind == "pair":
        return b.add(y, b.lstm(x, hidden))
    if kind == "conv":
        return b.relu(b.conv1d(y, 8, 1))
    if kind == "norm":
        return b.batch_norm(y)
    return b.relu(y) if kind == "relu" else y


def head(b, x, kind, n_outputs):
    readers = {"last": b.last_step, "mean": b.global_average_pool, "flat": b.flatten}
    return b.last_step(x) if kind == "state" else b.dense(readers[kind](x), n_outputs)


def random_lstm(rng):
    b = SpecBuilder()
    x = b.input((int(rng.integers(1, 41)), int(rng.integers(2, 101))))
    x = front(b, x, rng.choice(["none", "none", "conv", "stack", "norm"]))
    for _ in range(rng.integers(1, 4)):
        y = b.lstm(x, int(rng.integers(1, 65)))
        kinds = ["none", "none", "none", "residual", "pair", "conv", "norm", "relu"]
        x = behind(b, x, y, rng.choice(kinds))
    kind = rng.choice(["last", "mean", "flat", "state"])
    return b.finish(head(b, x, kind, int(rng.integers(1, 11))))


def check(spec, weights, seed):
    """Holds a network against the interpreter: outputs, arena, offline plan, file size."""
    rng = np.random.default_rng(seed)
    network = quantize(spec, weights, rng.normal(size=(16, *spec.input_shape)).astype(np.float32))
    graph = network.graph
    q = rng.integers(-128, 128, (3, *graph.tensors[0].shape)).astype(np.int8)
    q[0] = rng.choice([-128, 127], q[0].shape)
    expected = run(network, q)
    bound = liveness_bound(arena_buffers(graph, scratch=False))
    for offline, head_bytes in ((False, arena_head_bytes(graph, HOST)), (True, bound)):
        data = tflite_bytes(network, offline_plan=offline, scratch=False)
        interpreter = Interpreter(data)
        np.testing.assert_array_equal(interpreter.invoke(q), expected)
        assert interpreter.arena_head_bytes() == head_bytes
        assert abs(len(data) - tflite_file_bytes(graph, offline)) <= 256
    return expected


def check_lstms(random_weights, seeds):
    values = set()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        spec = random_lstm(rng)
        values |= set(check(spec, random_weights(spec, rng), seed).ravel().tolist())
    assert len(values) > 200  # of 256: the outputs are not all clamped


def test_random_lstms_are_met_bit_for_bit(random_weights):
    check_lstms(random_weights, range(25))


@pytest.mark.slow
def test_more_random_lstms_are_met_bit_for_bit(random_weights):
    check_lstms(random_weights, range(1000, 1200))


@pytest.mark.parametrize("gain", [0.05, 20])
def test_quiet_and_saturated_lstms_are_met_bit_for_bit(random_weights, gain):
    b = SpecBuilder()
    spec = b.finish(b.lstm(b.input((6, 60)), 16))
    rng = np.random.default_rng(0)
    weights = {name: gain * array for name, array in random_weights(spec, rng).items()}

    assert len(np.unique(check(spec, weights, 0))) > 100


@pytest.mark.parametrize("n_classes", [2, 9])
def test_shares_of_an_lstms_last_state_are_met_bit_for_bit(random_weights, n_classes):
    b = SpecBuilder()
    spec = b.finish(b.last_step(b.lstm(b.input((6, 20)), n_classes)))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 6, 20)).astype(np.float32)
    network = append_softmax(quantize(spec, random_weights(spec, rng), X))
    q = rng.integers(-128, 128, (20, 1, 20, 6)).astype(np.int8)

    for offline in (False, True):
        interpreter = Interpreter(tflite_bytes(network, offline_plan=offline, scratch=False))
        np.testing.assert_array_equal(interpreter.invoke(q), run(network, q))
        assert interpreter.arena_head_bytes() == arena_head_bytes(network.graph, HOST)


@pytest.fixture
def network(random_weights):
    b = SpecBuilder()
    spec = b.finish(b.dense(b.last_step(b.lstm(b.input((6, 32)), 16)), 4))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 6, 32)).astype(np.float32)
    return quantize(spec, random_weights(spec, rng), X)


def test_the_state_outlives_an_inference_until_a_reset(random_weights):
    b = SpecBuilder()
    spec = b.finish(b.lstm(b.input((6, 3)), 16))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 6, 3)).astype(np.float32)
    network = quantize(spec, random_weights(spec, rng), X)
    q = rng.integers(-128, 128, (1, 1, 3, 6)).astype(np.int8)
    interpreter = runtime.Interpreter.from_bytes(tflite_bytes(network), arena_size=1 << 16)

    def invoke():
        interpreter.set_input(q[0], 0)
        interpreter.invoke()
        return interpreter.get_output(0).reshape(1, -1)

    first, second = invoke(), invoke()
    interpreter.reset()

    np.testing.assert_array_equal(first, run(network, q))
    assert (first != second).any()
    np.testing.assert_array_equal(invoke(), first)


def test_portable_files_hold_the_scales_of_inner_results(network):
    schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")
    data = tflite_bytes(network, portable=True)
    q = np.random.default_rng(1).integers(-128, 128, (2, 1, 32, 6)).astype(np.int8)

    subgraph = schema.ModelT.InitFromPackedBuf(data, 0).subgraphs[0]
    lstm = subgraph.operators[0]
    scales = [subgraph.tensors[i].quantization.scale[0] for i in lstm.intermediates]

    assert len(lstm.inputs) == 24
    assert (lstm.inputs == -1).sum() == 9
    assert scales == [2**-12] * 4 + [subgraph.tensors[lstm.outputs[0]].quantization.scale[0]]
    np.testing.assert_array_equal(Interpreter(data).invoke(q), run(network, q))
    small = schema.ModelT.InitFromPackedBuf(tflite_bytes(network), 0).subgraphs[0]
    assert len(small.tensors) == len(subgraph.tensors) - 5


def test_other_cells_have_no_form_in_a_file(random_weights):
    b = SpecBuilder()
    spec = b.finish(b.dense(b.last_step(b.recurrent(b.input((6, 32)), "gru", 8)), 4))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 6, 32)).astype(np.float32)

    with pytest.raises(UnsupportedOpError, match="Node 1: .*'recurrent'; export it as C"):
        tflite_bytes(quantize(spec, random_weights(spec, rng), X))
