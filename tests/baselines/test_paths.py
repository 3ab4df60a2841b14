"""Choice blocks: every choice is a network of the space and computes what the supernet does."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch.nn import functional

from evonas.baselines.paths import MAX_PATHS, fragment, halvings, imbalance, thinned
from evonas.baselines.paths_metakernel import DROPPED, metakernel_chain
from evonas.baselines.paths_rnn import rnn_chain
from evonas.baselines.paths_tcn import tcn_chain
from evonas.baselines.supernet import Mixture, Supernet
from evonas.cost import count_params
from evonas.proxy.build import build, load_weights
from evonas.references import reference
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.metakernel_block import Block as MetaKernelBlock
from evonas.spaces.metakernel_block import expand
from evonas.spaces.metakernel_network import MetaKernelNetwork, Step
from evonas.spaces.metakernel_network import write as write_metakernel
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.tcn import TCNSpace
from evonas.spaces.tcn_network import Block, ConvLayer, Style, TCNNetwork, write

CHAINS = {TCNSpace: tcn_chain, MetaKernelSpace: metakernel_chain, RNNSpace: rnn_chain}

SIX_CONV = {"widths": [6, 6, 8, 8, 12, 12], "kernel": 9, "pool": [2, 4]}
JOINED = TCNNetwork(
    (
        Block((ConvLayer(6, 5, (4, 0)),)),
        Block((ConvLayer(7, 5, (4, 0)), ConvLayer(6, 3, (4, 0), 2, separable=True)), "identity"),
        Block((ConvLayer(6, 5, (4, 0), separable=True),), "identity", "max"),
        Block((ConvLayer(9, 3, (2, 0), stride=2), ConvLayer(9, 3, (2, 0))), "projection"),
    )
)
INVERTED = {
    "widths": [6, 8, 8],
    "repeats": 2,
    "separable": True,
    "expansion": 2,
    "stride": [1, 2, 1],
}
SEPARABLE = MetaKernelBlock(6, ((3, 3),), separable=True, skip="projection")
PROJECTED = MetaKernelNetwork(1, (Step(6, ((3, 3),)), *expand(SEPARABLE, (6, 12, 12))))
SPACES = {
    "tcn-six_conv": lambda: TCNSpace.from_settings({"seed_network": SIX_CONV}, (2, 40), 4),
    "tcn-same": lambda: TCNSpace.from_settings(
        {"seed_network": {**SIX_CONV, "head": "flatten", "dense": [8]}, "padding": "same"},
        (2, 40),
        4,
    ),
    "tcn-granular": lambda: TCNSpace.from_settings(
        {"seed_network": {"widths": [10, 12], "kernel": 4}, "granularity": 4}, (2, 40), 4
    ),
    "tcn-ecgtcn": lambda: TCNSpace(reference("ecgtcn")),
    "tcn-temponet": lambda: TCNSpace(reference("temponet")),
    "tcn-joined": lambda: TCNSpace(write(JOINED, Style(), (2, 40), 3)),
    "metakernel-1d": lambda: MetaKernelSpace.from_settings(
        {"seed_network": {"widths": [6, 8, 8], "kernel": "1+5"}}, (3, 40), 4
    ),
    "metakernel-layer": lambda: MetaKernelSpace.from_settings(
        {"seed_network": {**INVERTED, "stride": [1, 2, 1], "skip": "layer", "dense": [8]}},
        (2, 24),
        3,
    ),
    "metakernel-block": lambda: MetaKernelSpace.from_settings(
        {"seed_network": {**INVERTED, "stride": [1, 2, 1], "skip": "block"}}, (2, 12, 12), 3
    ),
    "metakernel-widening": lambda: MetaKernelSpace.from_settings(
        {"seed_network": {"widths": [6, 9, 9], "stride": 1, "skip": "block"}}, (3, 20), 3
    ),
    "metakernel-projected": lambda: MetaKernelSpace(
        write_metakernel(PROJECTED, (2, 12, 12), 3), granularity=2
    ),
    "metakernel-resnet8": lambda: MetaKernelSpace.from_reference("resnet8", (1, 8, 8), 10, 4),
    "rnn-lstm": lambda: RNNSpace.from_settings({}, (5, 12), 3),
    "rnn-gru": lambda: RNNSpace.from_settings(
        {"seed_network": {"cell": "gru", "hidden": [9, 6], "readout": "mean", "dense": 6}},
        (5, 12),
        3,
    ),
}  # fmt: skip


@functools.cache
def _space(name):
    return SPACES[name]()


@functools.cache
def _chain(name):
    space = _space(name)
    return CHAINS[type(space)](space)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _choice(chain, rng):
    return tuple(int(rng.integers(len(block.paths))) for block in chain.blocks)


def _supernet(name):
    """Returns a supernet with random norms, whose dead channels are far from silent."""
    net = Supernet(_chain(name), seed=0)
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part, tensor in net.state_dict().items():
            if part.rsplit(".", 1)[-1] in ("running_mean", "running_var", "bias"):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=source))
    return net, torch.randn(5, *_space(name).input_shape, generator=source)


spaces = pytest.mark.parametrize("name", SPACES)


@spaces
def test_first_paths_make_the_seed_network(name):
    chain = _chain(name)

    assert chain.spec(chain.seed) == _space(name).seed


@spaces
def test_blocks_have_few_paths_and_no_two_alike(name):
    chain = _chain(name)

    assert chain.open
    for block, x in zip(chain.blocks, chain.widest, strict=True):
        assert len(block.paths) <= MAX_PATHS
        assert len({fragment(path, x).digest for path in block.paths}) == len(block.paths)
        assert len({path.label for path in block.paths}) == len(block.paths)


@spaces
def test_every_choice_is_a_network_as_the_space_writes_it(name, rng):
    space, chain = _space(name), _chain(name)

    for _ in range(40):
        spec = chain.spec(_choice(chain, rng))
        assert space.decode(space.encode(spec)).digest == spec.digest


@spaces
def test_costs_span_from_the_seed_to_a_small_share_of_it(name):
    chain = _chain(name)
    cheapest = [
        min(range(len(block.paths)), key=lambda path: count_params(fragment(block.paths[path], x)))
        for block, x in zip(chain.blocks, chain.widest, strict=True)
    ]
    firsts = [fragment(chain.blocks[i].paths[0], chain.widest[i]) for i in chain.open]
    in_blocks = [count_params(spec) for spec in firsts]

    fixed = count_params(_space(name).seed) - sum(in_blocks)
    assert count_params(chain.spec(cheapest)) - fixed < 0.2 * sum(in_blocks)


@spaces
def test_weights_of_a_choice_compute_what_the_supernet_computes(name, rng):
    net, x = _supernet(name)
    net.eval()

    for _ in range(5):
        choice = _choice(net.chain, rng)
        alone = build(net.chain.spec(choice)).eval()
        load_weights(alone, net.weights(choice))
        with torch.no_grad():
            torch.testing.assert_close(net(x, choice), alone(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["tcn-joined", "metakernel-block", "rnn-gru"])
def test_paths_that_are_compared_change_neither_output_nor_running_statistics(name, rng):
    net, x = _supernet(name)
    net.train()
    choice = _choice(net.chain, rng)
    mixtures = [
        Mixture.of(tuple(range(len(block.paths))), path)
        for block, path in zip(net.chain.blocks, choice, strict=True)
    ]
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}

    mixed = net.mixed(x, mixtures)

    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[key])
    torch.testing.assert_close(mixed, net(x, choice), rtol=1e-3, atol=1e-3)


def _outputs(net, block, y):
    """Returns the outputs of all paths of a block, each a module of its own with cut weights."""
    paths = net.chain.blocks[block].paths
    signal = y.squeeze(2) if y.dim() == 4 else y
    outputs = []
    for number, path in enumerate(paths):
        module = build(fragment(path, tuple(signal.shape[1:])))
        bank = net.bank(block, number)
        given = {**dict(bank.named_parameters()), **dict(bank.named_buffers())}
        cut = {
            key: given[key][tuple(map(slice, own.shape))].clone()
            for key, own in module.state_dict().items()
        }
        outputs.append(torch.func.functional_call(module, cut, (signal,)))
    widest = max(out.shape[1] for out in outputs)
    return [
        functional.pad(out, (0, 0) * (out.dim() - 2) + (0, widest - out.shape[1]))
        for out in outputs
    ]


def test_a_gate_s_gradient_is_that_of_a_weighted_sum_of_all_outputs():
    """Against the sum itself, with zeros for channels that a path does not have."""
    net, x = _supernet("tcn-six_conv")
    choice = (3, 0, 2, 4, 1, 2, 0)
    mixtures = [
        Mixture.of(tuple(range(len(block.paths))), path)
        for block, path in zip(net.chain.blocks, choice, strict=True)
    ]
    gates = [mixture.gates for mixture in mixtures[:-1]]

    found = torch.autograd.grad(net.mixed(x, mixtures).square().sum(), gates)

    y = x
    for block, mixture in enumerate(mixtures):
        outputs = _outputs(net, block, y)
        y = sum(gate * out for gate, out in zip(mixture.gates, outputs, strict=True))
    wanted = torch.autograd.grad(y.square().sum(), gates)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
        assert other.abs().max() > 1e-2


def test_a_block_with_an_identity_is_as_wide_as_its_input():
    chain = _chain("tcn-joined")
    narrow = next(i for i, p in enumerate(chain.blocks[0].paths) if p.label.endswith(" c3"))

    spec = chain.spec((narrow, *chain.seed[1:]))

    assert fragment(chain.blocks[1].paths[0], (3, 40)).output_shape == (3, 40)
    assert spec.shapes[-2] == (9,)


def test_a_block_that_changes_no_shape_may_be_left_out():
    chain = _chain("metakernel-resnet8")  # a stem of 16 channels, then 16, 32 and 64

    assert [DROPPED in block.paths for block in chain.blocks] == [False, True, False, False, False]
    dropped = chain.blocks[1].paths.index(DROPPED)
    spec = chain.spec((0, dropped, 0, 0, 0))
    assert len(spec.nodes) < len(chain.spec(chain.seed).nodes)


def test_candidates_spread_over_the_logarithm_of_cost():
    costs = [256, 100, 64, 16, 9, 4, 3, 1]  # levels 256, 64, 16, 4, 1, each a factor 2 wide

    assert thinned(costs, 5) == [0, 1, 3, 5, 7]  # the first of those near to a level
    assert thinned([100, 1, 1], 9) == [0, 1, 2]


def test_widths_halve_down_to_a_32nd():
    assert halvings(range(1, 65), 64) == [64, 32, 16, 8, 4, 2]
    assert halvings(range(4, 33, 4), 32) == [32, 16, 8, 4]
    assert halvings(range(1, 9), 8, least=2) == [8, 4, 2]


def test_a_candidate_cut_in_one_way_alone_is_uneven():
    assert imbalance(1, 1) == 0
    assert imbalance(1 / 4, 1 / 4) == 0
    assert imbalance(1 / 4, 1) == pytest.approx(np.log(4))
    assert imbalance(1, 1, 1 / 4) == pytest.approx(np.log(2))
