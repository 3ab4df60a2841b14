"""Claim 1, PIT's: temporal networks, their seed and hand-made ones. Part of bench_claims.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from claims_against import Pair, against_table, pairs_data, references_table
from claims_pairs import block_pairs
from claims_record import Recorded
from claims_spaces import sizes
from claims_text import UNKNOWN, Section, interval, middle, number, points, times

from evonas import profile
from evonas.analysis.comparison import BlockInfo
from evonas.analysis.comparison_smallest import AT_SEED_POINTS
from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, UnsupportedOpError
from evonas.runner.report_card import table

HAND_MADE = {"ecg5000": ("ecgtcn",), "hapt": ("temponet", "tcresnet14")}
"""Task -> the hand-tuned networks that stand for it; for another task all of them."""
DEVICES = (("gap8", "gap8"), ("stm32h743", "tflm"))
"""Devices and runtimes of the claimed latency and energy."""
GOAL = 2.0
"""Times fewer params than the hand-made network and than the scaled seed."""
SHOWN = ("params", *(f"{cost} {device}" for device, _ in DEVICES for cost in ("latency", "energy")))


def sections(record: Recorded, block: BlockInfo, work: Path | None) -> list[Section]:
    """Returns what a block of temporal networks says of the claim.

    Args:
        record: The comparison.
        block: The block.
        work: Where references are trained; None to leave them out.
    """
    found = [_at_seed(record, block), _sizes(record, block)]
    title = f"Claim 1, {block.study}: against hand-made networks"
    if work is None:
        return [*found, Section(title, [f"{UNKNOWN}: give --work."], None)]
    names = HAND_MADE.get(block.task, tuple(n for own in HAND_MADE.values() for n in own))
    pairs = block_pairs(record, block, names, work, lambda contest: device_costs)
    lines = [*references_table(pairs, SHOWN), "", *against_table(pairs, SHOWN, block.point)]
    lines += ["", *_goals(pairs), "", *_beside_width(pairs)]
    return [*found, Section(title, lines, pairs_data(pairs))]


def device_costs(spec: ArchSpec) -> Mapping[str, float]:
    """Returns latency and energy on the claimed devices, as far as they are known."""
    found = {}
    for device, runtime in DEVICES:
        try:
            report = profile(spec, device, runtime)
        except (ConfigError, UnsupportedOpError):
            continue
        for cost, value in (("latency", report.latency_s), ("energy", report.energy_j)):
            if value is not None:
                found[f"{cost} {device}"] = value
    return found


def _at_seed(record: Recorded, block: BlockInfo) -> Section:
    every = record.indicators[block.study].at_seed["params"]
    width = block.methods.index("width") if "width" in block.methods else None
    rows, data = [], {}
    for i, method in enumerate(block.methods):
        # the scaled seed network of equal accuracy / the method's, in the same seed
        over = [None] * len(block.seeds) if width is None else every.value[width] / every.value[i]
        differences = every.difference[i]
        rows.append([
            method, interval(every.ratio[i], "{:.3g}"), times(middle(list(over))),
            points(_mean(differences), block.point), times(middle(every.oracle[i])),
        ])  # fmt: skip
        data[method] = {
            "ratio": every.ratio[i].tolist(), "width_over": [_plain(each) for each in over],
            "difference": differences.tolist(), "oracle": every.oracle[i].tolist(),
        }  # fmt: skip
    titles = ["method", "seed / network", "width / network", "test − seed's, points",
              "chosen by test"]  # fmt: skip
    title = (f"Claim 1, {block.study}: times fewer params at the seed's accuracy "
             f"(validation at most {AT_SEED_POINTS:g} points above)")  # fmt: skip
    return Section(title, table(titles, rows), data)


def _sizes(record: Recorded, block: BlockInfo) -> Section:
    return sizes_section(record, block, "Claim 1")


def sizes_section(record: Recorded, block: BlockInfo, claim: str) -> Section:
    """Returns the number of networks that each method of a block chooses between."""
    found = sizes(record.contest(block.study, block.seeds[0]).problem.space, block.space)
    top = found["evonas"]
    rows = [[name, number(size, "10^{:.1f}"), number(top - size, "10^{:.1f}")]
            for name, size in found.items()]  # fmt: skip
    lines = table(["method", "networks", "evonas' space / it"], rows)
    return Section(f"{claim}, {block.study}: size of each method's space", lines, found)


def _goals(pairs: Sequence[Pair]) -> list[str]:
    lines = []
    for name, method in dict.fromkeys((p.reference, p.method) for p in pairs):
        ratios = [p.ratio("params") for p in pairs if (p.reference, p.method) == (name, method)]
        median = middle(ratios)
        if method in ("nsga2", "surrogate", "pit") and median is not None:
            met = "met" if median >= GOAL else "not met"
            lines.append(f"- {method}: {times(median)} fewer params than {name} "
                         f"(goal {GOAL:g}×: {met}).")  # fmt: skip
    return lines


def _beside_width(pairs: Sequence[Pair]) -> list[str]:
    """Returns how many times fewer params than the scaled seed, at a reference's accuracy."""
    scaled = {(p.reference, p.seed): p.found_costs.get("params")
              for p in pairs if p.method == "width"}  # fmt: skip
    lines = []
    for name, method in dict.fromkeys((p.reference, p.method) for p in pairs):
        own = [p for p in pairs if (p.reference, p.method) == (name, method)]
        ratios = [
            wide / p.found_costs["params"] if (wide := scaled.get((name, p.seed))) and p.found
            else None
            for p in own
        ]  # fmt: skip
        if method != "width" and middle(ratios) is not None:
            lines.append(f"- {method}: {times(middle(ratios))} fewer params than the scaled seed "
                         f"network at the accuracy of {name}.")  # fmt: skip
    return lines


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
