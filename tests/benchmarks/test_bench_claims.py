"""What finished comparisons say of the claims, on records and spaces that are worked by hand."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import claims_against
import claims_constraints
import claims_ranks
import claims_record
import claims_spaces

from evonas.analysis.comparison import BlockInfo, ComparisonRow
from evonas.arch import SpecBuilder
from evonas.arch.spec import ArchSpec
from evonas.pareto import Box
from evonas.runner.compare_result import Comparison
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.tcn import TCNSpace

ROOT = Path(__file__).parents[2]
NAN = math.nan


def network() -> ArchSpec:
    b = SpecBuilder()
    return b.finish(b.dense(b.global_average_pool(b.input((2, 8))), 2))


def row(number, validation, test, ram, latency, loss=None) -> ComparisonRow:
    values = {"params": 10.0, "peak_ram": ram, "latency": latency}
    return ComparisonRow("b", "dnas", 0, number, str(number), test is not None, validation, loss,
                         test, values, 0, 0.0)  # fmt: skip


def candidate(number, params, validation):
    return claims_against.Candidate(number, params, validation, None, network)


def test_places_are_by_the_median_and_by_each_seed():
    values = np.array([[0.9, 0.2, 0.7], [0.8, 0.8, 0.8], [0.1, 0.1, 0.1], [NAN, NAN, NAN]])
    found = claims_ranks.standings(values)

    # medians 0.7, 0.8, 0.1; within the seeds 1 2 2, 2 1 1 and always 3
    assert [each.by_median for each in found[:3]] == [2, 1, 3]
    assert [each.by_seed for each in found[:3]] == pytest.approx([5 / 3, 4 / 3, 3])
    assert math.isnan(found[3].by_median)
    assert math.isnan(found[3].by_seed)


def test_equal_methods_share_their_place_and_an_unfinished_seed_counts_for_none():
    found = claims_ranks.standings(np.array([[0.5, 0.9], [0.5, NAN]]))

    assert [each.by_seed for each in found] == [1.5, 1.5]
    assert [each.by_median for each in found] == [1, 2]


def test_mean_places_are_over_the_studies_of_a_method():
    studies = [{"nsga2": 1.0, "pit": 2.0, "width": 3.0}, {"nsga2": 2.0, "width": 1.0, "pit": NAN},
               {"nsga2": 1.0}]  # fmt: skip
    found = claims_ranks.mean_ranks(studies)

    assert found["nsga2"] == (1.5, 2, pytest.approx(0.5))  # leaves 2 of 2 behind, then 0 of 1
    assert found["pit"] == (2.0, 1, pytest.approx(0.5))
    assert found["width"] == (2.0, 2, pytest.approx(0.5))
    assert claims_ranks.is_best(studies, "nsga2") == {"pit": True, "width": True}
    assert claims_ranks.is_best(studies, "width") == {"nsga2": False, "pit": False}


def test_the_smallest_network_that_errs_no_more_is_chosen():
    front = [candidate(0, 90.0, 0.05), candidate(1, 40.0, 0.10), candidate(2, 40.0, 0.08),
             candidate(3, 5.0, 0.11)]  # fmt: skip

    assert claims_against.smallest_at(front, 0.10).number == 2  # as small, errs less
    assert claims_against.smallest_at(front, 0.07).number == 0
    assert claims_against.smallest_at(front, 0.01) is None


def test_what_is_saved_is_reference_over_network_in_each_cost():
    front = [candidate(0, 20.0, 0.1)]
    result = claims_against.Trained(0.1, 0.3, 0.12, 100, 1.0)
    found = claims_against.pair("lstm", network(), result, ("nsga2", 0), front,
                                lambda spec: {"latency": 2.0})  # fmt: skip

    assert found.ratio("params") == 5
    assert found.ratio("latency") == 1
    assert found.ratio("energy") is None
    assert found.difference is None  # the network's test metric is not known


def test_a_reference_of_several_trainings_shows_their_mean_once():
    trainings = [claims_against.Trained(0.1, 0.3, 0.12, 100, 1.0),
                 claims_against.Trained(0.3, 0.3, 0.16, 100, 1.0)]  # fmt: skip
    pairs = [
        claims_against.pair("lstm", network(), result, (method, seed), [], lambda spec: {})
        for method in ("nsga2", "width")
        for seed, result in enumerate(trainings)
    ]
    *_, line = claims_against.references_table(pairs, ("params", "latency"))

    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "lstm", "100", "not measured", "0.2", "0.14",
    ]  # fmt: skip


def test_nothing_is_compared_with_a_reference_that_diverged():
    result = claims_against.Trained(math.inf, math.inf, math.inf, 100, 1.0)
    found = claims_against.pair("lstm", network(), result, ("nsga2", 0),
                                [candidate(0, 20.0, 0.1)], lambda spec: {})  # fmt: skip

    assert found.found is None
    assert found.ratio("params") is None


def test_the_best_network_within_both_bounds_is_judged():
    bar = replace(row(0, 0.1, 0.12, 1000.0, 4.0), is_seed=True)
    rows = [row(0, 0.08, 0.10, 600.0, 1.0), row(1, 0.10, 0.13, 100.0, 1.0, 0.5),
            row(2, 0.10, 0.11, 200.0, 2.0, 0.4), row(3, None, None, 1.0, 1.0)]  # fmt: skip
    kept = claims_constraints.within(rows, {"peak_ram": 500.0, "latency": 2.0})
    found = claims_constraints.best(kept)

    assert [each.number for each in kept] == [1, 2]
    assert found.number == 2  # errs as much, its loss is less
    assert claims_constraints.saved(found, bar, "peak_ram") == pytest.approx(0.8)
    assert claims_constraints.saved(found, bar, "latency") == pytest.approx(0.5)
    assert claims_constraints.difference(found, bar) == pytest.approx(-0.01)
    assert claims_constraints.best([]) is None


def test_choices_of_one_convolution_multiply_as_worked_by_hand():
    settings = {"seed_network": {"widths": [4], "kernel": 3}}
    space = TCNSpace.from_settings(settings, (1, 16), 2)
    found = claims_spaces.sizes(space, "tcn")

    # 4 widths; masks leave taps 1, 2 or 3 in a row, or 2 of them 2 apart
    assert found["pit"] == found["dnas"] == pytest.approx(math.log10(4 * 4))
    assert found["morphnet"] == found["width"] == pytest.approx(math.log10(4))
    assert found["fbnetv2"] == pytest.approx(math.log10(4 * 4))
    assert found["evonas"] == pytest.approx(space.genes.log10_size)
    assert "ednas" not in found


def test_two_slots_of_three_sizes_are_nine_networks_of_ednas():
    seed = {"widths": [4], "stem": 4, "kernel": 7, "stem_kernel": 7, "stride": 1}
    settings = {"seed_network": seed, "kernels": [3, 5, 7]}
    found = claims_spaces.sizes(
        MetaKernelSpace.from_settings(settings, (2, 12, 12), 3), "metakernel"
    )

    assert found["ednas"] == pytest.approx(math.log10(9))
    assert "pit" not in found


def test_a_block_and_its_rows_are_read_as_they_were_written():
    block = BlockInfo(
        "b", "task", "tcn", "stm32l4r5", "tflm", ("dnas",), (0,), "error", "share", False,
        ("error", "params"), Box((0.0, 10.0), (0.5, 1000.0), (False, True)), 0.5, 12.0,
        {"cpu": 10.0},
    )  # fmt: skip
    rows = (row(0, 0.1, 0.12, 1000.0, 4.0),)
    made = Comparison("c", Path(), (block,), rows, (), "a laptop", "2026-11-21")
    written = json.loads(json.dumps(made.to_dict()))

    assert claims_record.block_of(written["blocks"][0]) == block
    assert claims_record.made(ComparisonRow, written["rows"][0]) == rows[0]


CONFIG = """
[compare]
name = "tiny"

