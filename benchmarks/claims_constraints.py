"""Claim 3, the multi-constraint DNAS': two bounds in one search. Part of bench_claims.py."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from claims_record import Recorded
from claims_text import UNKNOWN, Section, interval, known_of, mean, middle, number, points

from evonas.analysis.comparison import BlockInfo, ComparisonRow, of_run, yardstick
from evonas.analysis.comparison_smallest import MARGIN_POINTS, smallest
from evonas.analysis.comparison_targets import first_search_meets
from evonas.analysis.intervals import upper_bound
from evonas.objectives import OBJECTIVES
from evonas.runner.report_card import table
from evonas.units import parse_quantity

COSTS = ("peak_ram", "latency")
FIRST = "first search"


def is_constrained(record: Recorded, block: BlockInfo) -> bool:
    """Whether a block bounds costs and holds dnas."""
    return "dnas" in block.methods and bool(record.config.block(block.study).limits)


def within(rows: Sequence[ComparisonRow], bounds: Mapping[str, float]) -> list[ComparisonRow]:
    """Returns the networks that keep all bounds."""
    return [
        row for row in rows
        if row.validation is not None
        and all(row.values.get(name, math.inf) <= bound for name, bound in bounds.items())
    ]  # fmt: skip


def best(rows: Sequence[ComparisonRow]) -> ComparisonRow | None:
    """Returns the network that errs least on the validation part, then by its loss, the first."""

    def key(row: ComparisonRow) -> tuple[float, float, int]:
        loss = math.inf if row.validation_loss is None else row.validation_loss
        return (math.inf if row.validation is None else row.validation, loss, row.number)

    return min(rows, key=key, default=None)


def saved(row: ComparisonRow | None, bar: ComparisonRow, cost: str) -> float | None:
    """Returns by which share a network costs less than the seed network."""
    if row is None or cost not in row.values or not bar.values.get(cost):
        return None
    return 1 - row.values[cost] / bar.values[cost]


def difference(row: ComparisonRow | None, bar: ComparisonRow) -> float | None:
    """Returns a network's test metric minus the seed network's."""
    if row is None or row.test is None or bar.test is None:
        return None
    return row.test - bar.test


def sections(record: Recorded, block: BlockInfo) -> list[Section]:
    """Returns what a block with bounds says of the claim."""
    return [_bounded(record, block), _at_accuracy(record, block), _effort(record, block)]


def bounds_of(record: Recorded, block: BlockInfo) -> dict[str, float]:
    """Returns the block's limits, SI."""
    limits = record.config.block(block.study).limits
    return {
        name: float(parse_quantity(value, OBJECTIVES.get(name).dimension))
        for name, value in limits.items()
    }


def _bounded(record: Recorded, block: BlockInfo) -> Section:
    """The network within all bounds that errs least on the validation part, of each run."""
    bounds = bounds_of(record, block)
    lines, data = [], {}
    for method, is_first in [*((m, False) for m in block.methods), ("dnas", True)]:
        name = f"{method}, {FIRST}" if is_first else method
        found = []
        for seed in block.seeds:
            bar = yardstick(record.rows, block.study, seed)
            if bar is None or not record.ended(block.study, method, seed):
                continue
            run = of_run(record.rows, block.study, method, seed)
            rows = run[:1] if is_first else (record.front(block.study, method, seed) or [])
            row = best(within(rows, bounds))
            found.append({
                "seed": seed, "number": None if row is None else row.number,
                "difference": difference(row, bar),
                **{cost: saved(row, bar, cost) for cost in COSTS},
            })  # fmt: skip
        data[name] = found
        lines.append([name, *_cells(found, block)])
    words = ", ".join(f"{name} at most {bound:g}" for name, bound in bounds.items())
    title = f"Claim 3, {block.study}: best network within {words} (SI)"
    return Section(title, _table(lines), data)


def _cells(found: Sequence[Mapping[str, Any]], block: BlockInfo) -> list[str]:
    """Returns a row: runs within all bounds, what is saved, and whether accuracy is inferior."""
    n_within = sum(each["number"] is not None for each in found)
    differences = known_of([each["difference"] for each in found])
    bound = upper_bound(differences)
    judged = "yes" if bound < MARGIN_POINTS * block.point else "no"
    return [
        f"{n_within} of {len(found)}" if found else UNKNOWN,
        *(_share([each[cost] for each in found]) for cost in COSTS),
        f"{points(mean(differences), block.point)} ({len(differences)} tested)",
        points(bound, block.point), UNKNOWN if math.isnan(bound) else judged,
    ]  # fmt: skip


def _table(lines: list[list[str]]) -> list[str]:
    return table(["method", "runs", *(f"{cost} saved" for cost in COSTS), "test − seed's, points",
                  "95 % bound", f"not inferior by {MARGIN_POINTS:g}"], lines)  # fmt: skip


def _share(values: Sequence[float | None]) -> str:
    return interval([None if v is None else 100 * v for v in values], "{:.1f} %")


def _at_accuracy(record: Recorded, block: BlockInfo) -> Section:
    """The cheapest network by each cost at the seed's accuracy, as the comparison chooses it."""
    lines, data = [], {}
    for cost in COSTS:
        for method in block.methods:
            found = []
            for seed in block.seeds:
                bar = yardstick(record.rows, block.study, seed)
                front = record.front(block.study, method, seed)
                chosen = None if not bar or front is None else smallest(front, bar, block, cost)
                if chosen is None:
                    continue
                row = next((r for r in front or () if r.number == chosen.number), bar)
                found.append({
                    "seed": seed, "number": chosen.number, "difference": chosen.difference,
                    **{name: saved(row, bar, name) for name in COSTS},
                })  # fmt: skip
            name = f"{method}, least {cost}"
            data[name] = found
            lines.append([name, *_cells(found, block)])
    title = f"Claim 3, {block.study}: cheapest network at the seed's accuracy"
    return Section(title, _table(lines), data)


def _effort(record: Recorded, block: BlockInfo) -> Section:
    """CPU seconds of searching over those of one training of the seed network.

    Of searches with strengths also one search's, the mean of a run's, and what a run had spent when
    the network of its first search was trained in full.
    """
    found, lines, data = record.indicators[block.study], [], {}
    bars = [yardstick(record.rows, block.study, seed) for seed in block.seeds]
    for method in block.methods:
        runs = [of_run(record.rows, block.study, method, seed) for seed in block.seeds]
        is_sweep = any(row.strength is not None for run in runs for row in run)
        whole = found.of(method, "relative_search").tolist()
        each = [w / len(run) if is_sweep and run else None
                for w, run in zip(whole, runs, strict=True)]  # fmt: skip
        first = [run[0].cpu_seconds / bar.cpu_seconds if is_sweep and run and bar else None
                 for run, bar in zip(runs, bars, strict=True)]  # fmt: skip
        met = [m for run in runs if (m := first_search_meets(run)) is not None]
        n_searches = middle([len(run) for run in runs]) if is_sweep else None
        lines.append([
            method, number(middle(whole)), number(middle(each)), number(middle(first)),
            number(n_searches, "{:g}"), f"{sum(met)} of {len(met)}" if met else "no targets",
        ])  # fmt: skip
        data[method] = {"whole": whole, "each": each, "first": first, "first_meets": met}
    titles = ["method", "whole search", "one search", "first search and full training", "searches",
              "first search meets all"]  # fmt: skip
    title = f"Claim 3, {block.study}: search time over one training of the seed network"
    return Section(title, table(titles, lines), data)
