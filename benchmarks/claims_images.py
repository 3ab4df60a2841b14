"""Claim 4's table: cost on the device of meta-kernel networks. Part of bench_claims.py."""

from __future__ import annotations

from collections.abc import Sequence

from claims_record import Recorded
from claims_tcn import sizes_section
from claims_text import UNKNOWN, Section, interval, mean, middle, points

from evonas.analysis.comparison import BlockInfo, yardstick
from evonas.analysis.comparison_smallest import AT_SEED_POINTS, Smallest, smallest
from evonas.objectives import OBJECTIVES
from evonas.runner.report_card import table
from evonas.units import format_quantity

COSTS = ("latency", "energy", "params")


def sections(record: Recorded, block: BlockInfo) -> list[Section]:
    """Returns what each method's cheapest network at the seed's accuracy costs on the device."""
    lines, data = [], {}
    for method in block.methods:
        cells, data[method] = [method], {}
        for cost in COSTS:
            found = _cheapest(record, block, method, cost)
            cells += [_value(cost, [each.value for each in found]),
                      interval([each.ratio for each in found], "{:.3g}")]  # fmt: skip
            if cost == "latency":
                cells.append(points(mean([each.difference for each in found]), block.point))
            data[method][cost] = [each._asdict() for each in found]
        lines.append(cells)
    heads = [[cost, "seed / it"] + ["test − seed's, points"] * (cost == "latency")
             for cost in COSTS]  # fmt: skip
    titles = ["method", *(title for head in heads for title in head)]
    title = (f"Claim 4, {block.study} on {block.device}: cheapest network at the seed's accuracy, "
             f"by each cost (validation at most {AT_SEED_POINTS:g} points above)")  # fmt: skip
    return [Section(title, table(titles, lines), data), sizes_section(record, block, "Claim 4")]


def _cheapest(record: Recorded, block: BlockInfo, method: str, cost: str) -> list[Smallest]:
    found = []
    for seed in block.seeds:
        bar = yardstick(record.rows, block.study, seed)
        front = record.front(block.study, method, seed)
        chosen = None if bar is None or front is None else smallest(front, bar, block, cost)
        if chosen is not None:
            found.append(chosen)
    return found


def _value(cost: str, values: Sequence[float]) -> str:
    median = middle(values)
    if median is None:
        return UNKNOWN
    return format_quantity(median, OBJECTIVES.get(cost).dimension)
