"""Recurrent layers: against torch's own, by hand, and their gradients against autograd's."""

from __future__ import annotations

import math
import tracemalloc
from itertools import product

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evonas.arch import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.arch.ops import Recurrent
from evonas.cost import count_macs, count_params, training_params
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.build import build
from evonas.proxy.cell_loops import LOOPS
from evonas.proxy.cell_steps import step_by_step
from evonas.proxy.layers_recurrent import RecurrentLayer, StackFramesLayer
from evonas.proxy.recipe import Recipe
from evonas.proxy.recurrence import NUMPY_PRODUCT
from evonas.tasks.metrics import resolve_metric

LN2, LN3 = math.log(2), math.log(3)  # tanh(ln 2) = 0.6, sigmoid(ln 3) = 0.75
RANKS = ((0, 0), (2, 0), (0, 3), (2, 3))


def _layer(cell, hidden, channels, rank_w=0, rank_u=0, dtype=torch.float32):
    layer = RecurrentLayer(Recurrent(cell, hidden, rank_w, rank_u), (channels, 1)).to(dtype)
    source = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5, generator=source)
    return layer


def _image(*shape, dtype=torch.float32, seed=1):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def _step_by_step(layer, cell, x):
    h = step_by_step(cell, x[:, :, 0].permute(2, 1, 0), layer.weights())
    return h.permute(2, 1, 0).unsqueeze(2)


def _assert_equals_autograd(layer, cell, x, tolerance):
    inputs = [x.requires_grad_(), *layer.parameters()]
    fast, slow = layer(x), _step_by_step(layer, cell, x)
    weight = _image(*slow.shape, dtype=x.dtype, seed=2)
    for one, other in zip(
        [fast, *torch.autograd.grad((fast * weight).sum(), inputs)],
        [slow, *torch.autograd.grad((slow * weight).sum(), inputs)],
        strict=True,
    ):
        assert one.shape == other.shape
        assert (one - other).norm() <= tolerance * other.norm()


def test_every_cell_has_its_loop():
    assert LOOPS.keys() == CELLS.keys()


# The cells themselves


