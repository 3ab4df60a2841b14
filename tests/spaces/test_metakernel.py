"""The meta-kernel space: what a genome means."""

from __future__ import annotations

import dataclasses
from itertools import chain, combinations

import numpy as np
import pytest
import torch

from evonas.arch.builder import SpecBuilder
from evonas.arch.lower import lower
from evonas.arch.ops import Activation, Add, Conv, Dense, MetaKernel, Pool
from evonas.arch.spec import ArchSpec, Node
from evonas.cost.profile import profile
from evonas.errors import ConfigError, SpecError
from evonas.proxy.build import build
from evonas.references import reference
from evonas.searchers.sampling import sample_genes
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.metakernel_block import Block, expand
from evonas.spaces.metakernel_network import Step
from evonas.spaces.metakernel_sets import cut, offered_sets, read_set

LINE = {"seed_network": {"widths": [8, 8], "repeats": 2, "kernel": 5, "stride": 1}}
PLANE = {"seed_network": {"widths": [8, 12], "repeats": 2, "skip": "block"}}
ONE, THREE, FIVE = ((1,),), ((3,),), ((5,),)


@pytest.fixture
def line():
    return MetaKernelSpace.from_settings(LINE, (2, 32), 3)


@pytest.fixture
def plane():
    return MetaKernelSpace.from_settings(PLANE, (1, 16, 12), 4)


def _genome(space, **choices):
    """Returns the seed's genome with genes set to given choices (dots written as __)."""
    genome = space.encode(space.seed)
    for name, choice in choices.items():
        gene = space.genes.position(name.replace("__", "."))
        genome[gene] = space.genes[gene].choices.index(choice)
    return genome


def _metas(spec):
    return [node.op for node in spec.nodes if isinstance(node.op, MetaKernel)]


def test_the_seed_is_the_network_that_the_config_writes(plane):
    b = SpecBuilder()
    square, point = ((3, 3),), ((1, 1),)
    x = b.relu(b.meta_kernel(b.input((1, 16, 12)), 8, square))
    for channels in (8, 12):
        y = b.relu(b.meta_kernel(x, channels, square, stride=2))
        y = b.meta_kernel(y, channels, square)
        x = b.relu(b.add(y, b.meta_kernel(x, channels, point, stride=2)))
    assert plane.seed == b.finish(b.dense(b.global_average_pool(x), 4))


def test_the_kernels_on_offer_are_all_subsets_of_the_sizes():
    subsets = set(
        chain.from_iterable(combinations([(k,) for k in (1, 3, 5, 7)], n) for n in (1, 2, 3, 4))
    )
    assert set(offered_sets((1, 3, 5, 7), 1)) == subsets
    assert len(subsets) == 15


def test_subsets_that_cannot_be_merged_are_not_on_offer():
    assert offered_sets((2, 3, 4), 1) == (((2,),), ((3,),), ((4,),), ((2,), (4,)))


def test_a_genes_kernels_are_the_branches_of_every_layer(line):
    spec = line.decode(_genome(line, block0__kernels="1+5+7"))
    assert [op.kernels for op in _metas(spec)] == [FIVE, *[((1,), (5,), (7,))] * 2, *[FIVE] * 2]


def test_strips_are_branches_of_an_image(plane):
    spec = plane.decode(_genome(plane, block0__kernels="1x3+3x1"))
    assert _metas(spec)[1].kernels == ((1, 3), (3, 1))
    assert _metas(spec)[1].kernel == (3, 3)


def test_a_separable_layer_expands_convolves_each_channel_and_projects(line):
    spec = line.decode(_genome(line, block1__separable=True, block1__expansion=3))
    layers = [(op.out_channels, op.kernels, op.groups) for op in _metas(spec)[3:]]
    assert layers == [(24, ONE, 1), (24, FIVE, 24), (8, ONE, 1)] * 2


def test_expansion_is_inactive_in_a_full_convolution(line):
    asked = _genome(line, block1__expansion=3)
    assert line.decode(asked) == line.seed
    np.testing.assert_array_equal(line.encode(line.decode(asked)), line.encode(line.seed))


