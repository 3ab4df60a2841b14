import numpy as np
import pytest
import torch

from evonas.arch.lower import lower
from evonas.errors import DataError, SpecError, UnsupportedOpError
from evonas.proxy.build import build, load_weights
from evonas.quant.floating import activate
from evonas.quant.kinds import KINDS, kind_rules
from evonas.quant.parameters import float_parameters
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.references import reference
from evonas.tasks.splits import Normalisation

RNG = np.random.default_rng(0)


def mixed(b):
    """Every kind of operator but those of sequences; norms that fold and norms that stay."""
    x = b.relu(b.batch_norm(b.conv1d(b.input((6, 40)), 8, 3, dilation=2, padding="causal")))
    y = b.batch_norm(b.conv1d(x, 16, 3, padding="same", groups=8))  # two filters a channel
    x = b.batch_norm(b.relu(b.add(b.conv1d(x, 16, 1), y)))
    x = b.pool(b.conv1d(x, 8, 5, stride=2, padding=(3, 1), groups=4), "average", 3, 2)
    x = b.relu(b.pool(x, "max", 2))
    x = b.batch_norm(b.relu(b.dense(b.flatten(x), 12)))
    return b.finish(b.dense(x, 5))


def float_outputs(spec, weights, X):
    """The lowered graph in floating point, channels last."""
    graph = lower(spec)
    image = X[:, :, None] if X.ndim == 3 else X
    values = {0: np.ascontiguousarray(image.transpose(0, 2, 3, 1)) if X.ndim > 2 else X}
    for op, parameters in zip(graph.ops, float_parameters(spec, graph, weights), strict=True):
        shape = graph.tensors[op.output].shape
        inputs = [values[i] for i in op.inputs]
        y = activate(op, kind_rules(op).evaluate(op, parameters, shape, *inputs))
        values[op.output] = y.reshape(len(X), *shape)
    return values[graph.output].reshape(len(X), -1)


def torch_outputs(spec, weights, X):
    model = build(spec).eval()
    load_weights(model, weights)
    with torch.no_grad():
        return model(torch.from_numpy(X)).numpy()


@pytest.mark.parametrize("name", ["mixed", "ds_cnn", "resnet8", "temponet"])
def test_the_lowered_graph_computes_what_the_trained_module_does(name, builder, random_weights):
    spec = mixed(builder) if name == "mixed" else reference(name)
    weights = random_weights(spec, np.random.default_rng(1))
    X = np.random.default_rng(2).normal(size=(3, *spec.input_shape)).astype(np.float32)

    expected = torch_outputs(spec, weights, X)

    assert expected.std() > 0.01
    np.testing.assert_allclose(float_outputs(spec, weights, X), expected, rtol=2e-4, atol=2e-4)


def test_int8_outputs_are_near_those_of_the_trained_module(builder, random_weights):
    spec = mixed(builder)
    weights = random_weights(spec, np.random.default_rng(1))
    X = np.random.default_rng(2).normal(size=(300, *spec.input_shape)).astype(np.float32)
    network = quantize(spec, weights, X)

    q = np.rint(X / network.input.scale) + network.input.zero_point
    q = q.clip(-128, 127).astype(np.int8).transpose(0, 2, 1)[:, None]
    outputs = (run(network, q).astype(float) - network.output.zero_point) * network.output.scale

    expected = torch_outputs(spec, weights, X)
    assert np.abs(outputs - expected).mean() < 0.02 * (expected.max() - expected.min())


def test_a_convolution_is_worked_by_hand(builder):
    spec = builder.finish(builder.conv1d(builder.input((1, 3)), 1, kernel=2))
    weights = {
        "node1.weight": np.array([[[[1.0, -0.5]]]], np.float32),
        "node1.bias": np.array([0.25], np.float32),
    }
    X = np.array([[[0.0, 3.06, -2.04]]], np.float32)
    network = quantize(spec, weights, X, method="minmax")
    (conv,) = network.ops

    assert network.input.scale == np.float32(0.02)
    assert network.input.zero_point == -26  # -128 + 2.04 / 0.02
    assert conv.weights.reshape(-1).tolist() == [127, -64]  # -63.5 halves to even
    assert conv.weight_scales == np.float32(1 / 127)
    # 0.25 / (0.02 / 127)
    assert conv.biases.tolist() == [round(0.25 * 127 / 0.02)]
    # outputs 0 - 1.53 + 0.25 and 3.06 + 1.02 + 0.25
    assert network.output.scale == pytest.approx((4.33 + 1.28) / 255)


def test_constants_of_moving_operators_keep_the_quantisation(builder, random_weights):
    x = builder.conv1d(builder.input((3, 20)), 4, kernel=3, padding="causal")
    x = builder.relu(builder.pool(x, "max"))
    spec = builder.finish(builder.flatten(builder.last_step(x)))
    X = RNG.normal(size=(9, 3, 20)).astype(np.float32)
    network = quantize(spec, random_weights(spec, RNG), X)
    of = {op.kind: network.tensors[op.output] for op in network.graph.ops}

    assert of["pad"] == network.input
    assert of["max_pool"] == of["strided_slice"] == of["conv"]


