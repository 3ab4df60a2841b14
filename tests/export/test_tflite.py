"""The numpy reference and the written files against TensorFlow Lite Micro's interpreter."""

import json

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.arch.lower import lower
from evonas.arch.ops import Recurrent
from evonas.cost import load_runtime
from evonas.cost.arena import liveness_bound
from evonas.cost.memory import arena_buffers, arena_head_bytes
from evonas.cost.tflite_file import tflite_file_bytes
from evonas.errors import UnsupportedOpError
from evonas.export import tflite_ops
from evonas.export.tflite import tflite_bytes
from evonas.export.tflm import Interpreter
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.quant.softmax import append_softmax
from evonas.references import REFERENCES
from evonas.references.nas_bench_201 import nas_bench_201
from evonas.spaces.tcn import TCNSpace

schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")

HOST = load_runtime("tflm_reference")
"""Kernels without scratch buffers, as the interpreter's."""


@pytest.fixture
def quantized(random_weights):
    """Returns a network in int8 with random weights."""

    def make(spec, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(16, *spec.input_shape)).astype(np.float32)
        return quantize(spec, random_weights(spec, rng), X)

    return make


def check(network, n=4, seed=0, file_tolerance=128):
    """Holds a network against the interpreter: outputs, arena, offline plan, file size."""
    rng = np.random.default_rng(seed)
    graph = network.graph
    q = rng.integers(-128, 128, (n, *graph.tensors[0].shape)).astype(np.int8)
    q[0] = rng.choice([-128, 127], q[0].shape)
    bound = liveness_bound(arena_buffers(graph, scratch=False))
    expected = run(network, q)
    for offline, head in ((False, arena_head_bytes(graph, HOST)), (True, bound)):
        data = tflite_bytes(network, offline_plan=offline, scratch=False)
        interpreter = Interpreter(data)
        np.testing.assert_array_equal(interpreter.invoke(q), expected)
        assert interpreter.arena_head_bytes() == head
        assert abs(len(data) - tflite_file_bytes(graph, offline)) <= file_tolerance
    return expected


def random_tcn(rng):
    shape = ((1, 140), (2, 32), (4, 64), (9, 50))[rng.integers(4)]
    if rng.random() < 0.3:
        seed = {"seed_network": "ecgtcn"}
    else:
        widths = [int(w) for w in rng.choice([4, 8, 12, 16], rng.integers(1, 5))]
        pool = [1] if len(widths) > 1 and rng.random() < 0.5 else []
        seed = {"seed_network": {"widths": widths, "kernel": int(rng.integers(3, 10))}}
        seed["seed_network"]["pool"] = pool
    space = TCNSpace.from_settings(seed, shape, int(rng.integers(1, 6)))
    return space.decode(np.array([rng.integers(gene.n_choices) for gene in space.genes]))


def _meta_kernel(rng, b, x, channels):
    """A meta-kernel of one to three sizes with one dilation and stride; depthwise or not."""
    rank = len(b.shape(x)) - 1
    odd = [tuple(int(k) for k in rng.choice([1, 3, 5], rank)) for _ in range(rng.integers(1, 4))]
    groups = b.shape(x)[0] if rng.random() < 0.3 else 1
    stride = int(rng.integers(1, 3)) if min(b.shape(x)[1:]) > 8 else 1
    width = channels if groups == 1 else b.shape(x)[0]
    return b.meta_kernel(x, width, tuple(set(odd)), stride, int(rng.integers(1, 3)), groups)


def random_meta_kernel_network(rng):
    """Meta-kernels over a signal or an image, with branches that are added and pooling."""
    b = SpecBuilder()
    shape = ((3, 48), (1, 100), (3, 16, 16), (1, 20, 9))[rng.integers(4)]
    x = b.input(shape)
    for _ in range(rng.integers(1, 4)):
        channels = int(rng.integers(1, 5)) * 4
        x = b.relu(_meta_kernel(rng, b, x, channels))
        if rng.random() < 0.6:
            kernels = ((1,) * len(shape[1:]), (3,) * len(shape[1:]))
            x = b.relu(b.add(x, b.meta_kernel(x, b.shape(x)[0], kernels)))
        if min(b.shape(x)[1:]) >= 4 and rng.random() < 0.4:
            x = b.pool(x, str(rng.choice(["average", "max"])))
    head = b.global_average_pool if rng.random() < 0.5 else b.flatten
    return b.finish(b.dense(head(x), int(rng.integers(1, 6))))


NETWORKS = {"tcn": random_tcn, "meta-kernel": random_meta_kernel_network}


