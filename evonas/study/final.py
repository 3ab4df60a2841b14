"""After the search: candidates trained in full, the front chosen, its test metric scored once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from evonas.pareto import farthest_point_order, knee, non_dominated
from evonas.proxy.backends import BACKENDS
from evonas.study.evaluate import Job, load_weights, run_jobs, trial_seed
from evonas.study.loop import recipe_of, spent_seconds
from evonas.study.progress import Listener, Progress
from evonas.study.study import Study
from evonas.study.trial import Evaluation, Stage, Trial
from evonas.study.yardsticks import keep_numbers
from evonas.tasks.metrics import predictions


def candidates(study: Study) -> list[Trial]:
    """Returns the trials to be trained in full, the most telling first.

    Those feasible trials that no other dominates by score and costs, of the whole archive; farthest
    point first in the box's coordinates, so that any beginning of the list is spread over the
    front; at most [final] candidates of them.
    """
    trials, rows = [], []
    for trial in study.trials():
        proxy = trial.of_stage("proxy")
        if not proxy or not study.problem.is_feasible(trial.values):
            continue
        metric, loss = proxy[0].metric, proxy[0].loss
        if metric is None or loss is None:
            continue
        trials.append(trial)
        rows.append({**trial.values, "error": study.problem.score(metric, loss)})
    if not trials:
        return []
    F = study.problem.columns(rows)
    keep = np.flatnonzero(non_dominated(F))
    order = farthest_point_order(study.box.normalise(F[keep]), knee(F[keep], study.box))
    return [trials[keep[i]] for i in order[: study.config.final.candidates]]


def finish(study: Study, data: str, listener: Listener | None = None) -> None:
    """Trains candidates and seed network in full, releases the front, scores it on test.

    References are trained last, with the same recipe and seeds, whatever is left of a budget.
    Whatever an earlier run recorded is kept; only what is missing is done.

    Args:
        study: The study, locked by `working`.
        data: The folder that `working` yields.
        listener: Told of every training.
    """
    if not study.problem.needs_training:
        return
    seeds = range(study.config.final.seeds)
    chosen = candidates(study)
    networks = {trial.number: trial for trial in [study.seed_trial(), *chosen]}
    jobs = [_job(study, t, "final", s, data) for s in seeds for t in networks.values()]
    _run(study, jobs, listener, always=2)
    keep_numbers(study)
    beside = study.reference_trials().values()
    jobs = [_job(study, t, "final", s, data) for s in seeds for t in beside]
    _run(study, jobs, listener, phase="references")
    known = [*study.front(), study.seed_trial(), *study.reference_trials().values()]
    released = {trial.number: trial for trial in known}
    if study.config.final.fit_on == "train+validation":
        jobs = [_job(study, trial, "release", 0, data) for trial in released.values()]
        _run(study, jobs, listener)
    for trial in released.values():
        trained = _current(study, trial)
        _release(study, trained)
        _score_on_test(study, trained)


def _weights(study: Study, number: int, stage: Stage, repetition: int) -> str:
    name = study.weights_path(number).stem
    return str(study.directory / "weights" / stage / f"{name}-{repetition}.npz")


def _job(study: Study, trial: Trial, stage: Stage, repetition: int, data: str) -> Job:
    number = max(trial.number, 0)
    return Job(
        trial=trial.number,
        stage=stage,
        seed_index=repetition,
        spec=trial.spec,
        recipe=recipe_of(study.config.final, study.loss),
        seed=trial_seed(study.config.study.seed, number, repetition + 1),
        metric=study.problem.metric,
        data=data,
        weights=_weights(study, trial.number, stage, repetition),
        backend="torch",
        owner=os.getpid(),
    )


def _run(
    study: Study,
    jobs: Sequence[Job],
    listener: Listener | None,
    always: int | None = None,
    phase: str = "full training",
) -> None:
    """Runs the jobs that are not recorded yet.

    Args:
        study: The study.
        jobs: Trainings, the most telling first.
        listener: Told of every one.
        always: How many of them are done even after a budget in seconds is spent; None for all.
        phase: What the listener is told that this is.
    """
    done = {(e.trial, e.stage, e.seed) for e in study.store.evaluations()}
    due = [job for job in jobs if (job.trial, job.stage, job.seed_index) not in done]
    started, spent = time.monotonic(), _Spent(study)
    n_done = n_before = len(jobs) - len(due)
    while due:
        room = len(due) if always is None or not spent.is_limited else 2 * spent.n_workers
        if always is not None and spent.is_all():
            room = max(0, always - n_done)
        if not room:
            break
        for evaluation in run_jobs(due[:room], study.config.search.n_jobs):
            study.store.add_evaluation(evaluation)
            n_done += 1
            if listener is not None:
                seconds = time.monotonic() - started
                left = seconds / (n_done - n_before) * (len(jobs) - n_done)
                progress = Progress(phase, n_done, n_done / len(jobs), seconds=seconds)
                listener(progress if spent.is_limited else replace(progress, seconds_left=left))
        due = due[room:]


class _Spent:
    """How much of a budget in seconds search and full training have taken together."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.budget = study.config.search.budget
        self.cpu, self.wall = spent_seconds(study)
        self.wall += (study.store.meta("seconds") or {}).get("final", 0.0)
        self.started = time.monotonic()
        self.is_limited = self.budget.cpu is not None or self.budget.wall is not None
        self.n_workers = int(joblib.effective_n_jobs(study.config.search.n_jobs))

    def is_all(self) -> bool:
        """Whether the budget is spent; a budget in trials or epochs never is."""
        if self.budget.cpu is not None:
            later = (e for e in self.study.store.evaluations() if e.stage != "proxy")
            return self.cpu + sum(e.cpu_seconds for e in later) >= self.budget.cpu
        if self.budget.wall is not None:
            return self.wall + time.monotonic() - self.started >= self.budget.wall
        return False