def _two_steps(cell, **weights):
    """Returns the states of one unit that reads 1, then 0."""
    layer = _layer(cell, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        for name, rows in weights.items():
            parameter = layer.get_parameter(name)
            parameter.copy_(torch.tensor(rows, dtype=torch.float64).view_as(parameter))
    x = torch.tensor([1.0, 0.0], dtype=torch.float64).view(1, 1, 1, 2)
    fast = layer(x).flatten().tolist()
    assert fast == pytest.approx(_step_by_step(layer, cell, x).flatten().tolist())
    return fast


def test_fastgrnn_by_hand():
    # Both gates read the same product: z = s(ln 2 + ln 1.5) = 0.75, c = tanh(ln 2) = 0.6; with
    # zeta = 0.5 and nu = 0.25, h = (0.5 * 0.25 + 0.25) * 0.6 = 0.225, then that + 0.75 * 0.225.
    states = _two_steps(
        "fastgrnn", weight_w=[LN2], weight_u=[LN2 / 0.225],
        bias=[math.log(1.5), 0], scalars=[0, -LN3],
    )  # fmt: skip

    assert states == pytest.approx([0.225, 0.225 + 0.75 * 0.225])


def test_ugrnn_by_hand():
    # z = 0.75 and c = 0.6 in both steps: h = 0.25 * 0.6 = 0.15, then 0.75 * 0.15 + 0.15.
    u = [LN3 / 0.15, LN2 / 0.15]

    states = _two_steps("ugrnn", weight_w=[LN3, LN2], weight_u=u, bias=[0, 0])

    assert states == pytest.approx([0.15, 0.75 * 0.15 + 0.15])


def test_a_minimal_gated_unit_forgets_before_it_multiplies_by_hand():
    # f = 0.75 and c = 0.6 in both steps: h = 0.45; U_c reads 0.75 * 0.45 = 0.3375.
    u = [LN3 / 0.45, LN2 / 0.3375]

    states = _two_steps("mgu", weight_w=[LN3, LN2], weight_u=u, bias=[0, 0])

    assert states == pytest.approx([0.45, 0.25 * 0.45 + 0.45])


def test_a_vanilla_layer_equals_torchs_own():
    layer, own = _layer("rnn", 7, 4), nn.RNN(4, 7, batch_first=True)
    own.weight_ih_l0.data, own.weight_hh_l0.data = layer.weight_w.data, layer.weight_u.data
    own.bias_ih_l0.data, own.bias_hh_l0.data = layer.bias.data, torch.zeros(7)
    x = _image(3, 4, 1, 20)

    expected = own(x[:, :, 0].transpose(1, 2))[0].transpose(1, 2)
    torch.testing.assert_close(layer(x)[:, :, 0], expected, rtol=1e-5, atol=1e-6)


def test_a_gru_equals_torchs_own():
    layer, own = _layer("gru", 7, 4), nn.GRU(4, 7, batch_first=True)
    own.weight_ih_l0.data, own.weight_hh_l0.data = layer.weight_w.data, layer.weight_u.data
    own.bias_ih_l0.data = layer.bias.data[:21]
    own.bias_hh_l0.data = torch.cat([torch.zeros(14), layer.bias.data[21:]])
    x = _image(3, 4, 1, 20)

    expected = own(x[:, :, 0].transpose(1, 2))[0].transpose(1, 2)
    torch.testing.assert_close(layer(x)[:, :, 0], expected, rtol=1e-5, atol=1e-6)


def test_an_lstm_of_two_factors_equals_torchs_own_of_their_products():
    layer, own = _layer("lstm", 7, 4, 3, 2), nn.LSTM(4, 7, batch_first=True)
    own.weight_ih_l0.data = layer.weight_w_second.data @ layer.weight_w_first.data
    own.weight_hh_l0.data = layer.weight_u_second.data @ layer.weight_u_first.data
    own.bias_ih_l0.data, own.bias_hh_l0.data = layer.bias.data, torch.zeros(28)
    x = _image(3, 4, 1, 20)

    expected = own(x[:, :, 0].transpose(1, 2))[0].transpose(1, 2)
    torch.testing.assert_close(layer(x)[:, :, 0], expected, rtol=1e-5, atol=1e-6)


# Gradients


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_long_sequence_equal_those_of_autograd(cell):
    for ranks in RANKS:
        layer = _layer(cell, 16, 9, *ranks)

        _assert_equals_autograd(layer, cell, _image(32, 9, 1, 140), tolerance=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_exact_for_any_batch_and_length(cell):
    for ranks, batch, steps in product(RANKS, (1, 5), (1, 2, 6)):
        layer = _layer(cell, 8, 4, *ranks, dtype=torch.float64)
        x = _image(batch, 4, 1, steps, dtype=torch.float64)

        _assert_equals_autograd(layer, cell, x, tolerance=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell):
    for ranks in ((0, 0), (1, 2)):
        layer = _layer(cell, 3, 2, *ranks, dtype=torch.float64)
        names = [name for name, _ in layer.named_parameters()]
        x = _image(2, 2, 1, 4, dtype=torch.float64).requires_grad_()

        def run(x, *weights, layer=layer, names=names):
            values = dict(zip(names, weights, strict=True))
            return torch.func.functional_call(layer, values, (x,))

        assert torch.autograd.gradcheck(run, (x, *layer.parameters()))


@pytest.mark.parametrize("cell", CELLS)
def test_products_too_large_for_numpy_give_the_same(cell):
    hidden, batch = 48, 128
    assert hidden * hidden * batch > NUMPY_PRODUCT
    layer = _layer(cell, hidden, 3, 0, 47, dtype=torch.float64)
    x = _image(batch, 3, 1, 4, dtype=torch.float64)

    _assert_equals_autograd(layer, cell, x, tolerance=1e-12)


def test_two_layers_train_as_one_network():
    def states(run):
        return run(second, "gru", run(first, "mgu", x)).square().mean()

    first, second = _layer("mgu", 6, 3), _layer("gru", 5, 6)
    x = _image(4, 3, 1, 30)
    weights = [*first.parameters(), *second.parameters()]

    fast = torch.autograd.grad(states(lambda layer, _, x: layer(x)), weights)
    slow = torch.autograd.grad(states(_step_by_step), weights)

    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_a_step_on_one_thread_repeats_its_bits():
    layer, x = _layer("fastgrnn", 12, 5, 0, 4), _image(32, 5, 1, 50)
    runs = [torch.autograd.grad(layer(x).sum(), list(layer.parameters())) for _ in range(3)]

    assert all(torch.equal(*pair) for pair in zip(runs[0], runs[1], strict=True))
    assert all(torch.equal(*pair) for pair in zip(runs[0], runs[2], strict=True))


def test_an_output_that_is_overwritten_is_no_silent_error():
    layer = _layer("rnn", 4, 2)
    y = layer(_image(3, 2, 1, 5))
    y.mul_(2)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


# Inference


@pytest.mark.parametrize("cell", CELLS)
def test_inference_gives_the_bits_of_training(cell):
    layer, x = _layer(cell, 8, 4, 0, 3), _image(5, 4, 1, 12)
    with torch.inference_mode():
        inferred = layer(x)

    assert not inferred.requires_grad
    assert torch.equal(inferred, layer(x))


def test_inference_keeps_nothing_but_the_states():
    layer, x = _layer("gru", 8, 4), _image(16, 4, 1, 100)
    one_history = 4 * 8 * 16 * 101  # float32, with the state of zeros before the first step

    def kept():
        tracemalloc.start()
        y = layer(x)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del y
        return size

    with torch.no_grad():
        assert one_history <= kept() < 1.5 * one_history
    assert kept() > 1.9 * one_history  # numpy's share of what the gradient needs


# In networks


@pytest.mark.parametrize(("cell", "ranks"), list(product(CELLS, RANKS)))
def test_the_deployed_module_has_the_counted_params_and_macs(cell, ranks):
    b = SpecBuilder()
    x = b.recurrent(b.stack_frames(b.input((3, 17)), 2), cell, 9, *ranks)
    spec = b.finish(b.dense(b.last_step(b.recurrent(x, cell, 8, 0, 2)), 4))
    with torch.device("meta"):
        trained, deployed = build(spec), build(spec, deployed=True)
        with FlopCounterMode(display=False) as counter:
            deployed(torch.empty(1, 3, 17))

    assert sum(p.numel() for p in deployed.parameters()) == count_params(spec)
    assert sum(p.numel() for p in trained.parameters()) == training_params(spec)
    assert counter.get_total_flops() / 2 == count_macs(spec)


def test_stacked_frames_drop_the_oldest_and_keep_their_order():
    x = torch.arange(14.0).view(2, 7).t().reshape(1, 7, 1, 2).permute(0, 3, 2, 1)
    assert x[0, :, 0].tolist() == [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12, 13]]

    y = StackFramesLayer(3)(x)

    # Channel f * 2 + c: both channels of steps 1 and 4, of 2 and 5, of 3 and 6.
    assert y[0, :, 0].tolist() == [[1, 4], [8, 11], [2, 5], [9, 12], [3, 6], [10, 13]]


@pytest.mark.parametrize("cell", CELLS)
def test_a_network_of_each_cell_learns(cell, classes):
    b = SpecBuilder()
    x = b.recurrent(b.input((3, 12)), cell, 8, 0, 2)
    spec = b.finish(b.dense(b.global_average_pool(x), 3))
    recipe = Recipe(epochs=12, batch_size=16, learning_rate=2e-2)

    result, _ = TorchBackend().fit(spec, classes, recipe, 0, resolve_metric("error", False))

    assert result.error is None
    assert result.metric <= 0.2  # of three classes


@pytest.mark.parametrize("read", ["last_step", "global_average_pool"])
def test_a_readout_hands_back_its_gradient_in_the_order_of_the_states(read):
    b = SpecBuilder()
    model = build(b.finish(getattr(b, read)(b.recurrent(b.input((3, 9)), "gru", 4))))
    recurrent, readout = model.get_submodule("node1"), model.get_submodule("node2")
    states = recurrent(_image(5, 3, 1, 9)).detach().requires_grad_()

    y = readout(states)
    expected = states[:, :, 0, -1] if read == "last_step" else states[:, :, 0].mean(2)
    (grad,) = torch.autograd.grad(y.sum(), [states])

    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(grad, torch.autograd.grad(expected.sum(), [states])[0])
    assert grad.permute(3, 1, 0, 2).is_contiguous()  # (time, hidden, batch, 1): not copied