def test_a_separable_layer_of_one_tap_is_a_1x1_convolution(line):
    asked = _genome(line, block1__kernels="1", block1__separable=True, block1__expansion=2)
    plain = _genome(line, block1__kernels="1")
    assert line.decode(asked) == line.decode(plain)
    np.testing.assert_array_equal(line.encode(line.decode(asked)), plain)


def test_the_first_layer_of_a_block_alone_has_its_stride(line):
    spec = line.decode(_genome(line, block0__stride=2))
    assert [op.stride for op in _metas(spec)] == [(1,), (2,), (1,), (1,), (1,)]


def test_a_shortcut_leads_around_every_layer_that_keeps_its_shape(line):
    spec = line.decode(_genome(line, block0__skip="layer", block0__stride=2))
    adds = [node.inputs for node in spec.nodes if isinstance(node.op, Add)]
    assert len(adds) == 1  # around the second layer: the first one halves the length
    assert len(_metas(spec)) == 5


@pytest.mark.parametrize(("channels", "n_convolutions"), [(8, 5), (5, 6)])
def test_a_blocks_shortcut_is_projected_where_shapes_differ(line, channels, n_convolutions):
    spec = line.decode(_genome(line, block1__skip="block", block1__channels=channels))
    assert len(_metas(spec)) == n_convolutions
    assert sum(isinstance(node.op, Add) for node in spec.nodes) == 1


def test_a_projection_may_stay_where_widths_become_equal_around_it():
    seed = {"widths": [8, 12], "stride": [1, 2], "stem": 4, "skip": "block"}
    space = MetaKernelSpace.from_settings({"seed_network": seed}, (3, 16), 2)
    offered = {gene.name: gene.choices for gene in space.genes}
    assert offered["block0.skip"] == ("none", "layer", "block", "projection")
    assert offered["block1.skip"] == ("none", "layer", "block")  # its stride tells shapes apart

    narrow = {"stem__channels": 4, "block0__channels": 4}
    identity = space.decode(_genome(space, block0__skip="block", **narrow))
    projected = space.decode(_genome(space, block0__skip="projection", **narrow))
    assert len(_metas(projected)) == len(_metas(identity)) + 1
    wide = {"stem__channels": 4, "block0__channels": 6}
    block = space.decode(_genome(space, block0__skip="block", **wide))
    assert space.decode(_genome(space, block0__skip="projection", **wide)) == block


def test_a_shortcut_that_fits_no_layer_is_none(line):
    asked = _genome(line, block0__skip="layer", block0__repeats=1, block0__channels=5)
    plain = _genome(line, block0__repeats=1, block0__channels=5)
    np.testing.assert_array_equal(line.encode(line.decode(asked)), plain)


def test_kernels_are_cut_to_what_they_see_of_a_short_tensor():
    assert cut(((1,), (5,), (7,)), (2,)) == (ONE[0], THREE[0])
    assert cut(((1, 3), (3, 1), (3, 3)), (1, 9)) == ((1, 1), (1, 3))
    assert cut(((2,), (6,)), (2,)) == ((2,), (4,))
    assert cut(((7,),), (4,)) == ((7,),)


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("taps", [2, 4, 5, 7])
def test_a_cut_kernel_computes_what_the_whole_one_would(length, taps):
    ((left,),) = cut(((taps,),), (length,))
    kernel = np.random.default_rng(0).normal(size=taps)
    centre, centre_left = (taps - 1) // 2, (left - 1) // 2  # zeros before, SAME of stride 1
    inner = kernel[centre - centre_left :][:left]
    for x in np.eye(length):
        padded = np.pad(x, taps)
        full = np.correlate(padded[taps - centre :], kernel)[:length]
        part = np.correlate(padded[taps - centre_left :], inner)[:length]
        np.testing.assert_allclose(part, full)


def test_a_stride_over_one_position_is_none():
    assert expand(Block(4, THREE, stride=2), (3, 1)) == (Step(4, ONE),)


def test_a_missing_block_leaves_its_genes_at_zero(line):
    canonical = line.encode(line.decode(_genome(line, block1__exists=False)))
    at = line.genes.position("block1.exists")
    assert canonical[at : at + 8].tolist() == [0] * 8


