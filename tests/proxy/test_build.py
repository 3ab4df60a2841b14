import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evonas.arch import SpecBuilder
from evonas.arch.ops import OPS
from evonas.cost import count_macs, count_params, training_params
from evonas.errors import SpecError, UnsupportedOpError
from evonas.proxy import build as build_module
from evonas.proxy.build import LAYERS, Network, build, load_weights, read_weights
from evonas.proxy.weights import initial_weights


def test_every_operator_has_a_layer():
    assert {op.__name__ for op in LAYERS} == set(OPS)


def test_an_unknown_operator_raises(tiny, monkeypatch):
    monkeypatch.delitem(build_module.LAYERS, OPS["Activation"])

    with pytest.raises(UnsupportedOpError, match="Activation"):
        build(tiny((3, 12), 2))


@pytest.mark.parametrize("padding", ["same", "causal", "valid", (1, 4)])
@pytest.mark.parametrize(
    ("stride", "dilation", "groups", "bias"),
    [(1, 1, 1, True), (2, 1, 1, False), (1, 3, 2, True), (3, 2, 4, False)],
)
def test_a_1d_convolution_equals_torchs_own(padding, stride, dilation, groups, bias):
    b = SpecBuilder()
    conv = b.conv1d(b.input((4, 20)), 8, 4, stride, dilation, padding, groups, bias)
    spec = b.finish(conv)
    own = nn.Conv1d(4, 8, 4, stride, 0, dilation, groups, bias)
    weights = initial_weights(spec, 0)
    own.weight.data = torch.from_numpy(weights["node1.weight"][:, :, 0])
    if bias:
        own.bias.data = torch.from_numpy(weights["node1.bias"])
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 4, 20)).astype(np.float32))

    (pads,) = spec.nodes[1].op.pads
    expected = own(nn.functional.pad(x, pads))

    torch.testing.assert_close(build(spec)(x)[:, :, 0], expected, rtol=1e-5, atol=1e-5)


def test_a_2d_convolution_equals_torchs_own():
    b = SpecBuilder()
    pads = ((1, 0), (2, 3))
    spec = b.finish(b.conv2d(b.input((4, 9, 11)), 6, (3, 2), (2, 1), pads, (1, 2), groups=2))
    own = nn.Conv2d(4, 6, (3, 2), (2, 1), 0, (1, 2), groups=2)
    own.load_state_dict(
        {k.removeprefix("node1."): torch.tensor(v) for k, v in initial_weights(spec, 0).items()}
    )
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 4, 9, 11)).astype(np.float32))

    expected = own(nn.functional.pad(x, (2, 3, 1, 0)))  # left, right, top, bottom

    assert expected.shape[1:] == spec.output_shape
    torch.testing.assert_close(build(spec)(x), expected, rtol=1e-5, atol=1e-5)


def test_operators_without_weights_do_what_their_names_say():
    x = torch.from_numpy(np.random.default_rng(0).normal(0, 5, (2, 3, 8)).astype(np.float32))
    y = build_relu6_pool()(x)

    # relu6, then a maximum and a mean over windows of 2, added; the last step of the sum
    clipped = x.clamp(0, 6).reshape(2, 3, 4, 2)
    expected = (clipped.amax(-1) + clipped.mean(-1))[:, :, -1]
    torch.testing.assert_close(y, expected)


def build_relu6_pool():
    b = SpecBuilder()
    x = b.add_op(OPS["Activation"]("relu6"), b.input((3, 8)))
    return build(b.finish(b.last_step(b.add(b.pool(x, "max"), b.pool(x, "average")))))


@pytest.mark.parametrize("pads", [((1, 1), (1, 1)), ((0, 1), (0, 2))])
def test_pooling_counts_what_lies_inside_the_input_alone(pads):
    b = SpecBuilder()
    spec = b.finish(b.pool(b.input((3, 7, 9)), "average", 3, 2, pads))
    high = SpecBuilder()
    largest = high.finish(high.pool(high.input((3, 7, 9)), "max", 3, 2, pads))
    x = torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(0)) - 5

    (top, bottom), (left, right) = pads
    inside = nn.functional.pad(x, [left, right, top, bottom], value=torch.nan)
    windows = inside.unfold(2, 3, 2).unfold(3, 3, 2).flatten(4)

    torch.testing.assert_close(build(spec)(x), windows.nanmean(4))
    torch.testing.assert_close(build(largest)(x), windows.nan_to_num(-1e9).amax(4))


