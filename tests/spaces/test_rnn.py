"""The RNN space: what a genome means, and what its cells cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.arch.builder import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.arch.ops import (
    LSTM,
    Conv,
    Dense,
    GlobalAveragePool,
    LastStep,
    Pool,
    Recurrent,
    StackFrames,
)
from evonas.cost.counts import count_macs, count_params
from evonas.errors import ConfigError, SpecError
from evonas.references import reference
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.rnn_network import (
    Feed,
    Front,
    RecurrentLayer,
    RNNNetwork,
    front_pads,
    positions,
    write,
)

SEED = {"seed_network": {"cell": "gru", "hidden": [16, 8]}}


@pytest.fixture
def space():
    return RNNSpace.from_settings(SEED, (4, 30), 3)


def _genome(space, **choices):
    """Returns the seed's genome with genes set to given choices (dots written as __)."""
    genome = space.encode(space.seed)
    for name, choice in choices.items():
        gene = space.genes.position(name.replace("__", "."))
        genome[gene] = space.genes[gene].choices.index(choice)
    return genome


def _ops(spec, *kinds):
    return [node.op for node in spec.nodes if isinstance(node.op, kinds)]


def test_the_seed_is_the_network_that_the_config_writes(space):
    b = SpecBuilder()
    x = b.recurrent(b.input((4, 30)), "gru", 16)
    x = b.last_step(b.recurrent(x, "gru", 8))
    assert space.seed == b.finish(b.dense(x, 3))


def test_one_number_of_units_is_repeated_over_the_layers():
    space = RNNSpace.from_settings(
        {"seed_network": {"cell": "mgu", "hidden": 6, "layers": 3}}, (4, 30), 3
    )
    assert _ops(space.seed, Recurrent) == [Recurrent("mgu", 6)] * 3


def test_a_seed_without_a_cell_has_the_dearest_on_offer():
    assert _ops(RNNSpace.from_settings({}, (4, 30), 3).seed, LSTM) == [LSTM(32), LSTM(32)]
    space = RNNSpace.from_settings({"cells": ["ugrnn", "fastgrnn"]}, (4, 30), 3)
    assert _ops(space.seed, Recurrent)[0].cell == "ugrnn"
    assert space.genes[0].choices == ("fastgrnn", "ugrnn")  # the cheapest first


# Worked by hand for d = 4 channels, h = 6 units, 30 steps and one dense layer 6 -> 3 (21 weights
# and biases, 18 MACs): gates * h * (h + d) weights, as many MACs a step, h a bias vector.
STEP_MACS = {"rnn": 60, "fastgrnn": 60, "ugrnn": 120, "mgu": 120, "gru": 180, "lstm": 240}
BIASES = {"rnn": 6, "fastgrnn": 14, "ugrnn": 12, "mgu": 12, "gru": 24, "lstm": 24}


@pytest.mark.parametrize("cell", CELLS)
def test_a_network_of_each_cell_costs_what_its_equations_say(space, cell):
    spec = space.decode(_genome(space, cell=cell, layers=1, layer0__hidden=6))
    assert count_params(spec) == STEP_MACS[cell] + BIASES[cell] + 21
    assert count_macs(spec) == 30 * STEP_MACS[cell] + 18


def test_low_rank_costs_the_sum_of_its_factors(space):
    changes = {"cell": "gru", "layers": 1, "layer0__hidden": 8}
    spec = space.decode(_genome(space, **changes, layer0__cut_w=2, layer0__cut_u=4))
    assert _ops(spec, Recurrent) == [Recurrent("gru", 8, rank_w=2, rank_u=2)]
    # W: 2 (4 + 24) = 56 instead of 96; U: 2 (8 + 24) = 64 instead of 192; 4 * 8 biases; 8 * 3 + 3
    assert count_params(spec) == 56 + 64 + 32 + 27
    assert count_macs(spec) == 30 * (56 + 64) + 24