def test_equal_networks_have_equal_genomes_wherever_their_block_stood(line):
    first = line.decode(_genome(line, block1__exists=False))
    second = line.decode(_genome(line, block0__exists=False))
    assert first.digest == second.digest
    np.testing.assert_array_equal(line.encode(first), line.encode(second))


def test_an_expansion_is_no_block_of_its_own(line):
    """A 1x1 convolution before a separable block of expansion 1 is the same network."""
    split = _genome(
        line, block0__kernels="1", block0__repeats=1, block0__channels=6, stem__channels=3,
        block1__separable=True, block1__repeats=1,
    )  # fmt: skip
    whole = _genome(
        line, block1__exists=False, stem__channels=3,
        block0__separable=True, block0__repeats=1, block0__expansion=2,
    )  # fmt: skip
    assert line.decode(split) == line.decode(whole)
    canonical = line.encode(line.decode(split))
    at = line.genes.position("block1.exists")
    np.testing.assert_array_equal(canonical[:at], whole[:at])
    assert not canonical[at : at + 8].any()


def test_pooling_halves_the_input_once(plane):
    spec = plane.decode(_genome(plane, input__pooling=2))
    assert spec.nodes[1].op == Pool("average", (2, 2), (2, 2))
    assert spec.shapes[1] == (1, 8, 6)


def test_a_short_input_is_never_pooled():
    space = MetaKernelSpace.from_settings({}, (3, 7, 32), 2)
    assert space.genes[0].choices == (1,)


def test_a_hidden_dense_layer_may_stand_behind_the_average(line):
    spec = line.decode(_genome(line, head__dense_layers=1, head__dense0=16))
    widths = [node.op.out_features for node in spec.nodes if isinstance(node.op, Dense)]
    assert widths == [16, 3]


@pytest.mark.parametrize("name", ["line", "plane"])
def test_no_network_needs_a_pad_operator_or_leaves_its_relus_unfused(name, request):
    space = request.getfixturevalue(name)
    for genome in sample_genes(space.genes, np.random.default_rng(3), 100):
        spec = space.decode(genome)
        kinds = {op.kind for op in lower(spec).ops}
        assert kinds <= {"conv", "depthwise", "dense", "add", "average_pool"}


def _merged(spec):
    """Returns the spec with every meta-kernel replaced by the convolution it merges into."""
    ops = (node.op.merged() if isinstance(node.op, MetaKernel) else node.op for node in spec.nodes)
    return ArchSpec(tuple(Node(op, node.inputs) for op, node in zip(ops, spec.nodes, strict=True)))


def test_a_branched_network_costs_what_the_merged_one_does(plane):
    names = ("params", "macs", "peak_ram_bytes", "flash_bytes", "latency_s")
    for genome in sample_genes(plane.genes, np.random.default_rng(4), 20):
        spec = plane.decode(genome)
        branched, merged = (profile(it, "stm32l4r5") for it in (spec, _merged(spec)))
        assert [getattr(branched, n) for n in names] == [getattr(merged, n) for n in names]


def test_a_deployed_network_answers_as_the_trained_one(plane):
    spec = plane.decode(_genome(plane, block0__kernels="1x3+3x1+3x3", block1__kernels="1x1+5x5"))
    x = torch.randn(2, *spec.input_shape)
    torch.testing.assert_close(
        build(spec, deployed=True).eval()(x), build(spec).eval()(x), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["resnet8", "ds_cnn", "mobilenet_025"])
def test_a_reference_that_fits_keeps_its_counts_and_shapes(name):
    spec = reference(name)
    space = MetaKernelSpace(spec)

    assert space.seed.digest == space.decode(space.encode(spec)).digest
    seed, own = (profile(it, "stm32l4r5") for it in (space.seed, spec))
    assert (seed.params, seed.macs) == (own.params, own.macs)
    shapes = [_conv_shapes(it) for it in (space.seed, spec)]
    assert shapes[0] == shapes[1]


def _conv_shapes(spec):
    rows = [
        (node.op.kernel, node.op.stride, node.op.pads, node.op.groups, shape)
        for node, shape in zip(spec.nodes, spec.shapes, strict=True)
        if isinstance(node.op, (Conv, MetaKernel))
    ]
    return rows