def _release(study: Study, trial: Trial) -> None:
    """Copies the weights of the best repetition, or of the release training, to the trial's."""
    stage: Stage = "release" if trial.of_stage("release") else "final"
    runs = trial.of_stage(stage)
    if not runs:
        return
    best = min(runs, key=lambda e: study.problem.score(e.metric or 0.0, e.loss or 0.0))
    target = study.weights_path(trial.number)
    shutil.copyfile(_weights(study, trial.number, stage, best.seed), target)


def _current(study: Study, trial: Trial) -> Trial:
    found = tuple(e for e in study.store.evaluations() if e.trial == trial.number)
    return replace(trial, evaluations=found)


def _score_on_test(study: Study, trial: Trial) -> None:
    """Scores every repetition of a network on the test part and records it."""
    test = study.splits.test
    stage: Stage = "release" if trial.of_stage("release") else "final"
    known = {e.seed for e in trial.of_stage("test")}
    for run in trial.of_stage(stage):
        if run.seed in known or not len(test):
            continue
        started = time.process_time()
        weights = load_weights(Path(_weights(study, trial.number, stage, run.seed)))
        outputs = BACKENDS.get("torch")().predict(trial.spec, weights, test.X)
        guess = predictions(outputs, study.splits.is_regression)
        metric, error = None, None
        try:
            metric = study.problem.metric(test.y, guess)
        except Exception as raised:  # an own metric, such as one that needs every class
            error = f"{type(raised).__name__}: {raised}".splitlines()[0]
        seconds = time.process_time() - started
        scored = Evaluation(trial.number, "test", run.seed, metric, None, 0.0, 0, seconds, "torch")
        study.store.add_evaluation(replace(scored, error=error))


def metric_on_test(trial: Trial) -> float | None:
    """Returns the mean of a trial's test metric over its repetitions, or None."""
    values = [e.metric for e in trial.of_stage("test") if e.metric is not None]
    return float(np.mean(values)) if values else None
