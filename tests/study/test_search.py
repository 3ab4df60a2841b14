"""The loop and what comes after: the same rows however it ran, and a front that is one."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from evonas.config import StudyConfig
from evonas.console import closing_lines
from evonas.cost import peak_ram_bytes
from evonas.errors import ConfigError, StoreError
from evonas.pareto import non_dominated
from evonas.plots.front import front_data
from evonas.runner.search import resume, search
from evonas.study import loop
from evonas.study.evaluate import Job, share
from evonas.study.final import candidates, metric_on_test
from evonas.study.store import Store
from evonas.study.study import Study
from evonas.study.workers import _fresh_workers, run_jobs
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS


def rows(study_or_folder):
    """Returns everything that a study recorded but times, in an order of its own."""
    folder = getattr(study_or_folder, "directory", study_or_folder)
    store = Store.open(folder / "study.db")
    evaluations = sorted(
        (e.trial, e.stage, e.seed, e.metric, e.loss, e.epochs, e.steps, e.error)
        for e in store.evaluations()
    )
    return store.trials(), evaluations, [batch for batch, _, _ in store.tells()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Returns a study that ran to its end without interruption."""
    folder = tmp_path_factory.mktemp("finished")
    config = _tiny(folder)
    return search(config)


def _tiny(folder, runtime="tflm", **search_keys):
    from evonas.config_table import validate_table

    data = {
        "study": {"name": "tiny", "dir": str(folder / "study"), "seed": 3},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "device": {"runtime": runtime},
        "search": {"pop_size": 6, "budget": {"trials": 14}, "n_jobs": 1} | search_keys,
        "proxy": {"steps": 6},
        "final": {"steps": 10, "candidates": 3, "seeds": 2},
    }
    return validate_table(StudyConfig, data, "tiny")


def test_a_stream_is_searched_end_to_end(tmp_path):
    objectives = ["error", "latency_per_step", "peak_ram"]
    study = search(_tiny(tmp_path, "c_step", objectives=objectives, budget={"trials": 8}))

    best = study.recommend("latency_per_step <= 10 ms")
    assert best.values["peak_ram"] == peak_ram_bytes(best.spec, "c_step")
    assert best.values["latency_per_step"] > 0
    report = (study.directory / "report.md").read_text()
    assert "instruction model of generated C, mean error " in report
    assert "- latency per step " in report


def test_the_budget_in_trials_is_kept_exactly(finished):
    assert sum(t.state == "complete" for t in finished.trials()) == 14


def test_the_seed_network_is_the_first_trial_and_trained_in_full(finished):
    assert finished.trials()[0].digest == finished.problem.space.seed.digest
    assert len(finished.seed_trial().of_stage("final")) == 2


def test_no_network_is_tried_twice(finished):
    digests = [t.digest for t in finished.trials()]
    assert len(set(digests)) == len(digests)


def test_the_front_is_the_non_dominated_set_of_final_validation_values(finished):
    finalists = finished.finalists()
    F = finished.problem.columns([t.values for t in finalists])
    expected = {t.number for t, keep in zip(finalists, non_dominated(F), strict=True) if keep}
    assert {t.number for t in finished.front()} == expected


def test_the_test_part_is_scored_only_for_the_front_and_the_seed(finished):
    scored = {t.number for t in finished.trials() if t.of_stage("test")}
    assert scored == {t.number for t in finished.front()} | {finished.seed_trial().number}


def test_candidates_are_those_that_no_trial_dominates_by_score(finished):
    scores = []
    for trial in (t for t in finished.trials() if t.state == "complete"):
        proxy = trial.of_stage("proxy")[0]
        score = proxy.metric + 0.1 * proxy.loss
        scores.append([score, trial.values["latency"], trial.values["peak_ram"]])
    complete = [t.number for t in finished.trials() if t.state == "complete"]
    best = {complete[i] for i, keep in enumerate(non_dominated(np.array(scores))) if keep}
    chosen = [t.number for t in candidates(finished)]
    assert set(chosen) <= best
    assert len(chosen) == min(3, len(best))


def test_built_networks_carry_the_released_weights(finished):
    import torch

    trial = finished.recommend()
    model = finished.build(trial)
    with torch.no_grad():
        outputs = model(torch.from_numpy(finished.splits.test.X))
    errors = [
        float(np.mean(outputs.argmax(1).numpy() != finished.splits.test.y)),
    ]
    assert errors[0] in [e.metric for e in trial.of_stage("test")]


