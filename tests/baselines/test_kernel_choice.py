"""A choice of kernels: one convolution that equals the weighted sum of its options."""

import numpy as np
import pytest
import torch
from torch.func import functional_call

from evonas.arch import SpecBuilder
from evonas.arch.builder import causal_pads, same_pads
from evonas.arch.ops import Conv, Input, MetaKernel
from evonas.arch.spec import ArchSpec, Node
from evonas.baselines.kernel_choice import KernelChoice, MetaKernelChoice
from evonas.errors import SpecError
from evonas.proxy.build import Network, load_weights

FIELD_9 = ((9, 1), (5, 2), (3, 4), (4, 1), (2, 8), (1, 1))
"""(taps, dilation) that read at most the 9 newest samples."""


def temporal(rule, stride=1, bias=False, kernels=FIELD_9):
    return {(k, d): Conv(6, (k,), (stride,), (d,), (rule(k, d),), 1, bias) for k, d in kernels}


def meta(input_shape, sets, stride=1, groups=1):
    """Meta-kernels of 4 filters as the builder pads them."""
    found = {}
    for kernels in sets:
        b = SpecBuilder()
        x = b.meta_kernel(b.input(input_shape), 4, kernels, stride, groups=groups)
        found[kernels] = b.finish(b.relu(x)).nodes[x].op
    return found


CASES = {
    "causal": ((5, 20), temporal(causal_pads)),
    "same": ((5, 20), temporal(same_pads)),
    "with a bias": ((5, 20), temporal(causal_pads, bias=True)),
    "strided": ((5, 21), temporal(causal_pads, stride=2)),
    "squares": ((3, 8, 9), meta((3, 8, 9), [((1, 1),), ((3, 3),), ((5, 5),)])),
    "strided squares": ((3, 8, 9), meta((3, 8, 9), [((1, 1),), ((3, 3),), ((5, 5),)], 2)),
    "strips": ((3, 8, 8), meta((3, 8, 8), [((1, 3),), ((3, 1),), ((1, 3), (3, 1)), ((3, 3),)])),
    "sets": ((3, 30), meta((3, 30), [((1,), (5,)), ((3,),), ((3,), (5,), (7,))])),
    "strided sets": ((3, 30), meta((3, 30), [((1,), (5,)), ((3,),), ((3,), (7,))], 2)),
    "depthwise": ((4, 8, 8), meta((4, 8, 8), [((1, 1),), ((3, 3),), ((5, 5),)], 1, 4)),
}


