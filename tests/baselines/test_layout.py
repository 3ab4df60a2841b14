"""Layouts: what is tied, what is on offer, and that every network is one of the space."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.baselines.layout import Layout
from evonas.errors import ConfigError, SpecError
from evonas.references import reference
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.rnn_network import RecurrentLayer, RNNNetwork
from evonas.spaces.rnn_network import write as rnn_write
from evonas.spaces.tcn import TCNSpace
from evonas.spaces.tcn_network import Block, ConvLayer, Style, TCNNetwork, write

SIX_CONV = {"widths": [6, 6, 8, 8, 12, 12], "kernel": 9, "pool": [2, 4]}
INVERTED = {
    "widths": [6, 8, 8], "repeats": 2, "separable": True, "expansion": 2, "skip": "layer",
    "dense": [8],
}  # fmt: skip
JOINED = TCNNetwork(
    (
        Block((ConvLayer(6, 5, (4, 0)),)),
        Block((ConvLayer(7, 5, (4, 0)), ConvLayer(6, 3, (4, 0), 2, separable=True)), "identity"),
        Block((ConvLayer(6, 5, (4, 0), separable=True),), "identity", "max"),
        Block((ConvLayer(9, 3, (2, 0), stride=2), ConvLayer(9, 3, (2, 0))), "projection"),
    )
)
RESIDUAL = {"widths": [8, 16], "repeats": [2, 1], "skip": "block"}
PROJECTED = {"widths": [8, 12], "stride": [1, 2], "stem": 4, "separable": True, "skip": "block"}
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
    "tcn-separable": lambda: TCNSpace(write(JOINED, Style(), (2, 40), 3)),
    "metakernel-1d": lambda: MetaKernelSpace.from_settings(
        {"seed_network": {"widths": [6, 8, 8], "kernel": "1+5"}}, (3, 40), 4
    ),
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
    "metakernel-inverted": lambda: MetaKernelSpace.from_settings(
        {"seed_network": {**INVERTED, "skip": "block"}}, (2, 12, 12), 3
    ),
    "rnn-lstm": lambda: RNNSpace.from_settings({}, (5, 12), 3),
    "rnn-gru": lambda: RNNSpace.from_settings(
        {"seed_network": {"cell": "gru", "hidden": [9, 6], "readout": "mean", "dense": 6}},
        (5, 12),
        3,
    ),
    "rnn-mgu": lambda: RNNSpace.from_settings(
        {"seed_network": {"cell": "mgu", "hidden": [7]}}, (5, 12), 3
    ),
}


def layout_of(name, dense_grid=False):
    return Layout.of(SPACES[name](), name.split("-")[0], dense_grid)


def random_sizes(layout, rng):
    widths = [int(rng.choice(group.widths)) for group in layout.groups]
    kernels = [slot.options[rng.integers(len(slot.options))] for slot in layout.slots]
    return widths, kernels


@pytest.mark.parametrize("dense_grid", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_networks_of_random_sizes_are_the_space_s(name, dense_grid):
    space = SPACES[name]()
    layout = Layout.of(space, name.split("-")[0], dense_grid)
    rng = np.random.default_rng(0)

    for _ in range(30):
        spec = layout.write(*random_sizes(layout, rng))
        assert space.decode(space.encode(spec)).digest == spec.digest


@pytest.mark.parametrize("name", SPACES)
def test_the_sizes_of_the_largest_network_give_it_back(name):
    layout = layout_of(name)

    assert layout.write(layout.widths, layout.kernels) == layout.spec
    if name != "tcn-granular":
        assert layout.spec == SPACES[name]().seed


def test_six_convolutions_make_six_groups_whose_gates_stand_behind_the_batch_norms():
    layout = layout_of("tcn-six_conv")

    assert layout.widths == (6, 6, 8, 8, 12, 12)
    assert layout.groups[0].writers == (1,)  # input, conv, batch norm, relu, conv, ...
    assert layout.groups[0].gated == (2,)
    assert layout.groups[0].readers == (4,)
    assert layout.groups[0].widths == (1, 2, 3, 4, 5, 6)


def test_a_group_ends_at_the_dense_layer_behind_flattening():
    layout = layout_of("tcn-same")
    last = layout.groups[-1]

    dense = next(i for i, n in enumerate(layout.spec.nodes) if type(n.op).__name__ == "Dense")
    assert last.readers == (dense,)
    axis = layout.axes[dense - 1][1]  # of the flattening: 10 positions a channel
    np.testing.assert_array_equal(axis.index[:12], [0] * 10 + [1] * 2)
    assert all(place is None for place in layout.axes[dense:])


def test_layers_joined_by_identity_shortcuts_are_one_group():
    layout = layout_of("tcn-separable")
    widths = [group.width for group in layout.groups]
    joined = layout.groups[0]

    assert widths == [6, 7, 9, 9]  # the stem and two blocks; the first block's inside; the third's
    assert len(joined.writers) == 3
    assert joined.least == 2  # a depthwise convolution of one channel would be a full one
    assert layout.groups[1].least == 2
    assert layout.groups[2].least == 1
    assert len(layout.groups[3].writers) == 2  # the last layer and the projection


def test_kernels_on_offer_are_fields_and_dilations():
    slot = layout_of("tcn-six_conv").slots[0]

    assert len(slot.options) == 1 + 8 + 4 + 2 + 1  # one tap; dilations 1, 2, 4, 8 in a field of 9
    assert slot.taps((9, 1)) == tuple(range(9))
    assert slot.taps((3, 4)) == (0, 4, 8)
    assert slot.taps((2, 8)) == (0, 8)
    assert slot.taps((2, 2)) == (6, 8)  # causal: the newest tap is the last
    assert slot.taps((1, 1)) == (8,)


def test_same_padding_keeps_kernels_in_the_middle():
    slot = layout_of("tcn-same").slots[0]  # 4 zeros left, 4 right

    assert slot.taps((1, 1)) == (4,)
    assert slot.taps((3, 2)) == (2, 4, 6)
    assert slot.taps((2, 1)) == (3, 4)  # an odd zero stands on the left
    assert slot.taps((2, 2)) == (3, 5)


def test_a_dense_grid_has_the_whole_field_at_dilation_1():
    sparse, dense = layout_of("tcn-ecgtcn"), layout_of("tcn-ecgtcn", dense_grid=True)

    assert sparse.kernels[-1] == (11, 4)
    assert dense.kernels[-1] == (41, 1)
    assert (11, 4) in dense.slots[-1].options


def test_strided_layers_keep_their_kernels():
    layout = layout_of("tcn-temponet", dense_grid=True)
    strided = {n for n, node in enumerate(layout.spec.nodes)
               if type(node.op).__name__ == "Conv" and node.op.stride != (1,)}  # fmt: skip

    assert len(strided) == 2
    assert not strided & set(layout.slot_of)
    assert all(layout.axes[node] is not None for node in strided)


def test_repeats_share_channels_and_kernels_and_expansions_follow_their_input():
    layout = layout_of("metakernel-inverted", dense_grid=True)
    slot = layout.slots[1]  # of the first block: both of its layers

    assert len(slot.nodes) == 2
    narrow = layout.write([1] * len(layout.groups), layout.kernels)
    for node in slot.nodes:  # 1x1 convolution, ReLU, depthwise
        hidden, source = narrow.nodes[node].op, narrow.nodes[node - 2].inputs[0]
        assert hidden.out_channels == hidden.groups == 2 * narrow.shapes[source][0]


def test_units_are_groups_and_hidden_dense_layers_stay():
    layout = layout_of("rnn-gru")

    assert layout.widths == (9, 6)
    assert layout.slots == ()
    assert layout.groups[0].gated == layout.groups[0].writers


def test_granularity_bounds_chunks():
    layout = layout_of("tcn-granular")  # widths 10 and 12 in multiples of 4

    assert layout.widths == (8, 12)
    assert layout.groups[1].chunks == ((0, 4), (4, 8), (8, 12))
    assert layout.groups[1].widths == (4, 8, 12)


def test_sizes_that_are_not_on_offer_are_refused():
    layout = layout_of("tcn-granular")

    with pytest.raises(SpecError, match="Width 3"):
        layout.write([3, 12], layout.kernels)
    with pytest.raises(SpecError, match="Expected 2 widths"):
        layout.write([8], layout.kernels)
    with pytest.raises(SpecError, match="Kernel"):
        layout.write([8, 12], [(5, 7), (1, 1)])


def test_low_rank_and_other_spaces_are_refused():
    ranks = RNNNetwork("gru", (RecurrentLayer(8, 0, 2),))
    low = RNNSpace(rnn_write(ranks, (5, 12), 3))

    with pytest.raises(ConfigError, match="low rank"):
        Layout.of(low, "rnn")
    with pytest.raises(ConfigError, match="Unknown space"):
        Layout.of(low, "tcn")
