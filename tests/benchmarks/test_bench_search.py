"""The benchmark of searches scores by hand-worked rules, and runs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from bench_search import config_of
from search_contestants import CONTESTANTS, EVONAS, MAIN, SAME
from search_overall import overall
from search_scores import front_scores, run_scores, tight_box
from search_tables import TaskScores, is_within_noise, remarks, table, to_dict

from evonas.analysis.comparison import SEED_METHOD, BlockInfo, ComparisonRow
from evonas.analysis.intervals import median_interval
from evonas.pareto import Box
from evonas.searchers import SEARCHERS

FOLDER = Path(__file__).parents[2] / "benchmarks"
BLOCK = BlockInfo(
    study="ecg5000",
    task="ecg5000",
    space="tcn",
    device="stm32l4r5",
    runtime="tflm",
    methods=("nsga2", "random"),
    seeds=(0, 1, 2),
    metric="error",
    unit="share",
    is_regression=False,
    objectives=("error", "params"),
    box=Box((0.0, 10.0), (0.5, 1e5), (False, True)),  # four decades of params
    constant_error=0.5,
    space_log10_size=30.0,
    budget={"cpu": 1.0},
)


def row(params: float, test: float, method: str = "nsga2", **changed: object) -> ComparisonRow:
    known: dict[str, object] = {
        "study": "ecg5000", "method": method, "seed": 0, "number": int(params),
        "digest": str(params), "is_front": method != SEED_METHOD, "validation": test,
        "validation_loss": None, "test": test, "values": {"params": params}, "samples": 0,
        "cpu_seconds": 0.0, "is_seed": method == SEED_METHOD,
    }  # fmt: skip
    return ComparisonRow(**{**known, **changed})  # type: ignore[arg-type]


def test_tight_measures_error_against_the_seed_networks_and_five_points():
    front = [row(1000, 0.10), row(100, 0.30)]

    found = front_scores(BLOCK, front, seed_error=0.15)

    # whole: 3 of 4 decades by 0.2 / 0.5 of the error, and 2 of 4 by further 0.2 / 0.5
    assert found.whole == pytest.approx(0.75 * 0.4 + 0.5 * 0.4)
    # 0.30 is beyond 0.15 + 0.05; the other leaves half of 0.20 below it, over 2 of 4 decades
    assert found.tight == pytest.approx(0.5 * 0.5)
    assert found.loose == pytest.approx(0.5 * 0.8)


def test_the_published_figures_of_one_tool_fit_the_box():
    block = BlockInfo(**{**vars(BLOCK), "box": Box((0.0, 10.0), (0.42, 287077.0), (False, True))})

    found = front_scores(block, [row(197, 0.074)], seed_error=0.067)

    assert found.whole == pytest.approx(0.585, abs=5e-4)  # published .577
    assert found.tight == pytest.approx(0.261, abs=5e-4)  # published .257


def test_a_network_at_the_bound_counts_in_the_report_but_spans_nothing():
    assert front_scores(BLOCK, [row(100, 0.20)], seed_error=0.15).tight == pytest.approx(
        0, abs=1e-8
    )
    assert tight_box(BLOCK, 0.2).reference == (0.2, 1e5)


def test_a_run_is_not_scored_before_the_seed_network_is():
    front = [row(1000, 0.10)]

    assert math.isnan(run_scores(BLOCK, front, "nsga2", 0).whole)
    bar = row(1e5, 0.15, SEED_METHOD)
    assert run_scores(BLOCK, [*front, bar], "nsga2", 0).tight == pytest.approx(0.25)


def scores() -> TaskScores:
    whole = np.array([[0.62, 0.64, 0.60], [0.61, 0.60, 0.61]])
    return TaskScores(
        "ecg5000",
        ("nsga2", "random"),
        (0, 1, 2),
        {"whole": whole, "tight": whole / 2, "loose": whole},
        {"nsga2": 100.0, "random": 120.0},
        {"nsga2": 20.0, "random": 19.0},
    )


def test_ranks_are_means_over_the_seeds_that_all_have_ended():
    task = scores()
    assert task.mean_ranks("whole") == pytest.approx({"nsga2": 4 / 3, "random": 5 / 3})

    task.values["whole"][1, 0] = np.nan  # one run has not ended: its seed does not count
    assert task.mean_ranks("whole") == pytest.approx({"nsga2": 1.5, "random": 1.5})


def test_differences_are_taken_seed_by_seed():
    found = scores().against("nsga2", "random", "whole")

    assert found.median == pytest.approx(0.01)  # of 0.01, 0.04 and -0.01
    assert is_within_noise(found)
    assert not is_within_noise(median_interval([0.01, 0.02, 0.03]))
    assert is_within_noise(median_interval([0.5]))  # one seed shows nothing


def test_goals_and_the_best_rival_are_named():
    said = " ".join(remarks(scores(), "nsga2", ("nsga2", "random")))

    assert "whole: nsga2 has 0.620 [0.600, 0.640] and reaches the goal of 0.615." in said
    assert "nsga2 minus random, seed by seed: +0.010 [-0.010, +0.040]: within noise." in said


def test_the_table_is_sorted_and_json_has_no_nan():
    groups = {"nsga2": EVONAS, "random": SAME}
    lines = table(scores(), groups)
    found = to_dict(scores(), groups)

    assert lines[2].startswith("| nsga2 | evonas | 3 | 0.620 [0.600, 0.640] | 0.310 ")
    assert lines[3].startswith("| random | same recipe |")
    json.dumps(found, allow_nan=False)
    assert found["contestants"]["random"]["whole"]["values"] == [0.61, 0.60, 0.61]


def test_every_contestant_is_a_registered_searcher_and_each_task_a_block():
    assert {c.searcher for c in CONTESTANTS.values()} <= set(SEARCHERS.names())
    assert set(MAIN) <= set(CONTESTANTS)

    config = config_of(("hapt", "ecg5000"), ("nsga2", "random"), "native")

    assert [block.name for block in config.study] == ["ecg5000", "hapt"]
    for block in config.study:
        assert block.methods == ("nsga2", "random")
        assert block.proxy.backend == block.final.backend == "native"


@pytest.mark.slow
def test_a_quick_run_writes_scores_a_picture_and_goes_on(tmp_path):
    file, figure = tmp_path / "search.json", tmp_path / "search.png"
    options = ["--quick", "--contestants", "nsga2", "--dir", tmp_path, "--json", file]
    command = [sys.executable, FOLDER / "bench_search.py", *options, "--figure", figure]
    subprocess.run(command, check=True, timeout=600)
    first = json.loads(file.read_text())
    subprocess.run([*command, "--fronts"], check=True, timeout=600)
    again = json.loads(file.read_text())

    assert 0 < first["tasks"]["waves"]["contestants"]["nsga2"]["whole"]["median"] < 1
    assert again["tasks"] == first["tasks"]  # nothing ran again
    assert set(again["fronts"]["waves"]["nsga2"]) == {"error", "loss", "score"}
    assert figure.stat().st_size > 0


def test_tasks_together_give_mean_ranks_and_say_where_every_seed_is_ahead():
    def task(name: str, *rows: list[float]) -> TaskScores:
        values = {score: np.array(rows) for score in ("whole", "tight", "loose")}
        none = dict.fromkeys(("surrogate", "random"), 1.0)
        return TaskScores(name, ("surrogate", "random"), (0, 1), values, none, none)

    tasks = [task("ecg5000", [0.8, 0.9], [0.7, 0.8]), task("hapt", [0.5, 0.9], [0.6, 0.7])]

    said = overall(tasks, "surrogate")

    assert said[0] == "mean rank by whole over 2 tasks: surrogate 1.2, random 1.8"
    assert said[1] == "whole: surrogate is ahead of random with every seed on ecg5000."