def test_stacking_takes_fewer_and_wider_steps(space):
    spec = space.decode(_genome(space, input="stack 4", cell="ugrnn", layers=1, layer0__hidden=6))
    assert spec.shapes[1] == (16, 7)  # 30 // 4 steps
    assert count_macs(spec) == 7 * 2 * 6 * (6 + 16) + 18


def test_a_rank_that_saves_nothing_is_the_full_matrix(space):
    # W of a vanilla cell, 4 channels, 2 units: rank 1 costs 1 * (4 + 2) = 6 of 8, so it saves;
    # with 1 unit it costs 5 of 4.
    changes = {"cell": "rnn", "layers": 1, "layer0__cut_w": 8}
    saved = space.decode(_genome(space, **changes, layer0__hidden=2))
    assert _ops(saved, Recurrent) == [Recurrent("rnn", 2, rank_w=1)]
    useless = _genome(space, **changes, layer0__hidden=1)
    spec = space.decode(useless)
    assert _ops(spec, Recurrent) == [Recurrent("rnn", 1)]
    full = _genome(space, cell="rnn", layers=1, layer0__hidden=1)
    np.testing.assert_array_equal(space.encode(spec), space.encode(space.decode(full)))
    assert space.encode(spec)[space.genes.position("layer0.cut_w")] == 0


def test_cuts_that_round_to_one_rank_are_one_network(space):
    changes = {"cell": "rnn", "layers": 1, "layer0__hidden": 7}  # 7 / 8 and 4 / 4 of U and W: 1
    first = space.decode(_genome(space, **changes, layer0__cut_w=4))
    second = space.decode(_genome(space, **changes, layer0__cut_w=8))
    assert first == second
    np.testing.assert_array_equal(space.encode(first), space.encode(second))


def test_an_lstm_is_low_rank_only_as_a_recurrent_layer(space):
    full = space.decode(_genome(space, cell="lstm", layers=1))
    low = space.decode(_genome(space, cell="lstm", layers=1, layer0__cut_u=4))
    assert _ops(full, LSTM, Recurrent) == [LSTM(16)]
    assert _ops(low, LSTM, Recurrent) == [Recurrent("lstm", 16, rank_u=4)]


def test_a_missing_layer_leaves_its_genes_at_zero(space):
    canonical = space.encode(space.decode(_genome(space, layers=1, layer1__hidden=5)))
    at = space.genes.position("layer1.hidden")
    assert canonical[at : at + 3].tolist() == [0, 0, 0]


def test_the_front_reads_up_to_the_newest_position(space):
    spec = space.decode(_genome(space, front__stride=4, front__kernel=6, front__channels=5))
    (conv,) = _ops(spec, Conv)
    # 30 positions, 29 = 7 * 4 + 1 before the last: windows end at 1, 5, ..., 29, the first with
    # 6 - 2 = 4 zeros before it.
    assert (conv.kernel, conv.stride, conv.pads) == ((6,), (4,), ((4, 0),))
    assert spec.shapes[1] == (5, 8)


def test_no_position_is_skipped_by_a_fronts_stride(space):
    short = _genome(space, front__stride=4, front__kernel=2, front__channels=5)
    fitting = _genome(space, front__stride=4, front__kernel=4, front__channels=5)
    assert space.decode(short) == space.decode(fitting)
    np.testing.assert_array_equal(space.encode(space.decode(short)), fitting)


@pytest.mark.parametrize("length", range(1, 20))
@pytest.mark.parametrize("feed", [Feed(), Feed("stack", 3), Feed("stride", 3)])
@pytest.mark.parametrize("front", [None, Front(4, 4, 2), Front(2, 5, 2)])
def test_the_steps_are_those_of_the_written_network(length, feed, front):
    if feed.factor > length:
        feed = Feed()
    spec = write(RNNNetwork("rnn", (RecurrentLayer(3),), feed, front), (2, length), 1)
    (step,) = [i for i, node in enumerate(spec.nodes) if isinstance(node.op, Recurrent)]
    assert spec.shapes[step][1] == positions(length, feed, front)
    for conv in _ops(spec, Conv):
        fed = positions(length, feed, None)
        last = (positions(length, feed, front) - 1) * conv.stride[0] - conv.pads[0][0]
        assert last + conv.kernel[0] - 1 == fed - 1  # the last window ends at the newest position


