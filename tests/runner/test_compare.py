"""The harness of comparisons: one budget, one protocol, and runs that go on where they stopped."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import tomli_w
from typer.testing import CliRunner

import evonas
from evonas.baselines import BASELINES
from evonas.baselines.baseline import AbstractBaseline, Found, sweep
from evonas.cli import app
from evonas.config_compare import CompareConfig
from evonas.config_table import Table, validate_table
from evonas.errors import ConfigError, EvonasError, StoreError
from evonas.pareto import non_dominated
from evonas.proxy.backends import BACKENDS
from evonas.runner.compare import compare, resume
from evonas.runner.compare_contest import Contest, Run
from evonas.runner.compare_driver import Driver
from evonas.study.study import Study
from evonas.tasks.load import load_splits

SAMPLES = 45  # of 60 for training, a quarter for validation
STEPS = 6  # of batches of 15: two passes
TRAINING = 2 * SAMPLES


class TinySettings(Table):
    """Keys of the method below."""

    halves: int = 1


class Tiny(AbstractBaseline):
    """A search that trains the seed once, and halves its widths by how well it learned."""

    Settings = TinySettings
    spaces = ("tcn",)
    strengths = (1.0, 16.0)
    warm_ups: list[int] = []  # noqa: RUF012
    searches: list[float] = []  # noqa: RUF012

    def __init__(self, task, settings):
        super().__init__(task, settings)
        self.left = None

    def search(self, strength, listener=None):
        began = time.process_time()
        Tiny.searches.append(strength)
        task, samples = self.task, 0
        if self.left is None:
            Tiny.warm_ups.append(task.seed)
            metric = Contest.of(*_contest(task.seed)).problem.metric
            result, self.left = BACKENDS.get("torch")().fit(
                task.space.seed, task.splits, task.recipe, task.seed, metric
            )
            samples = round(result.epochs * len(task.splits.train))
        if strength == self.fails_at:
            raise FloatingPointError("the loss is not finite")
        size = float(np.sum([np.abs(array).sum() for array in self.left.values()]))
        share = (1 / strength) ** self.settings.halves * (1 if size > 0 else 0)
        genome = task.space.scaled(share)
        return Found(
            task.space.decode(genome), tuple(genome.tolist()), {}, strength, {}, {"params": 1.0},
            {"params": 2.0}, 3, 1, STEPS, samples, time.process_time() - began,
        )  # fmt: skip

    fails_at = None

    def state(self):
        return self.left

    def restore(self, state):
        self.left = state


def _contest(seed):
    config = validate_table(CompareConfig, _data("."), "x")
    return Run("waves", "tiny", seed), config.study[0], config.directory


@pytest.fixture(autouse=True)
def _tiny(monkeypatch, request, in_this_process):
    monkeypatch.setitem(BASELINES._table, "tiny", f"{__name__}:Tiny")
    if "own_processes" not in request.fixturenames:
        monkeypatch.setattr(Driver, "_in_process", in_this_process)
    monkeypatch.setattr(FIGURES, _nothing)  # of which other tests are
    Tiny.warm_ups, Tiny.searches = [], []


@pytest.fixture
def own_processes():
    """Asks for what users get: a process of its own for every run."""


FIGURES = "evonas.runner.compare_outputs.save_comparison_figures"


def _nothing(*_):
    return ()


def _data(folder, **block):
    return {
        "compare": {"name": "small", "dir": str(folder), "n_jobs": 1},
        "study": [
            {
                "name": "waves",
                "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
                "space": {"seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
                "methods": ["nsga2", "random", "width", "tiny"],
                "seeds": 1,
                "budget": {"samples": 12 * TRAINING},
                "nsga2": {"pop_size": 4},
                "random": {"pop_size": 4},
                "proxy": {"steps": STEPS // 2, "batch_size": 15},
                "relaxed": {"steps": STEPS, "batch_size": 15},
                "final": {"steps": STEPS, "batch_size": 15},
            }
            | block
        ],
    }


def _config(folder, **block):
    path = folder.with_name(f"{folder.name}.toml")
    path.write_text(tomli_w.dumps(_data(folder, **block)))
    return CompareConfig.from_toml(path)


def _rows(comparison):
    """Returns all rows without what a clock says."""
    return [dataclasses.replace(row, cpu_seconds=0.0) for row in comparison.rows]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, in_this_process):
    """Returns a comparison that ran to its end without interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driver, "_in_process", in_this_process)
        patch.setitem(BASELINES._table, "tiny", f"{__name__}:Tiny")
        patch.setattr(FIGURES, _nothing)
        return compare(_config(tmp_path_factory.mktemp("finished") / "small"))