[[study]]
name = "waves"
methods = ["nsga2", "width", "dnas"]
objectives = ["error", "params"]
seeds = 2
budget = { samples = 20000 }
task = { kind = "synthetic", pattern = "waves", shape = [2, 32], classes = 3, train = 90, test = 9 }
space = { kind = "tcn", seed_network = { widths = [4, 6], kernel = 5 } }
device = { name = "stm32l4r5" }
nsga2 = { pop_size = 6 }
proxy = { steps = 10 }
final = { steps = 20 }
relaxed = { steps = 20 }

[[study]]
name = "bounded"
methods = ["nsga2", "dnas"]
objectives = ["error", "peak_ram", "latency"]
limits = { peak_ram = "4 kB", latency = "5 ms" }
seeds = 2
budget = { samples = 20000 }
task = { kind = "synthetic", pattern = "waves", shape = [2, 32], classes = 3, train = 90, test = 9 }
space = { kind = "tcn", seed_network = { widths = [4, 6], kernel = 5 } }
device = { name = "stm32h743" }
nsga2 = { pop_size = 6 }
dnas = { targets = { peak_ram = "4 kB", latency = "5 ms" } }
proxy = { steps = 10 }
final = { steps = 20 }
relaxed = { steps = 20 }

[[study]]
name = "steps"
methods = ["nsga2"]
objectives = ["error", "params"]
seeds = 1
budget = { samples = 10000 }
task = { kind = "synthetic", pattern = "waves", shape = [2, 32], classes = 3, train = 90, test = 9 }
space = { kind = "rnn", seed_network = { cell = "lstm", hidden = 8 } }
device = { name = "stm32l4r5", runtime = "c" }
nsga2 = { pop_size = 6 }
proxy = { steps = 10 }
final = { steps = 20 }