def test_recommend_keeps_to_a_condition(finished):
    smallest = min(t.values["latency"] for t in finished.front())
    trial = finished.recommend(f"latency <= {smallest * 1.0001} s")
    assert trial.values["latency"] == smallest
    with pytest.raises(ConfigError, match="no network on the front that satisfies"):
        finished.recommend("latency < 1 ns")
    with pytest.raises(ConfigError, match="such as 'latency <= 5 ms'"):
        finished.recommend("fast please")


def test_a_loaded_study_says_the_same(finished):
    loaded = Study.load(finished.directory)
    assert [t.number for t in loaded.front()] == [t.number for t in finished.front()]
    assert [metric_on_test(t) for t in loaded.front()] == [
        metric_on_test(t) for t in finished.front()
    ]


def test_one_and_two_workers_give_the_same_rows(finished, tmp_path):
    assert rows(search(_tiny(tmp_path, n_jobs=2))) == rows(finished)


def test_resuming_a_finished_study_changes_nothing(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    resume(copy)
    assert rows(copy) == rows(finished)


def test_a_larger_budget_goes_on_as_if_it_had_been_given_at_once(finished, tmp_path):
    small = search(_tiny(tmp_path, budget={"trials": 9}))
    assert sum(t.state == "complete" for t in small.trials()) == 9
    resume(small.directory, ["search.budget.trials=14"])
    trials, evaluations, tells = rows(small)
    expected_trials, expected, expected_tells = rows(finished)
    assert (trials, tells) == (expected_trials, expected_tells)
    assert [e for e in evaluations if e[1] == "proxy"] == [e for e in expected if e[1] == "proxy"]


def _start(folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    verb = ["resume", str(folder)]
    if not (folder / "study.db").exists():
        verb = ["search", str(folder.parent / "tiny.toml")]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "evonas", *verb],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _n_rows(folder):
    try:
        return len(Store.open(folder / "study.db").evaluations())
    except Exception:
        return 0


def test_a_study_killed_five_times_ends_with_the_same_rows(finished, tmp_path):
    config = _tiny(tmp_path)
    (tmp_path / "tiny.toml").write_text(config.to_toml())
    folder = config.directory
    total = len(rows(finished)[1])
    moments = random.Random(0)
    kills = 0
    for target in sorted(moments.sample(range(1, total - 1), 5)):
        process = _start(folder)
        while process.poll() is None and _n_rows(folder) < target:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        process.stderr.close()
    assert kills == 5
    assert _n_rows(folder) < total
    process = _start(folder)
    assert process.wait() == 0, process.stderr.read()
    process.stderr.close()
    assert rows(folder) == rows(finished)


def _job(number, folder, spec, owner=0):
    from evonas.proxy.recipe import Recipe

    return Job(
        trial=number, stage="proxy", seed_index=0, spec=spec, recipe=Recipe(steps=3), seed=number,
        metric=METRICS["error"], data=str(folder), weights=None, backend="torch", owner=owner,
    )  # fmt: skip


KILL = "__import__('os').kill(__import__('os').getpid(), 9)"
METRIC = "__import__('evonas.tasks.metrics', fromlist=['METRICS']).METRICS['error']"


class _Bomb:
    """Kills the process that unpickles it, every time or only the first.

    It travels as an expression for eval: workers cannot import test modules.
    """

    def __init__(self, mark=None):
        self.mark = mark

    def __reduce__(self):
        if self.mark is None:
            return (eval, (KILL,))
        exists = f"__import__('os').path.exists({self.mark!r})"
        return (eval, (f"{METRIC} if {exists} else (open({self.mark!r}, 'w').close(), {KILL})",))


@pytest.mark.parametrize("always", [True, False])
def test_a_killed_worker_loses_nothing(finished, tmp_path, always):
    from dataclasses import replace

    splits = load_splits("synthetic", {"train": 60, "test": 20, "shape": [2, 24]}, 0.25, 0)
    share(splits, tmp_path)
    spec = finished.problem.space.seed
    jobs = [_job(n, tmp_path, spec) for n in range(5)]
    expected = {e.trial: e.metric for e in run_jobs(jobs, 1)}
    bomb = _Bomb(None if always else str(tmp_path / "mark"))
    jobs[2] = replace(jobs[2], metric=bomb)
    found = {e.trial: e for e in run_jobs(jobs, 2)}
    assert sorted(found) == [0, 1, 2, 3, 4]
    for number in (0, 1, 3, 4):
        assert found[number].metric == expected[number]
    if always:
        assert "died twice" in found[2].error
        assert "unexpectedly terminated" in found[2].error
    else:
        assert found[2].metric == expected[2]


def test_workers_are_deaf_to_ctrl_c_from_their_start(finished, tmp_path):
    splits = load_splits("synthetic", {"train": 60, "test": 20, "shape": [2, 24]}, 0.25, 0)
    share(splits, tmp_path)
    _fresh_workers()
    jobs = [_job(n, tmp_path, finished.problem.space.seed) for n in range(2)]
    assert len(list(run_jobs(jobs, 2))) == 2
    children = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    workers = [p for p in children if "popen_loky_posix" in " ".join(p.cmdline())]
    assert workers
    for worker in workers:
        lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        (blocked,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigBlk"))
        assert blocked & 1 << (signal.SIGINT - 1)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_diverged_candidate_is_a_failed_row_and_the_search_goes_on(tmp_path):
    config = _tiny(tmp_path).with_overrides(["proxy.learning_rate=1e30"])
    with pytest.raises(ConfigError, match="failed"):
        search(config)
    store = Store.open(config.directory / "study.db")
    assert {row.state for row in store.trials()} <= {"failed", "waiting"}
    assert all(e.error and e.metric is None for e in store.evaluations())


def test_a_candidate_beyond_a_limit_is_never_trained(tmp_path):
    study = search(_tiny(tmp_path, limits={"params": 80}))
    trained = {e.trial for t in study.trials() for e in t.evaluations if e.stage == "proxy"}
    for trial in study.trials():
        assert (trial.values["params"] > 80) == (trial.state == "infeasible")
        assert (trial.number in trained) == (trial.state == "complete")
    assert sum(t.state == "complete" for t in study.trials()) == 14
    assert all(t.values["params"] <= 80 for t in study.front())


def test_a_limit_that_no_network_can_meet_names_the_smallest_value(tmp_path):
    with pytest.raises(ConfigError, match=r"params: no network .* smallest reachable value is 9"):
        search(_tiny(tmp_path, limits={"params": 3}))
    assert not (tmp_path / "study").exists()


def test_a_limit_that_no_candidate_met_is_said_with_the_nearest(tmp_path):
    config = _tiny(tmp_path, limits={"error": "0.01 %"})
    with pytest.raises(ConfigError, match=r"none of \d+ candidates .* nearest has error \d"):
        search(config)


def test_a_trial_beyond_a_limit_on_the_error_is_not_called_feasible(tmp_path):
    study = search(_tiny(tmp_path, limits={"error": 0.6}))
    errors = [t.values["error"] for t in study.trials() if t.state == "complete"]
    n_beyond = sum(error > 0.6 for error in errors)
    assert 0 < n_beyond < len(errors)
    data = front_data(study)
    assert data.n_trials["complete"] == len(data.explored) == len(errors) - n_beyond
    assert data.n_trials["infeasible"] == n_beyond
    text = " ".join((study.directory / "report.md").read_text(encoding="utf-8").split())
    assert f"{n_beyond} trained and beyond a limit on the error" in text
    assert f"({len(data.explored)} feasible, 0 failed)" in closing_lines(study)[0]


def test_costs_alone_are_searched_without_training(tmp_path):
    study = search(_tiny(tmp_path, objectives=["params", "macs"]))
    assert all(t.evaluations == () for t in study.trials())
    assert study.front()[0].values["params"] == study.smallest["params"]


def test_a_folder_that_holds_a_study_is_refused(finished):
    with pytest.raises(StoreError, match="evonas resume"):
        search(finished.config)


def test_data_that_changed_is_refused(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    text = (copy / "config.toml").read_text()
    (copy / "config.toml").write_text(text.replace("train = 60", "train = 61"))
    with pytest.raises(StoreError, match="the data changed"):
        Study.load(copy)


def test_a_replay_that_differs_names_the_trial(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    store = Store.open(copy / "study.db")
    store._db.execute("UPDATE trials SET genome = replace(genome, '1', '0') WHERE number = 8")
    store._db.commit()
    store.set_meta("versions", {**store.meta("versions"), "pymoo": "0.5.0"})
    store.close()
    with pytest.raises(StoreError, match=r"trial 8: .*pymoo 0\.5\.0, now"):
        resume(copy)


def test_a_study_keeps_its_config_but_for_the_budget(finished):
    with pytest.raises(ConfigError, match="a study keeps its config"):
        resume(finished.directory, ["proxy.steps=7"])


def test_two_processes_do_not_work_on_one_study(finished):
    with finished.working(), pytest.raises(StoreError, match="another process"), finished.working():
        pass


def test_own_arrays_and_an_own_metric_are_searched_and_resumed(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2, 24)).astype(np.float32)
    y = (X[:, 0, -8:].mean(1) > 0).astype(int)

    def twice_the_error(truth, guess):
        return 2 * float(np.mean(truth != guess))

    def focal(outputs, targets):
        import torch

        losses = torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
        return ((1 - torch.exp(-losses)) * losses).mean()

    data = (X[:60], y[:60], X[60:], y[60:])
    own = {"metric": twice_the_error, "loss": focal}
    study = search(_tiny(tmp_path), data=data, **own)
    assert study.problem.metric.name == "twice_the_error"
    assert all(0 <= t.values["error"] <= 2 for t in study.front())
    with pytest.raises(ConfigError, match="pass the same data"):
        resume(study.directory)
    with pytest.raises(ConfigError, match="loss 'focal', got None"):
        resume(study.directory, data=data, metric=twice_the_error)
    before = rows(study)
    assert rows(resume(study.directory, data=data, **own)) == before
    plain = search(_tiny(tmp_path / "plain"), data=data, metric=twice_the_error)
    assert rows(plain) != before


def _arrays():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2, 24)).astype(np.float32)
    return X, (X[:, 0, -8:].mean(1) > 0).astype(int)


def test_an_own_metric_named_as_a_known_one_stays_the_own(tmp_path):
    def error(truth, guess):
        return 2 * float(np.mean(truth != guess))

    config = _tiny(tmp_path, compare_random=True, budget={"trials": 4})
    study = search(config, data=_arrays(), metric=error)
    own = {t.digest: t.values["error"] for t in study.trials() if "error" in t.values}
    rival = Study.load(study.directory / "random", study.splits, metric=error)
    shared = [t for t in rival.trials() if t.digest in own]
    assert shared
    assert all(t.values["error"] == own[t.digest] for t in shared)
    with pytest.raises(ConfigError, match=r"metric 'error \(your own\)', got 'error'"):
        resume(study.directory, data=_arrays())


def test_an_own_loss_is_the_random_search_s_too(tmp_path):
    def doubled(outputs, targets):
        import torch

        return 2 * torch.nn.functional.cross_entropy(outputs, targets)

    config = _tiny(tmp_path, compare_random=True, budget={"trials": 4})
    study = search(config, data=_arrays(), loss=doubled)
    assert "random" in study.summary()
    assert (study.directory / "figures" / "front.png").exists()


def test_the_random_search_goes_on_with_its_study(tmp_path):
    study = search(_tiny(tmp_path, compare_random=True, budget={"trials": 4}))
    resume(study.directory, ["search.budget.trials=7", "search.n_jobs=-9"])
    for folder in (study.directory, study.directory / "random"):
        kept = StudyConfig.from_toml(folder / "config.toml").search
        assert (kept.budget.trials, kept.n_jobs) == (7, -9)
        assert sum(row.state == "complete" for row in Store.open(folder / "study.db").trials()) == 7


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_without_a_finite_value_is_refused_before_anything_is_written(tmp_path, value):
    with pytest.raises(ConfigError, match="for a constant prediction; expected a finite number"):
        search(_tiny(tmp_path), metric=lambda truth, guess: value, data=_arrays())
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("table", ["proxy", "final"])
def test_a_loss_of_the_other_kind_is_refused_before_anything_is_written(tmp_path, table):
    config = _tiny(tmp_path).with_overrides([f"{table}.loss=mse"])
    with pytest.raises(ConfigError, match=rf"\[{table}\] loss: 'mse' does not suit"):
        search(config)
    assert not (tmp_path / "study").exists()


def test_a_config_that_is_not_the_study_s_own_is_not_overwritten(tmp_path):
    config = _tiny(tmp_path)
    config.directory.mkdir()
    mine = config.directory / "config.toml"
    mine.write_text("# mine\n" + config.to_toml())
    with pytest.raises(StoreError, match=r"config\.toml is in the way"):
        search(config)
    assert mine.read_text().startswith("# mine")


def test_a_study_that_another_process_works_on_keeps_its_budget(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    with Study.load(copy).working(), pytest.raises(StoreError, match="another process"):
        resume(copy, ["search.budget.trials=20"])
    assert StudyConfig.from_toml(copy / "config.toml").search.budget.trials == 14


@pytest.mark.parametrize("budget", [{"epochs": 40}, {"cpu": 3.0}, {"wall": 4.0}])
def test_other_budgets_end_a_search(tmp_path, budget):
    study = search(_tiny(tmp_path, budget=budget))
    trained = [e for t in study.trials() for e in t.of_stage("proxy")]
    assert trained
    if "epochs" in budget:
        assert 40 <= sum(e.epochs for e in trained) < 40 + 6 * trained[0].epochs
    assert study.front()
    assert math.isfinite(study.summary()["hypervolume"])


def test_a_budget_in_epochs_is_spent_alike_by_one_and_two_workers(tmp_path):
    one = search(_tiny(tmp_path / "one", budget={"epochs": 40}))
    two = search(_tiny(tmp_path / "two", budget={"epochs": 40}, n_jobs=2))
    assert rows(two) == rows(one)
    epochs = [e.epochs for t in one.trials() for e in t.of_stage("proxy")]
    assert sum(epochs) - epochs[-1] < 40 <= sum(epochs)


def test_a_training_in_the_study_s_own_process_is_counted_once(tmp_path):
    study = Study.from_config(_tiny(tmp_path, budget={"cpu": 1.0}))
    with study.working() as data:
        began = time.process_time()
        loop.search(study, data)
        elapsed = time.process_time() - began
    assert 0.7 <= study.store.meta("spent")[0] <= elapsed


@pytest.mark.parametrize("budget", [{"cpu": 1.0}, {"wall": 1.0}])
def test_a_budget_in_seconds_that_is_spent_stays_spent(tmp_path, budget):
    study = search(_tiny(tmp_path, budget=budget))
    before = rows(study)
    assert rows(resume(study.directory)) == before


def test_a_search_that_trains_nothing_may_look_beyond_limits_as_long(tmp_path):
    limits = {"params": 40}
    keys = {"objectives": ["params", "macs"], "limits": limits, "searcher": "random"}
    study = search(_tiny(tmp_path, budget={"trials": 150}, **keys))
    states = [t.state for t in study.trials()]
    assert states.count("complete") >= 150
    assert states.count("infeasible") > 50 * 6


def test_released_weights_can_learn_from_validation_data_too(tmp_path):
    config = _tiny(tmp_path).with_overrides(["final.fit_on=train+validation"])
    study = search(config)
    for trial in study.front():
        (released,) = trial.of_stage("release")
        final = trial.of_stage("final")[0]
        assert released.steps == final.steps
        assert len(trial.of_stage("test")) == 1  # of the released weights alone
        weights = study.weights(trial)
        stored = np.load(study.directory / "weights" / "release" / f"{trial.number}-0.npz")
        assert all(np.array_equal(weights[name], stored[name]) for name in stored.files)


def test_missing_weights_are_said(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    study = Study.load(copy)
    trial = study.front()[0]
    study.weights_path(trial.number).write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(StoreError, match="no weights here that can be read"):
        study.build(trial)


def test_a_config_edited_under_a_study_is_refused(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    text = (copy / "config.toml").read_text()
    (copy / "config.toml").write_text(text.replace("learning_rate = 0.02", "learning_rate = 0.01"))
    with pytest.raises(StoreError, match="changed since this study began"):
        resume(copy)


def test_an_own_metric_that_fails_on_test_data_is_a_row_with_its_error(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2, 24)).astype(np.float32)
    y = np.arange(64) % 2

    def picky(truth, guess):
        if len(truth) == 20:
            raise ValueError("a class is missing")
        return float(np.mean(truth != guess))

    study = search(_tiny(tmp_path), data=(X[:44], y[:44], X[44:], y[44:]), metric=picky)
    scored = [e for t in study.front() for e in t.evaluations if e.stage == "test"]
    assert {e.error for e in scored} == {"ValueError: a class is missing"}
    assert metric_on_test(study.front()[0]) is None


def test_a_metric_below_zero_is_refused(tmp_path):
    X, y = np.zeros((40, 1, 8), np.float32), np.arange(40) % 2
    with pytest.raises(ConfigError, match=r"at least 0, to be minimised \(of a score"):
        search(_tiny(tmp_path), data=(X, y), metric=lambda truth, guess: -1.0)
