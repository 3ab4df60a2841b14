"""The smallest network found at a published network's accuracy. Part of bench_claims.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from claims_references import Trained
from claims_text import UNKNOWN, interval, known_of, mean, middle, number, points, times

from evonas.analysis.comparison_smallest import AT_SEED_POINTS
from evonas.analysis.intervals import upper_bound
from evonas.arch.spec import ArchSpec
from evonas.objectives import OBJECTIVES
from evonas.runner.report_card import table
from evonas.units import format_quantity

CostsOf = Callable[[ArchSpec], Mapping[str, float]]
"""Costs of a network by name; what is not known is left out."""
TIE = 1e-9
"""Errors that differ by less are equal: 0.12 - 0.115 is not 0.005."""


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


def references_table(pairs: Sequence[Pair], costs: Sequence[str]) -> list[str]:
    """Returns a row for each reference: its costs and how it errs, the mean over its trainings."""
    rows = []
    for name in dict.fromkeys(p.reference for p in pairs):
        own = list({p.seed: p for p in pairs if p.reference == name}.values())
        rows.append(
            [name, *(_cost(own[0].costs.get(cost), cost) for cost in costs)]
            + [number(mean([p.validation for p in own]), "{:.4g}")]
            + [number(mean([p.test for p in own]), "{:.4g}")]
        )
    return table(["reference", *costs, "error on validation", "on test"], rows) if rows else []


def against_table(pairs: Sequence[Pair], costs: Sequence[str], point: float) -> list[str]:
    """Returns a row for each reference and method: medians over seeds of what is saved.

    A ratio says how many times less the networks found cost than the reference; behind it stands
    what they cost.
    """
    rows = []
    for name, method in dict.fromkeys((p.reference, p.method) for p in pairs):
        own = [p for p in pairs if (p.reference, p.method) == (name, method)]
        n_found = sum(p.found is not None for p in own)
        rows.append(
            [name, method, f"{n_found} of {len(own)}", *(_saved(own, cost) for cost in costs)]
            + _tested(own, point)
        )
    titles = ["reference", "method", "as good", *costs, "test − reference's, points", "95 % bound",
              f"within {AT_SEED_POINTS:g} on test"]  # fmt: skip
    return table(titles, rows, n_text=2) if rows else [UNKNOWN]


def _saved(pairs: Sequence[Pair], cost: str) -> str:
    """Returns how many times less the networks found cost, and in brackets what they cost."""
    ratios = [p.ratio(cost) for p in pairs]
    value = middle([p.found_costs.get(cost) for p in pairs])
    if value is None or middle(ratios) is None:
        return UNKNOWN
    spread = interval(ratios, "{:.3g}") if cost == "params" else times(middle(ratios))
    return f"{spread} ({_cost(value, cost)})"


def _cost(value: float | None, cost: str) -> str:
    if value is None:
        return UNKNOWN
    return format_quantity(value, OBJECTIVES.get(cost.split()[0]).dimension)


def _tested(pairs: Sequence[Pair], point: float) -> list[str]:
    """Returns how the networks found, chosen by validation, err on the test part."""
    known = known_of([p.difference for p in pairs])
    n_within = sum(difference <= AT_SEED_POINTS * point + TIE for difference in known)
    within = f"{n_within} of {len(known)}" if known else UNKNOWN
    return [points(mean(known), point), points(upper_bound(known), point), within]


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