def _of(comparison, method):
    return [row for row in comparison.rows if row.method == method]


def test_every_method_spends_the_budget_and_no_more(finished):
    for run in finished.runs:
        assert run.finished
        assert run.error is None
        if run.method != "seed":
            assert 10 * TRAINING <= run.samples <= 12 * TRAINING


def test_samples_are_those_of_searches_and_full_trainings_together(finished):
    (tiny,) = (run for run in finished.runs if run.method == "tiny")
    n_trained = len({row.digest for row in _of(finished, "tiny")})
    assert tiny.samples == TRAINING * (1 + n_trained)  # one warm-up

    (width,) = (run for run in finished.runs if run.method == "width")
    assert width.samples == TRAINING * len({row.digest for row in _of(finished, "width")})

    study = Study.load(finished.directory / "waves" / "nsga2-0")
    evaluations = study.store.evaluations()
    passes = sum(e.epochs for e in evaluations if e.stage in ("proxy", "final"))
    (nsga2,) = (run for run in finished.runs if run.method == "nsga2")
    assert nsga2.samples == round(SAMPLES * passes)


def test_what_a_run_has_spent_rises_to_its_sum(finished):
    for run in finished.runs:
        rows = _of(finished, run.method)
        assert [row.number for row in rows] == list(range(len(rows)))
        for kind in ("samples", "cpu_seconds"):
            spent = [getattr(row, kind) for row in rows]
            assert spent == sorted(spent)
            assert spent[-1] == getattr(run, kind)
        assert 0 <= run.search_seconds <= run.cpu_seconds
        assert run.peak_rss_bytes > 20e6


def test_the_seed_network_is_trained_once_and_charged_to_nobody(finished):
    (row,) = _of(finished, "seed")
    assert row.is_seed
    assert not row.is_front
    assert row.samples == TRAINING
    assert row.test is not None
    study = Study.load(finished.directory / "waves" / "nsga2-0")
    assert study.trials()[0].digest == row.digest
    assert not study.trials()[0].of_stage("final")


def test_the_front_is_non_dominated_by_validation_loss_and_costs_and_alone_scored_on_test(finished):
    for method in ("nsga2", "random", "width", "tiny"):
        networks = {}
        for row in _of(finished, method):
            networks.setdefault(row.digest, row)
        F = np.array([[r.validation_loss, r.values["params"]] for r in networks.values()])
        expected = {d for d, keep in zip(networks, non_dominated(F), strict=True) if keep}
        front = [row for row in _of(finished, method) if row.is_front]
        assert {row.digest for row in front} == expected
        assert len(front) == len(expected)
        for row in _of(finished, method):
            assert (row.test is not None) == row.is_front


def test_a_front_may_be_chosen_by_error(tmp_path):
    comparison = compare(_config(tmp_path / "c", methods=["width"], front="error"))
    rows = _of(comparison, "width")
    F = np.array([[r.validation, r.values["params"]] for r in rows])
    first = [r.digest not in [q.digest for q in rows[:i]] for i, r in enumerate(rows)]
    expected = non_dominated(F) & np.array(first)
    assert [row.is_front for row in rows] == expected.tolist()


