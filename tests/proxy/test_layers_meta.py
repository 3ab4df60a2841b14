"""A meta-kernel as it trains, and the one convolution into which it merges."""

from __future__ import annotations

import math
from itertools import chain, combinations, product

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from evonas.arch import ArchSpec, SpecBuilder
from evonas.arch.ops import MetaKernel
from evonas.cost import count_macs, count_params, training_params
from evonas.errors import SpecError
from evonas.proxy.build import Network, build, load_weights
from evonas.proxy.weights import BATCH_NORM_EPS, fold, initial_weights

SIZES = (1, 3, 5, 7)


def _subsets(kernels):
    return list(chain.from_iterable(combinations(kernels, n) for n in range(1, len(kernels) + 1)))


KERNELS = {
    "1d": _subsets([(k,) for k in SIZES]),
    "squares": _subsets([(k, k) for k in SIZES]),
    "strips": _subsets([(1, 3), (3, 1), (1, 5), (5, 1), (3, 3)]),
    "even": [((2,), (4,)), ((2, 3), (4, 1))],
}


def _spec(kernels, stride=1, dilation=1, groups=1, pads=None, out_channels=8):
    b = SpecBuilder()
    x = b.input((4, 12, 9) if len(kernels[0]) == 2 else (4, 19))
    return b.finish(b.meta_kernel(x, out_channels, kernels, stride, dilation, groups, pads))


def _random_weights(spec, seed, dtype=np.float64):
    """Returns weights whose batch norms are no identities."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, array in initial_weights(spec, seed).items():
        positive = name.endswith(("running_var", "norm.weight"))
        low, high = (0.5, 2.0) if positive else (-1.0, 1.0)
        weights[name] = rng.uniform(low, high, array.shape).astype(dtype)
    return weights


def _sum_of_branches(spec, weights, x):
    """Returns the branches' sum by the definition: zeros around the input, each its own crop."""
    op = spec.nodes[1].op
    rank = 2 - len(op.kernel)
    pads = ((0, 0),) * rank + op.pads
    dilation, field = (1,) * rank + op.dilation, (1,) * rank + op.kernel
    padded = functional.pad(x, [*pads[1], *pads[0]])
    total = 0
    for i in range(len(op.kernels)):
        name = f"node1.branch{i}"
        part = {k: torch.from_numpy(v) for k, v in weights.items() if k.startswith(name)}
        kernel = part[f"{name}.weight"]
        edge = [(f - k) // 2 * d for f, k, d in zip(field, kernel.shape[2:], dilation, strict=True)]
        crop = padded[
            :, :, edge[0] : padded.shape[2] - edge[0], edge[1] : padded.shape[3] - edge[1]
        ]
        y = torch.conv2d(crop, kernel, None, (1,) * rank + op.stride, 0, dilation, op.groups)
        mean, variance, gain, shift = (
            part[f"{name}.norm.{p}"].reshape(-1, 1, 1)
            for p in ("running_mean", "running_var", "weight", "bias")
        )
        total = total + gain * (y - mean) / torch.sqrt(variance + BATCH_NORM_EPS) + shift
    return total


@pytest.mark.parametrize("family", KERNELS)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_merging_is_exact_for_every_subset_stride_and_dilation(family, groups):
    for kernels, stride, dilation in product(KERNELS[family], (1, 2, 3), (1, 2)):
        spec = _spec(kernels, stride, dilation, groups)
        weights = _random_weights(spec, seed=stride)
        x = torch.randn(2, *spec.input_shape, dtype=torch.float64)
        image = x.unsqueeze(2) if x.dim() == 3 else x
        expected = _sum_of_branches(spec, weights, image)
        trained, deployed = Network(spec).double().eval(), Network(spec, deployed=True).double()
        load_weights(trained, weights)
        load_weights(deployed, fold(spec, weights))

        torch.testing.assert_close(trained(x), expected, rtol=0, atol=1e-10)
        torch.testing.assert_close(deployed(x), expected, rtol=0, atol=1e-10)
        assert expected[0].numel() == math.prod(spec.output_shape)


@pytest.mark.parametrize("pads", [((6, 0),), ((0, 0),), ((0, 5),), ((9, 2),)])
def test_merging_is_exact_with_any_explicit_pads(pads):
    spec = _spec(((1,), (3,), (7,)), 2, pads=pads)
    weights = _random_weights(spec, seed=1)
    x = torch.randn(2, 4, 19, dtype=torch.float64)
    trained, deployed = Network(spec).double().eval(), Network(spec, deployed=True).double()
    load_weights(trained, weights)
    load_weights(deployed, fold(spec, weights))

    expected = _sum_of_branches(spec, weights, x.unsqueeze(2))
    torch.testing.assert_close(trained(x), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(deployed(x), expected, rtol=0, atol=1e-10)


def test_deployed_in_float32_it_answers_as_trained():
    spec = _spec(((1, 3), (3, 1), (3, 3)), stride=2)
    weights = _random_weights(spec, seed=0, dtype=np.float32)
    trained, deployed = Network(spec).eval(), Network(spec, deployed=True)
    load_weights(trained, weights)
    load_weights(deployed, fold(spec, weights))
    x = torch.randn(3, *spec.input_shape)

    torch.testing.assert_close(deployed(x), trained(x), rtol=1e-5, atol=1e-5)


def test_every_branch_keeps_the_statistics_of_its_own_outputs():
    spec = _spec(((1,), (5,)))
    model = build(spec)
    x = torch.randn(16, 4, 19)
    model(x)

    for branch, taps in (("branch0", 1), ("branch1", 5)):
        layer = model.get_submodule(f"node1.{branch}")
        y = functional.conv1d(x, layer.weight[:, :, 0], padding=taps // 2)
        torch.testing.assert_close(layer.norm.running_mean, 0.1 * y.mean((0, 2)))


def test_the_deployed_module_has_the_counted_params_and_macs():
    spec = _spec(((1, 1), (1, 3), (3, 1)), stride=2, groups=4)
    with torch.device("meta"):
        trained, deployed = build(spec), build(spec, deployed=True)
        with FlopCounterMode(display=False) as counter:
            deployed(torch.empty(1, *spec.input_shape))

    # 8 filters of 3x3 with a bias each, at 6x5 positions
    assert sum(p.numel() for p in deployed.parameters()) == count_params(spec) == 8 * 9 + 8
    assert counter.get_total_flops() / 2 == count_macs(spec) == 30 * 72
    # 8 filters of 1, 3 and 3 taps, each branch with 8 gains and shifts
    assert sum(p.numel() for p in trained.parameters()) == training_params(spec) == 56 + 48


@pytest.mark.parametrize(
    "kernels", [((2,), (3,)), ((1, 2), (1, 3)), ((1,), (3, 3)), ((3,), (1,)), ((3,), (3,)), ()]
)
def test_kernels_that_cannot_be_merged_are_refused(kernels):
    rank = len(kernels[-1]) if kernels else 1
    op = MetaKernel(8, kernels, *((1,) * rank,) * 2, ((0, 0),) * rank)
    with pytest.raises(SpecError, match="MetaKernel"):
        op.output_shape((4, 12, 9)[: rank + 1])


def test_a_spec_of_kernels_that_cannot_be_merged_cannot_be_read():
    data = _spec(((1,), (3,))).to_dict()
    data["nodes"][1]["kernels"] = [[2], [3]]
    with pytest.raises(SpecError, match="no common centre"):
        ArchSpec.from_dict(data)