def test_given_ranges_replace_observed_ones(builder, random_weights):
    spec = builder.finish(builder.dense(builder.input((4,)), 2))
    X = RNG.normal(size=(9, 4)).astype(np.float32)

    network = quantize(spec, random_weights(spec, RNG), X, ranges={0: (-1, 1), 1: (0, 5.1)})

    assert network.input.scale == np.float32(2 / 255)
    assert network.output.scale == np.float32(0.02)


def test_the_input_is_fed_in_natural_units(builder, random_weights):
    spec = builder.finish(builder.dense(builder.global_average_pool(builder.input((2, 5))), 2))
    X = RNG.normal(size=(9, 2, 5)).astype(np.float32)
    normalisation = Normalisation(np.array([20, -3], "f4"), np.array([4, 0.5], "f4"))

    network = quantize(spec, random_weights(spec, RNG), X, normalisation)

    np.testing.assert_allclose(
        network.input_gain * network.input.scale, [1 / 4, 1 / 0.5], rtol=1e-6
    )


@pytest.mark.parametrize("largest", [1e-30, 1e-6, 1e12])
def test_weights_of_any_size_stay_within_the_accumulator(builder, largest, random_weights):
    x = builder.relu(builder.conv1d(builder.input((3, 20)), 4, kernel=3))
    spec = builder.finish(builder.dense(builder.flatten(x), 3))
    weights = random_weights(spec, RNG)
    weights["node1.weight"] *= np.float32(largest)
    X = RNG.normal(size=(9, 3, 20)).astype(np.float32)

    network = quantize(spec, weights, X)

    for quantized in network.ops:
        if quantized.weights is not None:
            rows = np.abs(quantized.weights.astype(int)).reshape(len(quantized.biases), -1)
            reach = rows.sum(axis=1) * 255 + np.abs(quantized.biases.astype(int))
            assert (reach * 2.0 ** np.maximum(quantized.shifts, 0) < 2**31).all()


def test_weights_that_are_not_finite_are_named(builder, random_weights):
    spec = builder.finish(builder.dense(builder.input((4,)), 2))
    weights = random_weights(spec, RNG)
    weights["node1.bias"][1] = np.nan

    with pytest.raises(SpecError, match="node1.bias holds NaN or infinity"):
        quantize(spec, weights, np.zeros((1, 4), np.float32))


def test_a_spec_without_its_weights_is_refused(builder):
    spec = builder.finish(builder.dense(builder.input((4,)), 2))

    with pytest.raises(SpecError, match=r"node1.bias is absent, expected \(2,\)"):
        quantize(spec, {}, np.zeros((1, 4), np.float32))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((0, 4)), r"shape \(n, 4\) with n >= 1, got \(0, 4\)"),
        (np.zeros((2, 3)), r"got \(2, 3\)"),
        (np.full((2, 4), np.inf), "NaN or infinity"),
    ],
)
def test_calibration_samples_are_checked(builder, random_weights, X, message):
    spec = builder.finish(builder.dense(builder.input((4,)), 2))

    with pytest.raises(DataError, match=message):
        quantize(spec, random_weights(spec, RNG), X)


def test_a_flattened_signal_as_the_output_is_refused(builder, random_weights):
    spec = builder.finish(builder.flatten(builder.conv1d(builder.input((3, 9)), 2, 3)))

    with pytest.raises(UnsupportedOpError, match="channels come last there"):
        quantize(spec, random_weights(spec, RNG), np.zeros((1, 3, 9)))


def test_flattened_signals_of_two_orders_cannot_meet(builder, random_weights):
    x = builder.input((3, 4))
    flat = builder.flatten(x)
    other = builder.dense(builder.last_step(x), 12)
    spec = builder.finish(builder.dense(builder.add(flat, other), 2))

    with pytest.raises(UnsupportedOpError, match="Node 4: add reads a flattened signal"):
        quantize(spec, random_weights(spec, RNG), np.zeros((1, 3, 4)))


def test_an_unknown_kind_is_named(monkeypatch, builder, random_weights):
    spec = builder.finish(builder.dense(builder.input((4,)), 2))
    monkeypatch.delitem(KINDS, "dense")

    with pytest.raises(UnsupportedOpError, match="Node 1: Unknown int8 operator 'dense'"):
        quantize(spec, random_weights(spec, RNG), np.zeros((1, 4)))


def test_inputs_of_another_shape_or_type_are_refused(builder, random_weights):
    spec = builder.finish(builder.dense(builder.input((4,)), 2))
    network = quantize(spec, random_weights(spec, RNG), np.zeros((1, 4)))

    with pytest.raises(ValueError, match=r"int8 of shape \(n, 4\), got float64 of \(2, 4\)"):
        run(network, np.zeros((2, 4)))
    assert run(network, np.zeros((0, 4), np.int8)).shape == (0, 2)