def convolved(option, weights, x):
    """An option's branches without batch norm, by PyTorch's own convolution, summed."""
    conv = option.merged() if isinstance(option, MetaKernel) else option
    kernels = option.kernels if isinstance(option, MetaKernel) else (conv.kernel,)
    total = 0
    for i, kernel in enumerate(kernels):
        name = f"branch{i}.weight" if isinstance(option, MetaKernel) else "weight"
        pads = []
        for k, field, d, (before, after) in zip(
            kernel, conv.kernel, conv.dilation, conv.pads, strict=True
        ):
            pads.append((before - (field - k) // 2 * d, after - (field - k) // 2 * d))
        flat = [n for pad in reversed(pads) for n in pad]
        weight = torch.from_numpy(weights[name])
        run = torch.nn.functional.conv2d if len(kernel) == 2 else torch.nn.functional.conv1d
        weight = weight if len(kernel) == 2 else weight[:, :, 0]
        padded = torch.nn.functional.pad(x, flat)
        total = total + run(padded, weight, None, conv.stride, 0, conv.dilation, conv.groups)
    if "bias" in weights:
        total = total + torch.from_numpy(weights["bias"]).view(1, -1, *(1,) * len(conv.kernel))
    return total


def image(x):
    return x if x.dim() == 4 else x.unsqueeze(2)


@pytest.mark.parametrize("name", CASES)
def test_each_option_alone_computes_what_its_own_convolution_does(name):
    shape, options = CASES[name]
    layer = KernelChoice(options, shape, np.random.default_rng(1))
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(2))

    for index, (kernel, option) in enumerate(options.items()):
        layer.shares = torch.eye(len(options))[index]
        expected = image(convolved(option, layer.chosen(kernel), x))
        torch.testing.assert_close(layer(image(x)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_the_mixture_is_the_weighted_sum_of_all_options(name):
    shape, options = CASES[name]
    layer = KernelChoice(options, shape, np.random.default_rng(3))
    shares = torch.rand(len(options), generator=torch.Generator().manual_seed(4))
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(5))

    layer.shares = shares
    kernels = [layer.chosen(kernel) for kernel in options]
    bias = kernels[0].pop("bias", np.zeros(1, np.float32))  # of all options, added once
    parts = [
        image(convolved(option, {n: a for n, a in own.items() if n != "bias"}, x))
        for option, own in zip(options.values(), kernels, strict=True)
    ]
    expected = sum(share * part for share, part in zip(shares, parts, strict=True))
    expected = expected + torch.from_numpy(bias).view(1, -1, 1, 1)

    torch.testing.assert_close(layer(image(x)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["squares", "strips", "sets", "strided sets", "depthwise"])
def test_an_option_is_a_meta_kernel_of_the_space_with_norms_of_its_own(name):
    shape, options = CASES[name]
    rng = np.random.default_rng(6)
    layer = MetaKernelChoice(options, shape, rng).eval()
    with torch.no_grad():
        for tensor in (layer.norm.weight, layer.norm.bias, layer.norm.running_mean):
            tensor.copy_(torch.from_numpy(rng.normal(size=4)))
        layer.norm.running_var.copy_(torch.from_numpy(rng.uniform(0.3, 3, 4)))
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(7))

    for index, (kernel, option) in enumerate(options.items()):
        layer.choice.shares = torch.eye(len(options))[index]
        alone = Network(ArchSpec((Node(Input(shape)), Node(option, (0,))))).eval()
        load_weights(alone, {f"node1.{n}": a for n, a in layer.chosen(kernel).items()})
        torch.testing.assert_close(layer(image(x)), alone(x), atol=1e-5, rtol=1e-5)


def test_kernels_of_one_step_share_a_grid_of_that_step():
    layer = KernelChoice(
        temporal(causal_pads, kernels=((5, 2), (3, 4), (2, 8))), (5, 20), np.random.default_rng(0)
    )

    assert layer.kernel().shape == (6, 5, 1, 5)  # offsets -8, -6, -4, -2, 0


def test_the_gradient_reaches_every_share_and_every_weight():
    shape, options = CASES["sets"]
    layer = KernelChoice(options, shape, np.random.default_rng(0))
    shares = torch.full((3,), 1 / 3, requires_grad=True)
    layer.shares = shares

    layer(torch.randn(2, 3, 1, 30)).square().sum().backward()

    assert (shares.grad != 0).all()
    assert (layer.weight.grad != 0).all()


@pytest.mark.parametrize("name", ["causal", "strips", "strided sets"])
def test_gradients_by_weights_and_shares_equal_differences(name):
    shape, options = CASES[name]
    layer = KernelChoice(options, shape, np.random.default_rng(8)).double()
    weight = layer.weight.detach()[:, :, :1].clone().requires_grad_()
    shares = torch.rand(len(options), generator=torch.Generator().manual_seed(9)).double()

    def kernel(weight, shares):
        layer.shares = shares
        return functional_call(layer, {"weight": weight}, (), {}, strict=False)

    layer.forward = layer.kernel
    assert torch.autograd.gradcheck(kernel, (weight, shares.requires_grad_()), fast_mode=True)


def test_options_of_different_strides_are_refused():
    strided = temporal(causal_pads, stride=2, kernels=((3, 1),))
    options = temporal(causal_pads) | strided

    with pytest.raises(SpecError, match="same stride"):
        KernelChoice(options, (5, 20), np.random.default_rng(0))