def test_flattening_keeps_channels_outermost_and_the_global_mean_takes_all_positions():
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    b, c = SpecBuilder(), SpecBuilder()

    flat = build(b.finish(b.flatten(b.input((2, 3, 4)))))(x)
    mean = build(c.finish(c.global_average_pool(c.input((2, 3, 4)))))(x)

    assert flat.tolist() == [list(range(24))]
    assert mean.tolist() == [[5.5, 17.5]]


def test_a_flat_input_reaches_a_dense():
    b = SpecBuilder()
    spec = b.finish(b.batch_norm(b.dense(b.input((3,)), 2)))

    assert build(spec)(torch.ones(4, 3)).shape == (4, 2)


def test_the_deployed_network_has_the_counted_params_and_macs():
    b = SpecBuilder()
    x = b.input((3, 20))
    x = b.batch_norm(b.conv1d(x, 4, kernel=5, padding="causal", bias=False))
    x = b.batch_norm(b.relu(x))
    x = b.conv1d(x, 4, kernel=3, stride=2, groups=4)
    spec = b.finish(b.dense(b.flatten(x), 2, bias=False))
    with torch.device("meta"):
        model = build(spec, deployed=True)
        counter = FlopCounterMode(display=False)
        with counter:
            model(torch.empty(1, 3, 20))

    # conv 3*4*5 + 4, norm after ReLU 2*4, depthwise 4*3 + 4, dense of 4 * 9 inputs 36*2 + 2
    assert sum(p.numel() for p in model.parameters()) == 64 + 8 + 16 + 74
    assert counter.get_total_flops() / 2 == 20 * 60 + 9 * 12 + 72


def an_lstm():
    b = SpecBuilder()
    x = b.conv1d(b.input((3, 32)), 6, kernel=3, padding="causal", bias=False)
    return b.finish(b.dense(b.last_step(b.lstm(b.batch_norm(x), 16)), 2))


def test_an_lstm_equals_torchs_own():
    b = SpecBuilder()
    spec = b.finish(b.lstm(b.input((6, 32)), 16))
    own = nn.LSTM(6, 16, batch_first=True)
    model = build(spec)
    own.load_state_dict(
        {f"{k.removeprefix('node1.')}_l0": v for k, v in model.state_dict().items()}
    )
    x = torch.randn(4, 6, 32, generator=torch.Generator().manual_seed(0))

    expected, _ = own(x.transpose(1, 2))

    assert sum(p.numel() for p in model.parameters()) == training_params(spec) == 1536
    torch.testing.assert_close(model(x)[:, :, 0], expected.transpose(1, 2))


def test_a_deployed_lstm_has_the_counted_params_and_macs():
    spec = an_lstm()
    with torch.device("meta"):
        model = build(spec, deployed=True)
        counter = FlopCounterMode(display=False)
        with counter:
            model(torch.empty(1, 3, 32))

    # conv 3*6*3 + 6, LSTM 4*16*22 + 4*16, dense 16*2 + 2
    assert sum(p.numel() for p in model.parameters()) == count_params(spec) == 60 + 1472 + 34
    assert counter.get_total_flops() / 2 == count_macs(spec) == 32 * 54 + 45_056 + 32


def test_weights_are_named_by_their_nodes(tiny):
    names = set(build(tiny((3, 12), 2)).state_dict())

    norm = ("weight", "bias", "running_mean", "running_var")
    assert names == {"node1.weight", "node4.weight", "node4.bias", "node8.weight", "node8.bias"} | {
        f"node{i}.{part}" for i in (2, 5) for part in norm
    }


def test_weights_survive_a_round_trip(tiny):
    spec = tiny((3, 12), 2)
    weights = initial_weights(spec, 5)
    model = Network(spec)
    load_weights(model, weights)

    back = read_weights(model)

    assert weights.keys() == back.keys()
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_weights_of_another_network_are_refused(tiny):
    model = build(tiny((3, 12), 2))

    with pytest.raises(SpecError, match="node8"):
        load_weights(model, initial_weights(tiny((3, 12), 3), 0))
    with pytest.raises(SpecError, match="absent"):
        load_weights(model, {})


def test_an_input_of_another_shape_is_refused(tiny):
    with pytest.raises(ValueError, match=r"\(batch, 3, 12\)"):
        build(tiny((3, 12), 2))(torch.zeros(1, 12, 3))


def test_building_leaves_torchs_random_numbers_alone(tiny):
    before = torch.get_rng_state()

    build(tiny((3, 12), 2))

    assert torch.equal(torch.get_rng_state(), before)
