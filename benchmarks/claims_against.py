"""The smallest network found at a published network's accuracy. Part of bench_claims.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from claims_record import Recorded
from claims_references import Trained, Training, fitting, trained
from claims_text import UNKNOWN, interval, mean, middle, points, times

from evonas.analysis.comparison import BlockInfo
from evonas.arch.spec import ArchSpec
from evonas.runner.compare_contest import Contest
from evonas.runner.report_card import table
from evonas.study.evaluate import trial_seed
from evonas.study.recipes import recipe_of
from evonas.study.study import Study

CostsOf = Callable[[ArchSpec], Mapping[str, float]]
"""Costs of a network by name; what is not known is left out."""


@dataclass(frozen=True)
class Candidate:
    """A network of a front.

    Attributes:
        number: Its own within the run.
        params: Of the deployed network.
        validation: Its error or other metric, minimised.
        test: The same on the test part, or None.
        spec: Reads the network.
    """

    number: int
    params: float
    validation: float
    test: float | None
    spec: Callable[[], ArchSpec]


@dataclass(frozen=True)
class Pair:
    """A reference and what one run of a method found at its accuracy.

    Attributes:
        reference: Name.
        method: Name.
        seed: Of the run.
        validation: The reference's.
        test: The reference's, or None.
        costs: The reference's, by name.
        found: The smallest network whose validation error is no worse, or None.
        found_costs: Its costs.
    """

    reference: str
    method: str
    seed: int
    validation: float
    test: float | None
    costs: Mapping[str, float]
    found: Candidate | None
    found_costs: Mapping[str, float]

    def ratio(self, cost: str) -> float | None:
        """Returns how many times less the network found costs; None where that is not known."""
        own, other = self.found_costs.get(cost), self.costs.get(cost)
        return other / own if own and other else None

    @property
    def difference(self) -> float | None:
        """Test metric of the network found minus the reference's; None where not known."""
        if self.found is None or self.found.test is None or self.test is None:
            return None
        return self.found.test - self.test


def smallest_at(front: Sequence[Candidate], most: float) -> Candidate | None:
    """Returns the network of the fewest params whose validation error is at most so much.

    Of equally small ones the one that errs least, then the first; None where none is as good.
    """
    able = [each for each in front if each.validation <= most]
    return min(able, key=lambda each: (each.params, each.validation, each.number), default=None)


def pair(
    name: str, spec: ArchSpec, result: Trained, run: tuple[str, int], front: Sequence[Candidate],
    costs_of: CostsOf,
) -> Pair:  # fmt: skip
    """Returns a reference beside the smallest network of one run's front at its accuracy."""
    learned = math.isfinite(result.validation)  # nothing is compared with one that diverged
    found = smallest_at(front, result.validation) if learned else None
    own = {} if found is None else {"params": found.params, **costs_of(found.spec())}
    return Pair(
        name, *run, result.validation, result.test,
        {"params": float(result.params), **costs_of(spec)}, found, own,
    )  # fmt: skip


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
    recorded = study.reference_trials()
    found = []
    for name in dict.fromkeys([*recorded, *names]):
        spec = fitting(name, study.splits)
        if spec is None:
            continue
        kept = recorded.get(name)
        if kept is not None and "error" in kept.values:
            result = Trained(
                kept.values["error"], float("nan"), kept.mean_metrics("test").get("error"),
                int(kept.values["params"]), 0.0,
            )  # fmt: skip
        else:
            result = trained(name, spec, how, work / study.directory.name / f"{name}-{seed}.json")
        method = study.config.search.searcher
        found.append(pair(name, spec, result, (method, seed), front, costs_of))
    return found


def costs_on(contest_or_study: Contest | Study) -> CostsOf:
    """Returns what gives the costs of networks on a block's or study's own device."""
    problem = contest_or_study.problem
    return lambda spec: problem.known_costs(spec)[0]


def against_table(pairs: Sequence[Pair], costs: Sequence[str], point: float) -> list[str]:
    """Returns a row for each reference and method: medians over seeds of what is saved."""
    rows = []
    for name, method in dict.fromkeys((p.reference, p.method) for p in pairs):
        own = [p for p in pairs if (p.reference, p.method) == (name, method)]
        n_found = sum(p.found is not None for p in own)
        ratios = [[p.ratio(cost) for p in own] for cost in costs]
        rows.append(
            [name, method, f"{n_found} of {len(own)}", interval(ratios[0], "{:.3g}")]
            + [times(middle(each)) for each in ratios[1:]]
            + [points(mean([p.difference for p in own]), point)]
        )
    titles = ["reference", "method", "as good", *costs, "test − reference's, points"]
    return table(titles, rows, n_text=2) if rows else [UNKNOWN]


def pairs_data(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Returns pairs as JSON values."""
    return [
        {
            "reference": p.reference, "method": p.method, "seed": p.seed,
            "validation": p.validation, "test": p.test, "costs": dict(p.costs),
            "found": None if p.found is None else p.found.number,
            "found_validation": None if p.found is None else p.found.validation,
            "found_test": None if p.found is None else p.found.test,
            "found_costs": dict(p.found_costs),
        }
        for p in pairs
    ]  # fmt: skip
