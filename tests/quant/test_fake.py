import numpy as np
import pytest
import torch

from evonas.arch import SpecBuilder
from evonas.arch.ops import Activation
from evonas.proxy.losses import TargetScale
from evonas.proxy.weights import fold
from evonas.quant.fake import FakeQuantNetwork, _Rounded
from evonas.quant.fold_torch import fold_tensors
from evonas.quant.network import Quantization
from evonas.quant.quantize import quantize
from evonas.quant.score import int8_outputs


def convolutional(b):
    """Norms that fold and that stay, fused and other activations, a skip, poolings, a reshape."""
    x = b.relu(b.batch_norm(b.conv1d(b.input((6, 40)), 8, 3, dilation=2, padding="causal")))
    y = b.batch_norm(b.conv1d(x, 8, 3, padding="same", groups=8))
    x = b.batch_norm(b.relu(b.add(x, b.add_op(Activation("relu6"), y))))
    x = b.pool(b.pool(x, "average", 2), "max", 2)
    return b.finish(b.dense(b.relu(b.dense(b.flatten(x), 12)), 5))


def merged(b):
    x = b.meta_kernel(b.input((3, 9, 9)), 6, ((1, 1), (3, 1), (1, 3)), stride=2)
    return b.finish(b.dense(b.global_average_pool(b.relu(x)), 4))


def lstm(b):
    x = b.lstm(b.relu(b.conv1d(b.input((4, 12)), 6, 3, stride=2)), 5)
    return b.finish(b.dense(b.last_step(x), 3))


def cells(b):
    x = b.recurrent(b.stack_frames(b.input((3, 12)), 2), "gru", 6, rank_w=2, rank_u=3)
    return b.finish(b.dense(b.last_step(b.recurrent(x, "fastgrnn", 4)), 3))


NETWORKS = [convolutional, merged, lstm, cells]


@pytest.fixture(params=NETWORKS, ids=lambda make: make.__name__)
def quantized(request, random_weights):
    spec = request.param(SpecBuilder())
    weights = random_weights(spec, np.random.default_rng(1))
    X = np.random.default_rng(2).normal(size=(64, *spec.input_shape)).astype(np.float32)
    return quantize(spec, weights, X), weights, X


def test_tensors_fold_as_arrays_do(quantized):
    network, weights, _ = quantized
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}

    folded, expected = fold_tensors(network.spec, tensors), fold(network.spec, weights)

    assert folded.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(folded[name].numpy(), array, rtol=1e-5, atol=1e-6)


def test_it_gives_what_the_integers_give_to_within_some_steps(quantized):
    network, weights, X = quantized
    floating = FakeQuantNetwork(network, weights, TargetScale())

    with torch.no_grad():
        steps = (floating(torch.from_numpy(X)).numpy() - int8_outputs(network, X)) / (
            network.output.scale
        )

    # Rounding the other way, once, moves what follows; recurrent sums are not modelled.
    assert np.abs(steps).mean() < 1.0


def test_every_parameter_and_scale_has_a_gradient(quantized):
    network, weights, X = quantized
    module = FakeQuantNetwork(network, weights, TargetScale())

    module(torch.from_numpy(X)).square().sum().backward()

    parameters = dict(module.trained.named_parameters())
    assert parameters.keys() == {name for name in weights if "running_" not in name}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters.values())
    assert module.log_scales.grad.count_nonzero() > 1


def test_the_ranges_to_begin_with_give_the_same_network(quantized):
    network, weights, X = quantized
    module = FakeQuantNetwork(network, weights, TargetScale())

    again = quantize(network.spec, weights, X, ranges=module.ranges())

    for before, after in zip(network.tensors, again.tensors, strict=True):
        assert after.scale == pytest.approx(before.scale, rel=0.01)  # a state's is symmetric
        assert after.zero_point == before.zero_point


def test_rounding_and_its_gradients_are_worked_by_hand():
    x = torch.tensor([0.26, -3.0, 1.0], requires_grad=True)
    log_scale = torch.zeros((), requires_grad=True)

    y = _Rounded.apply(x, log_scale, Quantization(0.5, -126))  # covers -1 .. 126.5
    y.sum().backward()

    assert y.tolist() == [0.5, -1.0, 1.0]  # 0.52 steps, beyond the end of -2 steps, 2 steps
    assert x.grad.tolist() == [1.0, 0.0, 1.0]
    # (1 - 0.52) + (-2) + 0 steps of 0.5, and tenfold
    assert log_scale.grad.item() == pytest.approx(10 * 0.5 * (0.48 - 2))
