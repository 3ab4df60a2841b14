"""Published networks beside what comparisons and studies found. Part of bench_claims.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from claims_against import Candidate, CostsOf, Pair, pair
from claims_record import Recorded
from claims_references import Trained, Training, fitting, trained

from evonas.analysis.comparison import BlockInfo
from evonas.runner.compare_contest import Contest
from evonas.study.evaluate import trial_seed
from evonas.study.recipes import recipe_of
from evonas.study.study import Study
from evonas.study.trial import Trial


def block_pairs(
    record: Recorded,
    block: BlockInfo,
    names: Sequence[str],
    work: Path,
    costs_of: Callable[[Contest], CostsOf],
) -> list[Pair]:
    """Returns every reference beside what each finished run of a block found.

    Args:
        record: The comparison.
        block: The block.
        names: References; those that do not fit the task are left out.
        work: Where trainings are kept.
        costs_of: Costs of networks, for a seed's contest.
    """
    found = []
    for seed in block.seeds:
        contest = record.contest(block.study, seed)
        fronts = {m: record.front(block.study, m, seed) for m in block.methods}
        how = _training_of(contest)
        for name in names:
            spec = fitting(name, contest.splits)
            if spec is None:
                continue
            file = work / record.folder.name / block.study / f"{name}-{seed}.json"
            result = trained(name, spec, how, file)
            for method, front in fronts.items():
                rows = [
                    Candidate(r.number, r.values["params"], r.validation, r.test,
                              partial(record.spec, r, contest))
                    for r in front or () if r.validation is not None
                ]  # fmt: skip
                if front is not None:
                    found.append(pair(name, spec, result, (method, seed), rows, costs_of(contest)))
    return found


def _training_of(contest: Contest) -> Training:
    final = contest.block.final
    seeds = tuple(trial_seed(contest.run.seed, 0, i + 1) for i in range(final.seeds))
    return Training(contest.splits, contest.final, final.backend, seeds, contest.problem.metric)


def study_pairs(study: Study, names: Sequence[str], work: Path, costs_of: CostsOf) -> list[Pair]:
    """Returns every reference beside the smallest network of a study's front at its accuracy.

    References that the study has trained are taken from its record, the others are trained.
    """
    final, seed = study.config.final, study.config.study.seed
    seeds = tuple(trial_seed(seed, 0, i + 1) for i in range(final.seeds))
    recipe = recipe_of(final, study.loss)
    how = Training(study.splits, recipe, final.backend, seeds, study.problem.metric)
    front = [
        Candidate(t.number, t.values["params"], t.values["error"],
                  t.mean_metrics("test").get("error"), lambda t=t: t.spec)
        for t in study.front()
    ]  # fmt: skip
    recorded, found = study.reference_trials(), []
    for name in dict.fromkeys([*recorded, *names]):
        spec = fitting(name, study.splits)
        if spec is None:
            continue
        result = _recorded(recorded.get(name)) or trained(
            name, spec, how, work / study.directory.name / f"{name}-{seed}.json"
        )
        run = (study.config.search.searcher, seed)
        found.append(pair(name, spec, result, run, front, costs_of))
    return found


def _recorded(trial: Trial | None) -> Trained | None:
    """Returns what a study's record says of a reference; None where it did not train it."""
    if trial is None or "error" not in trial.values:
        return None
    runs = trial.of_stage("final")
    test = trial.mean_metrics("test").get("error", math.nan)
    loss = trial.mean_losses("final").get("error", math.nan)
    seconds = sum(run.cpu_seconds for run in runs)
    return Trained(trial.values["error"], loss, test, int(trial.values["params"]), seconds)


def costs_on(contest_or_study: Contest | Study) -> CostsOf:
    """Returns what gives the costs of networks on a block's or study's own device."""
    problem = contest_or_study.problem
    return lambda spec: problem.known_costs(spec)[0]