[[study]]
name = "images"
methods = ["nsga2"]
objectives = ["error", "latency"]
seeds = 1
budget = { samples = 10000 }
device = { name = "tda2x" }
nsga2 = { pop_size = 6 }
proxy = { steps = 10 }
final = { steps = 20 }

[study.task]
kind = "synthetic"
pattern = "waves"
shape = [1, 8, 8]
classes = 3
train = 90
test = 9

[study.space]
kind = "metakernel"
seed_network = { widths = [4], kernel = 3 }
"""


@pytest.mark.slow
def test_a_tiny_comparison_gives_every_table_of_its_spaces(tmp_path):
    from evonas import compare

    config, folder, work = tmp_path / "tiny.toml", tmp_path / "tiny", tmp_path / "work"
    config.write_text(CONFIG)
    compare(config, directory=folder, overrides=["compare.n_jobs=1"])
    script, out = ROOT / "benchmarks" / "bench_claims.py", tmp_path / "claims.json"
    command = [sys.executable, script, folder, "--work", work, "--json", out]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    subprocess.run(command, check=True, timeout=600)
    kept = {path: path.stat().st_mtime_ns for path in work.rglob("*.json")}
    subprocess.run(command, check=True, timeout=600)
    found = {each["title"]: each["data"] for each in json.loads(out.read_text())}

    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.json")} == kept
    assert len(kept) == 2 * 3 + 4  # seeds and hand-made networks, and recurrent ones
    pairs = found["Claim 1, waves: against hand-made networks"]
    assert {pair["method"] for pair in pairs} == {"nsga2", "width", "dnas"}
    assert all("latency gap8" in pair["costs"] for pair in pairs)
    (steps,) = (data for title, data in found.items() if title == "Claim 2, steps on stm32l4r5 (c)")
    assert all(pair["costs"]["latency"] > 0 for pair in steps)
    (bounded,) = (
        data for title, data in found.items() if title.startswith("Claim 3, bounded: best")
    )
    assert {each["seed"] for each in bounded["dnas"]} == {0, 1}
    (images,) = (data for title, data in found.items() if title.startswith("Claim 4, images on"))
    assert images["nsga2"]["latency"]
    assert (
        found["Mean ranks over all studies"]["mean_ranks"]["whole by_median"]["nsga2"][1] == 2
    )  # the others have one method
