"""The merged meta-kernel that is timed computes what the supernet of branches does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import metakernel_branches
import metakernel_search

from evonas.baselines.kernel_options import single_sizes

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "configs" / "compare" / "smoke.toml"


@pytest.fixture
def pair():
    task = metakernel_search.search_task("waves_2d", (3, 5, 7), SMOKE)
    return metakernel_search.pair(task)


def test_both_networks_compute_the_same_in_double_precision(pair):
    layout, merged, branched = pair

    assert metakernel_search.difference(merged, branched, layout.spec.input_shape) <= 1e-10

    n_weights = [sum(p.numel() for p in each.network.parameters()) for each in (merged, branched)]
    assert n_weights[0] == n_weights[1]


def test_a_changed_weight_is_noticed(pair):
    layout, merged, branched = pair
    node = next(iter(layout.slot_of))
    branched.network.get_submodule(f"node{node}").branches[0].weight.data[0, 0] += 0.01

    assert metakernel_search.difference(merged, branched, layout.spec.input_shape) > 1e-6


def test_sizes_3_5_7_take_83_multiplications_a_position_and_their_merged_kernel_49(pair):
    layout, *_ = pair
    options = [single_sizes(slot) for slot in layout.slots]
    branches, merged, _ = metakernel_branches.convolution_macs(layout, options)

    assert all(len(own) == 3 for own in options)
    assert 49 * branches == 83 * merged


def test_a_search_step_moves_weights_and_logits_of_both_alike(pair):
    _, merged, branched = pair
    before = [parameter.detach().clone() for parameter in merged.network.parameters()]
    for each in (merged, branched):
        each.turns(2)

    pairs = zip(before, merged.network.parameters(), strict=True)
    assert all(bool((old != new).any()) for old, new in pairs)
    assert any(bool(theta.detach().abs().max() > 0) for theta in merged.theta)
    for a, b in zip(merged.theta, branched.theta, strict=True):
        assert float((a - b).detach().abs().max()) < 1e-3


@pytest.mark.slow
def test_a_quick_run_finds_the_merged_kernels_faster(tmp_path):
    pytest.importorskip("sklearn")
    file = tmp_path / "metakernel.json"
    script = ROOT / "benchmarks" / "bench_metakernel.py"
    options = ["--quick", "--studies", "digits", "--json", file]
    subprocess.run([sys.executable, script, *options], check=True, timeout=600)
    (row,) = json.loads(file.read_text())["rows"]

    assert row["difference"] <= 1e-10
    assert row["ratio"] > 1.1
    assert row["macs"] > 83 / 49  # by kernels that small images cut, too
    assert 0 < row["share"] < 1