@pytest.mark.parametrize("name", ["temponet", "ecgtcn", "six_conv", "fc_autoencoder"])
def test_a_reference_of_another_kind_is_refused(name):
    with pytest.raises(SpecError, match="meta"):
        MetaKernelSpace.from_reference(name)


def _altered(spec, kind, **fields):
    nodes = list(spec.nodes)
    at = next(i for i, node in enumerate(nodes) if isinstance(node.op, kind))
    nodes[at] = Node(dataclasses.replace(nodes[at].op, **fields), nodes[at].inputs)
    return ArchSpec(tuple(nodes))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (MetaKernel, {"pads": ((4, 0),)}),
        (MetaKernel, {"kernels": THREE, "dilation": (2,), "pads": ((2, 2),)}),
        (MetaKernel, {"groups": 2}),
        (Activation, {"function": "relu6"}),
    ],
)
def test_a_layer_that_the_space_does_not_write_is_refused(line, kind, fields):
    with pytest.raises(SpecError, match="no network of meta-kernels|outside"):
        line.encode(_altered(line.seed, kind, **fields))


def test_a_network_beyond_the_seed_is_refused(line):
    wide = {"widths": [9, 9], "repeats": 2, "kernel": 5, "stride": 1}
    other = MetaKernelSpace.from_settings({"seed_network": wide}, (2, 32), 3)
    with pytest.raises(SpecError, match="outside the space"):
        line.encode(other.seed)


def test_another_input_is_refused(line):
    other = MetaKernelSpace.from_settings(LINE, (2, 31), 3)
    with pytest.raises(SpecError, match=r"The space maps \(2, 32\)"):
        line.encode(other.seed)


def test_granularity_keeps_multiples_and_the_seed():
    settings = {"seed_network": {"widths": [10]}, "granularity": 4}
    space = MetaKernelSpace.from_settings(settings, (2, 32), 3)
    gene = space.genes[space.genes.position("block0.channels")]
    assert gene.choices == (4, 8, 10)


def test_the_anchors_hold_the_seed_its_multiples_and_the_cheapest_networks(line):
    anchors = line.anchors()
    specs = [line.decode(row) for row in anchors]
    assert specs[0] == line.seed
    assert len({spec.digest for spec in specs}) == len(specs)
    widths = [[op.out_channels for op in _metas(spec)] for spec in specs]
    assert [4] * 5 in widths
    assert [1] in widths


def test_a_set_has_the_name_by_which_it_is_read():
    assert read_set("1x3 + 3x1+3", 2) == ((1, 3), (3, 1), (3, 3))
    assert read_set(5, 1) == FIVE


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed_network": "nonet"}, "neither a reference"),
        ({"seed_network": {"widths": [4, 4], "repeats": [3]}}, "repeats needs one value or 2"),
        ({"kernels": ["2+3"]}, "no common centre"),
        ({"kernels": ["3x3"]}, "expected sizes such as 3 or"),
        ({"kernels": ["wide"]}, "expected sizes"),
        ({"kernels": []}, "at least 1 item"),
        ({"seed_network": {"kernel": "3x3"}}, "seed_network: kernel: expected sizes"),
        ({"seed_network": {"stem_kernel": "2+3"}}, "seed_network: stem_kernel: .*common centre"),
        ({"seed_network": {"skip": "some"}}, "skip"),
        ({"granlarity": 3}, "Did you mean 'granularity'"),
    ],
)
def test_a_wrong_space_table_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        MetaKernelSpace.from_settings(settings, (2, 32), 3)


def test_a_seed_whose_kernels_reach_beyond_a_tensor_is_refused_with_that_reason():
    assert MetaKernelSpace.from_reference("mobilenet_025", (3, 33, 33), 10).seed
    with pytest.raises(SpecError, match=r"kernel 3x3 reaches beyond all of .* \(256, 1, 1\)"):
        MetaKernelSpace.from_reference("mobilenet_025", (3, 32, 32), 10)


def test_a_flat_input_is_refused():
    with pytest.raises(ConfigError, match="metakernel takes inputs"):
        MetaKernelSpace.from_settings({}, (640,), 3)
