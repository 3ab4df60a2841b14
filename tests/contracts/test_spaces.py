"""What every search space owes: valid networks, one genome a network, counts equal to PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from evonas.arch import ArchSpec
from evonas.cost.counts import count_macs, count_params
from evonas.proxy.build import build
from evonas.references import reference
from evonas.searchers.sampling import sample_genes
from evonas.spaces import SPACES
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.rnn_network import Feed, Front, RecurrentLayer, RNNNetwork, write
from evonas.spaces.tcn import TCNSpace

WIDTHS = {"widths": [16, 16, 32], "kernel": 9, "pool": [2], "dense": [16]}
LOW_RANK = RNNNetwork(
    "lstm",
    (RecurrentLayer(12, 3, 4), RecurrentLayer(10, 0, 3), RecurrentLayer(8)),
    Feed("stack", 3),
    Front(3, 5, 7),
    "mean",
    20,
)
INVERTED = {
    "widths": [6, 8, 8], "repeats": 2, "separable": True, "expansion": 2, "skip": "layer",
    "dense": [8],
}  # fmt: skip
RESIDUAL = {"widths": [8, 16], "repeats": [2, 1], "skip": "block"}
PROJECTED = {"widths": [8, 12], "stride": [1, 2], "stem": 4, "separable": True, "skip": "block"}
EXAMPLES = {
    "metakernel-1d": lambda: MetaKernelSpace.from_settings({}, (3, 40), 4),
    "metakernel-short": lambda: MetaKernelSpace.from_settings(
        {"seed_network": INVERTED}, (1, 5), 2
    ),
    "metakernel-2d": lambda: MetaKernelSpace.from_settings(
        {"seed_network": RESIDUAL, "granularity": 2}, (1, 8, 11), 10
    ),
    "metakernel-projected": lambda: MetaKernelSpace.from_settings(
        {"seed_network": PROJECTED, "granularity": 2}, (3, 12, 12), 3
    ),
    "metakernel-ds_cnn": lambda: MetaKernelSpace.from_reference("ds_cnn"),
    "rnn-default": lambda: RNNSpace.from_settings({}, (12, 13), 9),
    "rnn-short": lambda: RNNSpace.from_settings({"layers": 3, "granularity": 4}, (1, 3), 1),
    "rnn-lean": lambda: RNNSpace.from_settings(
        {
            "seed_network": {"cell": "gru", "hidden": [24, 10], "readout": "mean", "dense": 6},
            "cells": ["fastgrnn", "gru"],
            "ranks": False,
            "input_rates": [1],
            "front": False,
        },
        (17, 9),
        1,
    ),
    "rnn-low-rank": lambda: RNNSpace(write(LOW_RANK, (5, 32), 3), ranks=False),
    "tcn-causal": lambda: TCNSpace.from_settings({"seed_network": WIDTHS}, (3, 50), 4),
    "tcn-same": lambda: TCNSpace.from_settings(
        {"seed_network": WIDTHS, "padding": "same"}, (1, 7), 2
    ),
    "tcn-ecgtcn": lambda: TCNSpace(reference("ecgtcn")),
    "tcn-temponet": lambda: TCNSpace(reference("temponet")),
}


def test_every_registered_space_has_an_example():
    assert {name.split("-")[0] for name in EXAMPLES} == set(SPACES.names())


@pytest.fixture(params=EXAMPLES)
def space(request):
    return EXAMPLES[request.param]()


def _genomes(space, n, seed=0):
    return sample_genes(space.genes, np.random.default_rng(seed), n)


def _check_codec(space, n):
    seen: dict[str, tuple[int, ...]] = {}
    for genome in _genomes(space, n):
        spec = space.decode(genome)
        canonical = space.encode(spec)
        assert space.decode(canonical) == spec
        np.testing.assert_array_equal(space.canonical(genome), canonical)
        np.testing.assert_array_equal(space.encode(space.decode(canonical)), canonical)
        assert seen.setdefault(spec.digest, tuple(canonical)) == tuple(canonical)
        assert spec.output_shape == space.seed.output_shape


def test_every_genome_is_a_network_and_every_network_has_one_genome(space):
    _check_codec(space, 300)


@pytest.mark.slow
def test_every_one_of_5000_genomes_is_a_network_with_one_genome(space):
    _check_codec(space, 5000)


def test_json_keeps_a_network(space):
    for genome in _genomes(space, 20):
        spec = space.decode(genome)
        assert ArchSpec.from_json(spec.to_json()) == spec


def test_decode_does_not_write_into_its_argument(space):
    genome = _genomes(space, 1)[0]
    before = genome.copy()
    space.decode(genome)
    np.testing.assert_array_equal(genome, before)


def _check_counts(space, n):
    for genome in _genomes(space, n, seed=1):
        spec = space.decode(genome)
        with torch.device("meta"):
            model = build(spec, deployed=True).eval()
            x = torch.empty(1, *spec.input_shape)
        assert sum(p.numel() for p in model.parameters()) == count_params(spec)
        with FlopCounterMode(display=False) as counter:
            model(x)
        assert counter.get_total_flops() / 2 == count_macs(spec)


def test_params_and_macs_equal_those_of_the_deployed_module(space):
    _check_counts(space, 75)  # 300 over the four examples of a space


@pytest.mark.slow
def test_params_and_macs_equal_those_of_5000_deployed_modules(space):
    _check_counts(space, 1250)


def test_a_network_trains_one_step_with_finite_gradients(space):
    for genome in _genomes(space, 5, seed=2):
        model = build(space.decode(genome)).train()
        loss = model(torch.randn(4, *space.seed.input_shape)).square().mean()
        loss.backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(torch.isfinite(g).all() for g in grads)
        assert grads


def test_the_seed_scaled_by_one_is_the_seed_and_by_less_is_no_larger(space):
    scaled = [space.scaled(share) for share in (1.0, 0.6, 0.3, 0.1, 0.0)]

    assert space.decode(scaled[0]) == space.seed
    params = [count_params(space.decode(genome)) for genome in scaled]
    assert params == sorted(params, reverse=True)
    assert params[-1] < params[0]
    for genome in scaled:
        np.testing.assert_array_equal(space.encode(space.decode(genome)), genome)


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan")])
def test_a_share_of_the_widths_beyond_them_is_refused(space, share):
    with pytest.raises(ValueError, match="share of the seed's widths in 0..1"):
        space.scaled(share)