def test_of_one_position_the_last_state_is_the_mean():
    space = RNNSpace.from_settings(SEED, (4, 4), 3)
    spec = space.decode(_genome(space, input="stack 4", readout="mean"))
    assert len(_ops(spec, LastStep)) == 1
    assert not _ops(spec, GlobalAveragePool)
    mean = space.decode(_genome(space, readout="mean"))
    assert len(_ops(mean, GlobalAveragePool)) == 1


def test_rates_beyond_the_length_are_not_on_offer():
    space = RNNSpace.from_settings(SEED, (4, 3), 3)
    assert space.genes[space.genes.position("input")].choices == ("all", "stack 2", "stride 2")


def test_striding_keeps_every_so_many_samples(space):
    spec = space.decode(_genome(space, input="stride 4"))
    assert _ops(spec, Pool) == [Pool("max", (1,), (4,))]
    assert spec.shapes[1] == (4, 8)
    assert not _ops(spec, StackFrames)


def test_a_dense_layer_follows_the_readout(space):
    spec = space.decode(_genome(space, dense=16))
    assert [op.out_features for op in _ops(spec, Dense)] == [16, 3]


def test_a_low_rank_seed_lies_in_its_space():
    network = RNNNetwork("fastgrnn", (RecurrentLayer(80, 5, 30),))
    seed = write(network, (9, 128), 6)
    space = RNNSpace(seed)
    assert space.seed == seed
    halved = replace(network, layers=(RecurrentLayer(40, 5, 15),))
    assert space.decode(space.encode(write(halved, (9, 128), 6))) == write(halved, (9, 128), 6)


@pytest.mark.parametrize(
    "name", ["lstm_google12", "gru_google12", "fastgrnn_google12", "fastgrnn_har2"]
)
def test_published_networks_are_seeds(name):
    space = RNNSpace.from_reference(name)
    assert space.seed == reference(name)
    other = RNNSpace.from_settings({"seed_network": name, "granularity": 8}, (12, 25), 9)
    assert other.seed == reference(name, (12, 25), 9)


def test_without_ranks_and_a_front_all_matrices_are_full():
    settings = SEED | {"ranks": False, "front": False, "input_rates": [1]}
    space = RNNSpace.from_settings(settings, (4, 30), 3)
    free = [gene.name for gene in space.genes if gene.n_choices > 1]
    assert free == ["cell", "layers", "readout", "dense", "layer0.hidden", "layer1.hidden"]


def test_granularity_keeps_multiples_and_the_seed():
    settings = {"seed_network": {"cell": "gru", "hidden": 10}, "granularity": 4}
    space = RNNSpace.from_settings(settings, (4, 30), 3)
    assert space.genes[space.genes.position("layer0.hidden")].choices == (4, 8, 10)
    assert space.genes[space.genes.position("front.channels")].choices == (4, 8, 10)


def test_further_layers_are_bounded_by_the_seeds_last():
    space = RNNSpace.from_settings(SEED | {"layers": 3}, (4, 30), 3)
    genome = _genome(space, layers=3, layer2__hidden=8)
    assert [op.hidden for op in _ops(space.decode(genome), Recurrent)] == [16, 8, 8]


def test_the_anchors_hold_the_seed_its_multiples_and_every_cell(space):
    anchors = space.anchors()
    specs = [space.decode(row) for row in anchors]
    assert specs[0] == space.seed
    assert len({spec.digest for spec in specs}) == len(specs)
    layers = [_ops(spec, LSTM, Recurrent) for spec in specs]
    assert [Recurrent("gru", 8), Recurrent("gru", 4)] in layers
    for cell in CELLS:
        of_cell = [it for it in layers if getattr(it[0], "cell", "lstm") == cell]
        sizes = [[op.hidden for op in it] for it in of_cell]
        assert [16, 8] in sizes
        assert [1] in sizes
    assert min(count_params(spec) for spec in specs) < count_params(space.seed) / 50