def check_random(quantized, make, seeds):
    values = set()
    for seed in seeds:
        spec = make(np.random.default_rng(seed))
        values |= set(check(quantized(spec, seed), seed=seed).ravel().tolist())
    assert len(values) > 100  # the outputs are not all clamped


@pytest.mark.parametrize("kind", NETWORKS)
def test_random_networks_are_met_bit_for_bit(quantized, kind):
    check_random(quantized, NETWORKS[kind], range(40))


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_200_random_networks_are_met_bit_for_bit(quantized, kind):
    check_random(quantized, NETWORKS[kind], range(1000, 1200))


def is_for_tflite(name):
    """Whether no cell of a reference's network runs on generated C alone."""
    return not any(isinstance(n.op, Recurrent) for n in REFERENCES.get(name).build().nodes)


SHIPPED = [name for name in REFERENCES.names() if is_for_tflite(name)]


def test_references_of_other_cells_are_refused_and_the_lstm_is_not(quantized):
    other = set(REFERENCES.names()) - set(SHIPPED)

    assert other == {"gru_google12", "fastgrnn_google12", "fastgrnn_har2"}
    for name in other:
        with pytest.raises(UnsupportedOpError, match="a .tflite file cannot hold 'recurrent'"):
            tflite_bytes(quantized(REFERENCES.get(name).build()))


@pytest.mark.parametrize("name", [n for n in SHIPPED if not n.endswith("_pit")])
def test_references_are_met_bit_for_bit(quantized, name):
    expected = check(quantized(REFERENCES.get(name).build()), n=2)

    assert len(np.unique(expected)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in SHIPPED if n.endswith("_pit")])
def test_the_seeds_of_the_references_are_met_bit_for_bit(quantized, name):
    check(quantized(REFERENCES.get(name).build()), n=2)


@pytest.mark.parametrize(
    "cell",
    [
        (3, 1, 2, 0, 4, 3),  # every kind of operation
        (4, 4, 4, 4, 4, 4),
        (1, 3, 3, 2, 2, 4),
    ],
)
def test_cells_with_branches_are_met_bit_for_bit(quantized, cell):
    # Of 91 to 137 operators many zero points are equal by chance, and biases that are all 0.
    check(quantized(nas_bench_201(cell)), n=1, file_tolerance=1200)


def everything(b):
    x = b.relu(b.batch_norm(b.conv2d(b.input((6, 12, 10)), 8, (3, 2), pads=((2, 0), (1, 0)))))
    y = b.batch_norm(b.conv2d(x, 16, 3, pads="same", groups=8, dilation=2))
    x = b.batch_norm(b.relu(b.add(b.conv2d(x, 16, 1), y)))  # a norm that stays
    x = b.conv2d(x, 8, 3, 2, "same", groups=4)
    x = b.pool(b.add(x, b.batch_norm(x)), "average", 3, 2, pads=((0, 1), (1, 1)))
    x = b.relu(b.pool(x, "max", 2))
    x = b.batch_norm(b.relu(b.dense(b.flatten(x), 12)))
    return b.finish(b.dense(x, 5))


@pytest.mark.parametrize("seed", range(3))
def test_a_network_of_every_operator_of_images_is_met(builder, quantized, seed):
    check(quantized(everything(builder), seed), n=8)


def test_a_flat_network_whose_norms_stay_is_met(builder, quantized):
    x = builder.batch_norm(builder.input((20,)))
    y = builder.relu(builder.dense(x, 20))
    check(quantized(builder.finish(builder.relu(builder.add(builder.batch_norm(y), x)))), n=8)


def test_last_steps_and_means_and_stacked_frames_are_met(builder, quantized):
    x = builder.stack_frames(builder.input((3, 22)), 4)
    x = builder.relu(builder.conv1d(x, 8, 2, padding="causal"))
    x = builder.add(builder.last_step(x), builder.global_average_pool(x))
    check(quantized(builder.finish(builder.dense(x, 4))), n=8)


def test_relu6_is_met_alone_and_fused(builder, quantized):
    from evonas.arch.ops import Activation

    x = builder.conv1d(builder.input((3, 22)), 8, 3)
    y = builder.add_op(Activation("relu6"), builder.conv1d(x, 8, 1))
    z = builder.add_op(Activation("relu6"), x)
    check(quantized(builder.finish(builder.add(y, z))), n=8)


@pytest.mark.parametrize("scale", [1e-4, 0.001, 0.03, 0.1, 0.5, 3.0, 100.0])
def test_softmax_is_met_at_every_scale(builder, random_weights, scale):
    spec = builder.finish(builder.dense(builder.input((20,)), 12))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 20)).astype(np.float32)
    span = (-128 * scale, 127 * scale)
    network = quantize(spec, random_weights(spec, rng), X, ranges={0: span, 1: span})

    check(append_softmax(network), n=300)


