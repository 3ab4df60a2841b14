"""Several spaces at once: one network has one genome, in the first family that holds it."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.arch.builder import SpecBuilder
from evonas.config import SpaceTable
from evonas.config_table import validate_table
from evonas.errors import ConfigError, SpecError
from evonas.searchers.sampling import sample_genes
from evonas.spaces.from_table import space_from_table
from evonas.spaces.mixed import MixedSpace, family_names, family_of, log10_size
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.tcn import TCNSpace

SHAPE, N_OUTPUTS = (2, 32), 3
TCN = {"seed_network": {"widths": [8, 16], "kernel": 9, "pool": [1]}}
RNN = {"seed_network": {"hidden": 12, "layers": 2}}


@pytest.fixture
def space():
    return MixedSpace.from_settings({"tcn": TCN, "rnn": RNN}, SHAPE, N_OUTPUTS)


def _from_table(table):
    return space_from_table(validate_table(SpaceTable, table, "[space]"), SHAPE, N_OUTPUTS)


def _refused(table):
    with pytest.raises(ConfigError) as caught:
        _from_table(table)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_genes_are_the_family_and_then_those_of_every_family(space):
    tcn, rnn = space.families["tcn"], space.families["rnn"]
    assert space.genes[0].choices == ("tcn", "rnn")
    assert not space.genes[0].is_ordered
    names = [f"tcn.{name}" for name in tcn.genes.names] + [f"rnn.{n}" for n in rnn.genes.names]
    assert list(space.genes.names) == ["family", *names]
    assert space.genes.n_choices[1:] == (*tcn.genes.n_choices, *rnn.genes.n_choices)


def test_a_genome_means_what_its_family_s_part_of_it_means(space):
    for genome in sample_genes(space.genes, np.random.default_rng(0), 40):
        n_tcn = space.families["tcn"].genes.n_var
        is_rnn = bool(genome[0])
        own = genome[1 + n_tcn :] if is_rnn else genome[1 : 1 + n_tcn]
        name = "rnn" if is_rnn else "tcn"
        assert space.decode(genome) == space.families[name].decode(own)
        assert space.family(genome) == family_of(space, space.decode(genome)) == name


def test_genes_of_other_families_are_zero_in_a_canonical_genome(space):
    for genome in sample_genes(space.genes, np.random.default_rng(1), 40):
        canonical = space.encode(space.decode(genome))
        n_tcn = space.families["tcn"].genes.n_var
        foreign = canonical[1 : 1 + n_tcn] if canonical[0] else canonical[1 + n_tcn :]
        assert not foreign.any()


def test_a_network_of_two_families_belongs_to_the_first():
    wide, narrow = TCNSpace.from_settings(TCN, SHAPE, N_OUTPUTS), {"widths": [8], "kernel": 3}
    small = TCNSpace.from_settings({"seed_network": narrow}, SHAPE, N_OUTPUTS)
    mixed = MixedSpace({"wide": wide, "small": small})
    genome = np.concatenate([[1], np.zeros(wide.genes.n_var, int), small.encode(small.seed)])

    canonical = mixed.encode(mixed.decode(genome))

    assert mixed.family(genome) == "wide"
    np.testing.assert_array_equal(canonical[1 : 1 + wide.genes.n_var], wide.encode(small.seed))
    np.testing.assert_array_equal(mixed.encode(mixed.decode(canonical)), canonical)


def test_a_plain_convolution_stays_in_its_family_beside_one_that_has_its_equal():
    kernels = {"seed_network": {"widths": [4], "stem": 8}}
    families = {"metakernel": kernels, "tcn": {"seed_network": {"widths": [4], "kernel": 1}}}
    mixed = MixedSpace.from_settings(families, SHAPE, N_OUTPUTS)
    spec = mixed.families["tcn"].seed

    assert mixed.families["metakernel"].encode(spec).shape  # holds it as a meta-kernel of one tap
    assert mixed.family(spec) == "tcn"
    assert mixed.decode(mixed.encode(spec)) == spec


def test_anchors_come_from_every_family_in_turn_the_first_one_s_seed_foremost(space):
    anchors = space.anchors()
    specs = [space.decode(row) for row in anchors]
    assert specs[0] == space.seed == space.families["tcn"].seed
    assert specs[1] == space.families["rnn"].seed
    counts = [len(own.anchors()) for own in space.families.values()]
    assert len(specs) == len({spec.digest for spec in specs}) == sum(counts)
    turns = [space.family(spec) for spec in specs[: 2 * min(counts)]]
    assert turns == ["tcn", "rnn"] * min(counts)


def test_a_descendant_of_another_family_starts_from_that_family_s_seed(space):
    for genome in space.anchors():
        there = genome.copy()
        there[0] = 1 - genome[0]
        assert space.decode(there) == space.families["rnn" if there[0] else "tcn"].seed


def test_a_spec_outside_every_family_is_refused_with_each_reason(space):
    b = SpecBuilder()
    x = b.conv1d(b.input(SHAPE), 99, 3, padding="causal", bias=False)
    spec = b.finish(b.dense(b.global_average_pool(b.relu(b.batch_norm(x))), N_OUTPUTS))
    with pytest.raises(SpecError, match=r"outside every family. tcn: .*outside.* rnn: .*recurrent"):
        space.encode(spec)


def test_families_of_different_inputs_do_not_mix():
    other = RNNSpace.from_settings(RNN, (2, 31), N_OUTPUTS)
    with pytest.raises(SpecError, match="take one input"):
        MixedSpace({"tcn": TCNSpace.from_settings(TCN, SHAPE, N_OUTPUTS), "rnn": other})


def test_the_size_is_that_of_the_families_together(space):
    sizes = [10**own.genes.log10_size for own in space.families.values()]
    assert log10_size(space) == pytest.approx(np.log10(sum(sizes)))
    assert log10_size(space.families["tcn"]) == space.families["tcn"].genes.log10_size


def test_a_table_of_several_kinds_has_a_table_for_each():
    space = _from_table({"kind": ["rnn", "tcn"], "tcn": TCN | {"granularity": 4}})
    assert family_names(space) == ("rnn", "tcn")
    assert space.families["tcn"].granularity == 4
    assert space.families["rnn"].granularity == 1


def test_a_single_kind_is_that_space_alone():
    listed = _from_table({"kind": ["tcn"], "tcn": TCN})
    named = _from_table({"kind": "tcn", **TCN})
    assert isinstance(listed, TCNSpace)
    assert listed.genes == named.genes
    assert family_names(named) == ()
    assert family_of(named, named.seed) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"kind": ["tcn", "rnnn"]}, "Unknown search space 'rnnn'. Did you mean 'rnn'?"),
        (
            {"kind": ["tcn", "rnn"], "granularity": 2},
            "[space] granularity: where kind names several spaces, each has its keys in a table of "
            "its own: [space.tcn] or [space.rnn].",
        ),
        ({"kind": ["tcn", "rnn"], "cells": ["gru"]}, "in a table of its own: [space.rnn]."),
        ({"kind": ["tcn", "rnn"], "rnm": {"cells": ["gru"]}}, "[space.rnm]: Unknown kind 'rnm'."),
        ({"kind": ["rnn"], "tcn": TCN}, "[space.tcn]: kind does not name 'tcn'; it names rnn."),
        ({"kind": ["tcn", "rnn"], "granlarity": 2}, "Did you mean 'granularity'? Each kind"),
        ({"kind": ["tcn", "rnn"], "tcn": 3}, "[space] tcn: expected a table, [space.tcn], got 3."),
        ({"kind": ["tcn", "rnn"], "rnn": {"cels": ["gru"]}}, "[space.rnn] unknown key 'cels'."),
        ({"kind": ["tcn", "rnn"], "tcn": {"seed_network": "nonet"}}, "[space.tcn] seed_network: "),
        ({"kind": "tcn", "seed_network": "fastgrnn_har2"}, "[space] The spec is no temporal"),
        (
            {"kind": ["rnn", "metakernel"], "metakernel": {"seed_network": "ecgtcn"}},
            "[space.metakernel] The spec is no network of meta-kernels",
        ),
        ({"kind": "tcn", "tcn": TCN}, 'in [space] itself; or write kind = ["tcn"].'),
        ({"kind": "tcn", "rnn": RNN}, 'or write kind = ["tcn", "rnn"].'),
        ({"kind": ["tcn", "tcn"]}, "kind repeats a name: tcn, tcn"),
        ({"kind": []}, "kind names no space"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(table, words):
    assert words in _refused(table)


def test_every_genome_is_a_network_and_every_network_has_one_genome(space):
    seen: dict[str, tuple[int, ...]] = {}
    for genome in sample_genes(space.genes, np.random.default_rng(2), 100):
        spec = space.decode(genome)
        canonical = space.encode(spec)
        assert space.decode(canonical) == spec
        assert seen.setdefault(spec.digest, tuple(canonical)) == tuple(canonical)


def test_the_scaled_seed_is_that_of_the_first_family(space):
    tcn = space.families["tcn"]
    assert space.decode(space.scaled(0.5)) == tcn.decode(tcn.scaled(0.5))