@pytest.mark.parametrize(
    "network",
    [
        RNNNetwork("gru", (RecurrentLayer(17),)),
        RNNNetwork("gru", (RecurrentLayer(8),) * 3),
        RNNNetwork("gru", (RecurrentLayer(8, 0, 3),)),
        RNNNetwork("gru", (RecurrentLayer(8),), dense=7),
        RNNNetwork("gru", (RecurrentLayer(8),), Feed("stack", 3)),
        RNNNetwork("gru", (RecurrentLayer(8),), front=Front(3, 4, 4)),
    ],
)
def test_a_network_beyond_the_seed_is_refused(space, network):
    with pytest.raises(SpecError, match="outside the space"):
        space.encode(write(network, (4, 30), 3))


def _foreign(kind):
    b = SpecBuilder()
    x = b.input((4, 31))
    if kind == "front that skips":
        x = b.relu(b.batch_norm(b.conv1d(x, 4, 2, 4, padding=(1, 0), bias=False)))
    x = b.recurrent(x, "gru", 8)
    x = b.recurrent(x, "mgu", 8) if kind == "two cells" else x
    x = b.flatten(x) if kind == "flatten" else b.last_step(x)
    for _ in range({"two dense layers": 2}.get(kind, 0)):
        x = b.relu(b.batch_norm(b.dense(x, 4, bias=False)))
    return b.finish(b.dense(x, 3, bias=kind != "no bias"))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("front that skips", "stride 4 has a kernel of 2"),
        ("two cells", "one cell, got gru, mgu"),
        ("flatten", "expected LastStep or GlobalAveragePool"),
        ("two dense layers", "at most one hidden dense layer, got 2"),
        ("no bias", "differ from those that the rnn space writes"),
    ],
)
def test_a_network_of_another_kind_is_refused(kind, words):
    space = RNNSpace.from_settings(SEED, (4, 31), 3)
    with pytest.raises(SpecError, match=words):
        space.encode(_foreign(kind))


def test_another_input_is_refused(space):
    other = RNNSpace.from_settings(SEED, (4, 31), 3)
    with pytest.raises(SpecError, match=r"The space maps \(4, 30\)"):
        space.encode(other.seed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed_network": "nonet"}, "neither a reference"),
        ({"seed_network": "ecgtcn"}, "no recurrent network"),
        ({"seed_network": {"cell": "gru"}, "cells": ["rnn"]}, "not among the cells on offer, rnn"),
        ({"seed_network": {"hidden": [4, 4], "layers": 3}}, "layers with one number of units"),
        ({"seed_network": {"hidden": [4, 4, 4, 4]}}, "up to 3 recurrent layers"),
        ({"seed_network": {"hidden": [4, 4]}, "layers": 1}, "no fewer than its seed network"),
        ({"cells": ["gnu"]}, "'rnn', 'fastgrnn'"),
        ({"cell": ["gru"]}, "Did you mean 'cells'"),
        ({"seed_network": {"hidden": 0}}, "greater than 0"),
    ],
)
def test_a_wrong_space_table_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        RNNSpace.from_settings(settings, (4, 30), 3)


def test_the_space_refuses_images():
    with pytest.raises(ConfigError, match=r"takes inputs of shape \(channels, length\)"):
        RNNSpace.from_settings({}, (3, 8, 8), 3)


def test_a_fronts_zeros_leave_every_window_full_of_at_least_one_sample():
    assert front_pads(30, 4, 4) == (2, 0)
    assert front_pads(29, 3, 2) == (2, 0)
    assert front_pads(1, 8, 4) == (7, 0)