def test_the_networks_of_width_are_the_scaled_seed(finished):
    splits = load_splits("synthetic", {"train": 60, "test": 20, "shape": [2, 24]}, 0.25, 0)
    table = {"seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}}
    space = evonas.spaces.TCNSpace.from_settings(table, splits.input_shape, splits.num_outputs)
    rows = _of(finished, "width")
    # the widest layer has 8 channels: an eighth of it is 1, as anything below it
    strengths = list(itertools.islice(sweep(1.0, 8.0), len(rows)))
    assert [row.strength for row in rows] == pytest.approx(strengths)
    for row in rows:
        assert row.digest == space.decode(space.scaled(1 / row.strength)).digest


@pytest.mark.parametrize(("settings", "searches"), [({}, 2), ({"targets": {"params": 300}}, 1)])
def test_bounds_that_are_given_take_one_search(tmp_path, settings, searches):
    budget = {"samples": 10 * TRAINING}
    found = compare(_config(tmp_path / "c", methods=["dnas"], dnas=settings, budget=budget))

    assert all(run.finished for run in found.runs)
    assert min(len(_of(found, "dnas")), 2) == searches


def test_a_network_found_again_is_not_trained_again(finished):
    rows = _of(finished, "tiny")
    again = [row for i, row in enumerate(rows) if row.digest in {r.digest for r in rows[:i]}]
    assert again
    for row in again:
        twin = next(r for r in rows if r.digest == row.digest)
        assert (row.validation, row.validation_loss) == (twin.validation, twin.validation_loss)
        assert row.samples == rows[row.number - 1].samples
        weights = finished.directory / "waves" / "tiny-0" / "weights" / "final"
        assert not (weights / f"{row.number}-0.npz").exists()


def test_what_a_search_reckoned_is_recorded(finished):
    row = _of(finished, "tiny")[0]
    assert (row.costs, row.relaxed) == ({"params": 1.0}, {"params": 2.0})
    assert (row.n_parameters, row.n_changed) == (3, 1)


def test_a_search_never_sees_the_test_part():
    contest = Contest.of(*_contest(0))
    assert len(contest.splits.test) == 20
    assert len(contest.search_task().splits.test) == 0
    assert len(contest.search_task().splits.train) == SAMPLES


@pytest.mark.parametrize("after", [1, 4, 9])
def test_an_interrupted_comparison_ends_with_the_same_rows(finished, tmp_path, after):
    told = 0

    def interrupt(_):
        nonlocal told
        told += 1
        if told == after:
            raise KeyboardInterrupt

    config = _config(tmp_path / "small")
    with pytest.raises(KeyboardInterrupt):
        compare(config, listener=interrupt)
    comparison = compare(config)
    assert _rows(comparison) == _rows(finished)


def test_finished_strengths_and_the_warm_up_are_not_repeated(tmp_path):
    config = _config(tmp_path / "small", methods=["tiny"])

    def interrupt(progress):
        if len(Tiny.searches) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(config, listener=interrupt)
    comparison = resume(tmp_path / "small")

    assert Tiny.warm_ups == [0]
    assert Tiny.searches == [row.strength for row in _of(comparison, "tiny")]


def test_a_killed_comparison_ends_its_processes_and_goes_on(finished, tmp_path):
    path, folder = tmp_path / "small.toml", tmp_path / "small"
    methods = ["nsga2", "random", "width"]
    config = _config(folder, methods=methods).with_overrides(["compare.n_jobs=2"])
    path.write_text(config.to_toml())
    command = [sys.executable, "-P", "-m", "evonas", "compare", str(path)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(folder.glob("waves/*/run.db")) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert workers
    assert not psutil.wait_procs(workers, timeout=20)[1]

    comparison = resume(folder, ["compare.n_jobs=1"])
    kept = [row for row in _rows(finished) if row.method in ("seed", *methods)]
    assert _rows(comparison) == kept


def test_ctrl_c_says_how_to_go_on(tmp_path):
    path, folder = tmp_path / "small.toml", tmp_path / "small"
    config = _config(folder, methods=["random"], budget={"cpu": 60.0})
    path.write_text(config.with_overrides(["compare.n_jobs=2"]).to_toml())
    command = [sys.executable, "-P", "-m", "evonas", "compare", str(path)]
    driver = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # a shell's background jobs ignore SIGINT and hand that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(folder.glob("waves/*/run.db")) and time.monotonic() < deadline:
        time.sleep(0.02)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert said.strip().endswith(f"To go on: evonas resume {folder}")
    assert "Traceback" not in said


def test_seeds_and_methods_may_be_added_and_the_rest_is_kept(finished, tmp_path):
    folder = tmp_path / "small"
    compare(_config(folder, methods=["width"]))
    record = folder / "waves" / "width-0" / "run.db"
    before = record.stat().st_mtime_ns
    comparison = compare(_config(folder, methods=["width", "random"], seeds=[0, 3]))
    assert record.stat().st_mtime_ns == before
    found = {(run.method, run.seed) for run in comparison.runs}
    assert found == {(m, s) for m in ("seed", "width", "random") for s in (0, 3)}
    kept = [row for row in _rows(finished) if row.method in ("seed", "width", "random")]
    assert [row for row in _rows(comparison) if row.seed == 0] == sorted(
        kept, key=lambda row: ["seed", "width", "random"].index(row.method)
    )


def test_another_comparison_in_the_folder_is_refused(finished):
    config = _config(finished.directory, final={"steps": 7}, budget={"samples": 100})
    with pytest.raises(StoreError, match="differs in budget, final; choose another"):
        compare(config)


def test_one_at_a_time_runs_have_processes_of_their_own_too(tmp_path, own_processes):
    workers = set()

    def look(_):
        workers.update(child.pid for child in psutil.Process().children())

    comparison = compare(_config(tmp_path / "c", methods=["width"]), listener=look)

    assert all(run.finished for run in comparison.runs)
    assert len(workers) >= 1
    assert not any(psutil.pid_exists(pid) for pid in workers)


def test_a_budget_in_cpu_seconds_is_spent_and_held(tmp_path):
    comparison = compare(_config(tmp_path / "c", methods=["nsga2", "width"], budget={"cpu": 0.8}))
    spent = {run.method: run.cpu_seconds for run in comparison.runs}
    assert 0.6 <= spent["nsga2"] <= 1.0
    assert spent["width"] <= 1.0


def test_a_search_that_fails_is_a_row_and_no_end(tmp_path, monkeypatch):
    second = list(itertools.islice(sweep(*Tiny.strengths), 2))[1]
    monkeypatch.setattr(Tiny, "fails_at", second)
    comparison = compare(_config(tmp_path / "c", methods=["tiny"]))
    rows = _of(comparison, "tiny")
    assert rows[1].error == "FloatingPointError: the loss is not finite"
    assert rows[1].validation is None
    assert not rows[1].is_front
    assert len(rows) > 2
    assert rows[2].validation is not None


def test_a_search_that_always_fails_ends_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "search", lambda self, strength: 1 / 0)
    comparison = compare(_config(tmp_path / "c", methods=["tiny", "width"]))
    assert [row.error for row in _of(comparison, "tiny")] == [
        "ZeroDivisionError: division by zero"
    ] * 5


def test_a_network_outside_the_space_is_no_result(tmp_path, monkeypatch):
    honest = Tiny.search

    def search(self, strength):
        found = honest(self, strength)
        return dataclasses.replace(found, spec=self.task.space.seed)

    monkeypatch.setattr(Tiny, "search", search)
    comparison = compare(_config(tmp_path / "c", methods=["tiny", "width"]))
    assert "not the one that its genome stands for" in _of(comparison, "tiny")[0].error


def test_networks_beyond_a_limit_are_neither_trained_nor_on_a_front(tmp_path):
    limits = {"params": 100}
    comparison = compare(_config(tmp_path / "c", methods=["width", "random"], limits=limits))
    beyond = [row for row in _of(comparison, "width") if row.values["params"] > 100]
    assert beyond
    for row in beyond:
        assert row.validation is None
        assert row.error.startswith("beyond a limit: params")
    fronts = [row for row in comparison.rows if row.is_front]
    assert {row.method for row in fronts} == {"width", "random"}
    assert all(row.values["params"] <= 100 for row in fronts)


def test_several_repetitions_are_averaged(tmp_path):
    final = {"steps": STEPS, "batch_size": 15, "seeds": 2}
    comparison = compare(_config(tmp_path / "c", methods=["width"], final=final))
    row = _of(comparison, "width")[0]
    assert row.samples == 2 * TRAINING
    weights = comparison.directory / "waves" / "width-0" / "weights" / "final"
    assert {path.name for path in weights.glob("0-*.npz")} == {"0-0.npz", "0-1.npz"}


def test_a_comparison_of_which_nothing_ends_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(Driver, "_in_process", lambda self, run: self._end(run, "no memory"))
    with pytest.raises(EvonasError, match="None of 2 runs came to its end; waves, seed, seed 0"):
        compare(_config(tmp_path / "c", methods=["width"]))


BAD = [
    ({"methods": ["pits"]}, "[study.waves] methods: Unknown method 'pits'. Did you mean 'pit'?"),
    ({"methods": []}, "[study.waves] methods: tuple should have at least 1 item"),
    ({"methods": ["width", "width"]}, "[study.waves] methods repeat an entry: width, width"),
    ({"sedes": 2}, "[study.waves] unknown key 'sedes'. Did you mean 'seeds'?"),
    ({"proxi": {"steps": 2}}, "[study.waves] unknown key 'proxi'. Did you mean 'proxy'?"),
    ({"final": {"stesp": 2}}, "[study.waves.final] unknown key 'stesp'. Did you mean 'steps'?"),
    ({"final": {"fit_on": "train"}}, "[study.waves.final] unknown key 'fit_on'"),
    (
        {"budget": {"cpu": "3 s", "samples": 3}},
        "[study.waves] budget: give exactly one of cpu, samples",
    ),
    ({"budget": {"wall": "3 s"}}, "[study.waves.budget] unknown key 'wall'. Known: cpu, samples."),
    ({"seeds": 0}, "[study.waves] seeds: expected how many seeds there are, at least 1, or a"),
    ({"seeds": True}, "[study.waves] seeds: expected how many seeds there are"),
    ({"seeds": [1, 1]}, "[study.waves] seeds repeat an entry: 1, 1"),
    ({"objectives": ["params", "macs"]}, "[study.waves] objectives lack error"),
    ({"objectives": ["error", "speed"]}, "Unknown objective 'speed'"),
    (
        {"objectives": ["error", "params", "int8_error"]},
        "[study.waves] objectives: int8_error: a comparison trains networks in float",
    ),
    ({"limits": {"int8_error": 0.1}}, "[study.waves] limits: int8_error: a comparison trains"),
    ({"limits": {"speed": 1}}, "[study.waves] Unknown objective 'speed'"),
    ({"device": {"name": "stm32x"}}, "[study.waves] Unknown device 'stm32x'. Did you mean"),
    ({"space": {"kind": "tcnn"}}, "[study.waves.space] kind: Unknown space 'tcnn'. Did you mean"),
    ({"final": {"learning_rate": -1}}, "[study.waves.final] learning_rate: input should be"),
    ({"name": "figures"}, "a block is named figures, as the folder of the figures is"),
    ({"limits": {"params": 1}}, "[study.waves.limits] params: no network of this space"),
    ({"tiny": {"halve": 1}}, "[study.waves.tiny] unknown key 'halve'. Did you mean 'halves'?"),
    ({"nsga2": {"pop_size": 1}}, "[study.waves.nsga2] pop_size: input should be greater"),
    ({"width": {"shares": 1}}, "[study.waves.width] unknown key 'shares'"),
    ({"name": "a/b"}, "[study.a/b] name: string should match pattern"),
    ({"task": {"kind": "synthetic", "patern": 1}}, "[study.waves.task] unknown key 'patern'"),
    ({"proxy": {"loss": "l1"}}, "[study.waves.proxy] loss"),
    (
        {"space": {"kind": "rnn"}, "methods": ["tiny"]},
        "[study.waves] methods: tiny does not apply to the rnn space; it applies to tcn.",
    ),
    (
        {"space": {"kind": ["rnn", "tcn"]}, "methods": ["tiny"]},
        "[study.waves] methods: tiny does not apply to the mixed space; it applies to tcn.",
    ),
]


@pytest.mark.parametrize(("block", "expected"), BAD, ids=[text[:40] for _, text in BAD])
def test_a_bad_config_is_one_line_at_the_door(tmp_path, block, expected):
    with pytest.raises(ConfigError) as caught:
        compare(_config(tmp_path / "c", **block))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_a_study_s_config_is_no_comparison_s(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('[study]\nname = "a"\n[task]\nkind = "synthetic"\n')
    with pytest.raises(ConfigError, match="expected one or several"):
        compare(path)


def test_overrides_reach_one_block_or_all(tmp_path):
    data = _data(tmp_path)
    data["study"].append({**data["study"][0], "name": "more"})
    config = validate_table(CompareConfig, data, "x")
    changed = config.with_overrides(
        ["study.more.seeds=3", "study.budget.cpu='2 s'", "study.final.steps=9", "compare.n_jobs=2"]
    )
    assert [block.seeds for block in changed.study] == [(0,), (0, 1, 2)]
    assert [block.budget.cpu for block in changed.study] == [2.0, 2.0]
    assert [block.budget.samples for block in changed.study] == [None, None]
    assert [block.final.steps for block in changed.study] == [9, 9]
    assert changed.compare.n_jobs == 2
    assert validate_table(CompareConfig, changed.model_dump(exclude_none=True), "x") == changed


def test_the_relaxed_training_is_as_the_final_one_where_nothing_else_is_said(tmp_path):
    final = {"steps": 9, "batch_size": 15, "learning_rate": 0.5, "dropout": 0.1, "seeds": 2}
    block = _config(tmp_path, final=final, relaxed={"dropout": 0.2}).study[0]
    shared = (block.relaxed.steps, block.relaxed.batch_size, block.relaxed.learning_rate)
    assert shared == (300, 15, 0.5)
    assert block.relaxed.dropout == 0.2


def _invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_prints_what_won_and_json(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(_config(tmp_path / "c", methods=["random", "width"]).to_toml())
    result = _invoke("compare", path, "--n-jobs", 1)
    assert result.exit_code == 0, result.output
    assert f"figures and report: {tmp_path}/c/report.md" in result.stdout
    assert "waves: 2 runs of random, width" in result.stderr
    for name in ("comparison.csv", "comparison.json", "report.md", "comparison.toml"):
        assert (tmp_path / "c" / name).stat().st_size > 0

    again = _invoke("resume", tmp_path / "c", "--json")
    assert again.exit_code == 0, again.output
    found = json.loads(again.stdout)
    assert {run["method"] for run in found["runs"]} == {"seed", "random", "width"}
    assert found["rows"] == json.loads((tmp_path / "c" / "comparison.json").read_text())["rows"]

    (tmp_path / "c" / "report.md").unlink()
    report = _invoke("report", tmp_path / "c")
    assert report.exit_code == 0, report.output
    assert report.stdout == result.stdout
    assert (tmp_path / "c" / "report.md").exists()


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path):
    path = tmp_path / "small.toml"
    config = _config(tmp_path / "c", methods=["random", "width"], budget={"cpu": 60.0}, seeds=3)
    path.write_text(config.to_toml())
    result = _invoke("compare", path, "--dry-run", "--n-jobs", 2, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["n_runs"] == 3 * (2 + 1)
    assert found["n_jobs"] == 2
    assert 3 * 2 * 60 / 2 <= found["seconds"] < 200
    assert not (tmp_path / "c").exists()
    text = _invoke("compare", path, "--dry-run").stdout
    assert "waves: 2 methods with 3 seeds, 60 CPU seconds each: random, width" in text


def test_a_command_s_error_is_one_line(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(_config(tmp_path / "c", methods=["pits"]).to_toml())
    result = _invoke("compare", path)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("evonas: [study.waves] methods: Unknown method 'pits'")


def test_the_list_of_baselines_says_which_spaces_they_apply_to():
    result = _invoke("list", "baselines")
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert set(lines) == set(BASELINES.names())
    assert lines["tiny"].endswith("Spaces: tcn.")