def test_channels_without_weights_are_met(builder, random_weights):
    spec = builder.finish(builder.relu(builder.conv1d(builder.input((3, 22)), 8, 3)))
    rng = np.random.default_rng(0)
    weights = random_weights(spec, rng)
    weights["node1.weight"][:4] = 0
    weights["node1.weight"][4] *= 1e-9
    weights["node1.bias"][0] = 0
    X = rng.normal(size=(16, 3, 22)).astype(np.float32)

    check(quantize(spec, weights, X))


def test_tight_ranges_are_met(builder, random_weights):
    x = builder.relu(builder.conv1d(builder.input((3, 22)), 8, 3, padding="causal"))
    spec = builder.finish(builder.dense(builder.global_average_pool(builder.add(x, x)), 4))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, 3, 22)).astype(np.float32)
    tensors = range(len(lower(spec).tensors))

    for width in (1e-3, 1e-7, 1e4):
        ranges = {i: (-width, width) for i in tensors[1:]}
        check(quantize(spec, random_weights(spec, rng), X, ranges=ranges))


def test_a_portable_file_computes_the_same_and_scales_every_channel(builder, quantized):
    network = quantized(everything(builder))
    portable, compact = tflite_bytes(network, portable=True), tflite_bytes(network)
    q = np.random.default_rng(0).integers(-128, 128, (3, 12, 10, 6)).astype(np.int8)

    np.testing.assert_array_equal(Interpreter(portable).invoke(q), run(network, q))
    assert len(portable) > len(compact)
    graph = schema.ModelT.InitFromPackedBuf(portable, 0).subgraphs[0]
    conv = next(op for op in graph.operators if op.builtinOptionsType == 1)
    weights, bias = (graph.tensors[i].quantization for i in conv.inputs[1:])
    assert len(weights.scale) == len(weights.zeroPoint) == len(bias.scale) == 8
    source = graph.tensors[conv.inputs[0]].quantization.scale[0]
    np.testing.assert_allclose(bias.scale, source * weights.scale, rtol=1e-6)


def test_the_schemas_own_reader_finds_what_was_written(builder, quantized):
    spec = builder.finish(
        builder.relu(builder.conv1d(builder.input((4, 64)), 8, 3, padding="causal"))
    )
    network = quantized(spec)
    metadata = {"labels": ["a", "b"], "study": "é"}
    model = schema.ModelT.InitFromPackedBuf(tflite_bytes(network, True, metadata=metadata), 0)
    (graph,) = model.subgraphs
    pad, conv = graph.operators

    assert model.version == 3
    assert [code.builtinCode for code in model.operatorCodes] == [34, 3]  # PAD, CONV_2D
    assert conv.builtinOptions.padding == 1  # VALID
    assert conv.builtinOptions.fusedActivationFunction == 1
    assert [list(t.shape) for t in graph.tensors[:3]] == [
        [1, 1, 64, 4],
        [1, 1, 66, 4],
        [1, 1, 64, 8],
    ]
    assert graph.tensors[0].quantization.scale[0] == np.float32(network.input.scale)
    weights = graph.tensors[conv.inputs[1]]
    data = np.frombuffer(bytes(model.buffers[weights.buffer].data), np.int8)
    np.testing.assert_array_equal(data.reshape(8, 1, 3, 4), network.ops[1].weights)
    named = {
        entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata
    }
    assert json.loads(named["evonas"]) == metadata
    plan = np.frombuffer(named["OfflineMemoryAllocation"], np.int32)
    # 3 activations, paddings, weights and biases; scratch of 4 * 12 bytes is left room
    assert plan[:3].tolist() == [1, 0, 6]
    assert plan[6:].tolist() == [-1, -1, -1]
    assert sorted(plan[3:6].tolist())[0] == 0


def test_data_are_aligned_to_16_bytes(builder, quantized):
    network = quantized(everything(builder))
    data = tflite_bytes(network)

    for op in network.ops:
        if op.weights is not None and op.weights.size > 30:
            assert data.index(op.weights.tobytes()) % 16 == 0


def test_an_operator_that_files_cannot_hold_is_named(monkeypatch, builder, quantized):
    network = quantized(builder.finish(builder.dense(builder.input((4,)), 2)))
    monkeypatch.delitem(tflite_ops.OPERATORS, "dense")

    with pytest.raises(UnsupportedOpError, match="Node 1: a .tflite file cannot hold 'dense'"):
        tflite_bytes(network)
