"""How evonas' own search stands among all methods, by hypervolume. Part of bench_claims.py."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from claims_record import Recorded
from claims_text import UNKNOWN, Section, interval, number

from evonas.analysis.comparison_indicators import Indicators
from evonas.analysis.intervals import median_interval
from evonas.analysis.statistics import ranks
from evonas.pareto import FloatArray
from evonas.runner.report_card import table

INDICATORS = ("whole", "tight")


class Standing(NamedTuple):
    """A method's place in one study by one hypervolume, 1 for the best; NaN where unknown.

    Attributes:
        by_median: Of its median over seeds.
        by_seed: Mean over seeds of its place within the seed.
    """

    by_median: float
    by_seed: float


def standings(values: FloatArray) -> list[Standing]:
    """Returns the place of every method; equal ones share their mean place.

    Args:
        values: (n_methods, n_seeds), larger is better; NaN where a run has not ended. A seed
            counts where all methods that have ended anywhere have ended in it.
    """
    takes_part = np.isfinite(values).any(axis=1)
    medians = np.array([median_interval(own).median for own in values])
    by_median = np.full(len(values), math.nan)
    by_median[takes_part] = ranks(-medians[takes_part])
    by_seed = np.full(len(values), math.nan)
    own = values[takes_part]
    whole_seeds = own[:, np.isfinite(own).all(axis=0)]
    if whole_seeds.size:
        by_seed[takes_part] = np.mean([ranks(-column) for column in whole_seeds.T], axis=0)
    return [Standing(*pair) for pair in zip(by_median.tolist(), by_seed.tolist(), strict=True)]


def is_level(found: Indicators, name: str, ours: str) -> bool | None:
    """Returns whether no contestant's median lies above the interval of ours; None if unknown."""
    own = median_interval(found.of(ours, name))
    others = [median_interval(found.of(m, name)).median for m in found.methods if m != ours]
    known = [median for median in others if math.isfinite(median)]
    return max(known) <= own.high if known and own.n else None


def mean_ranks(studies: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, int, float]]:
    """Returns the mean place of every method over the studies in which it has a contestant.

    Args:
        studies: Method -> place, NaN where unknown.

    Returns:
        Method -> (mean place, number of studies, mean share of the other contestants that it
        leaves behind, 0..1: studies have different numbers of contestants).
    """
    found = {}
    for method in dict.fromkeys(name for study in studies for name in study):
        places = [(study.get(method, math.nan), sum(map(math.isfinite, study.values())))
                  for study in studies]  # fmt: skip
        own = [(place, n) for place, n in places if math.isfinite(place) and n > 1]
        if own:
            shares = [(n - place) / (n - 1) for place, n in own]
            found[method] = (
                float(np.mean([place for place, _ in own])), len(own), float(np.mean(shares)),
            )  # fmt: skip
    return found


def is_best(studies: Sequence[Mapping[str, float]], ours: str) -> dict[str, bool]:
    """Returns for each other method whether ours has no worse mean place on the common studies."""
    found = {}
    for method in dict.fromkeys(name for study in studies for name in study if name != ours):
        pairs = [(study.get(ours, math.nan), study.get(method, math.nan)) for study in studies]
        known = [pair for pair in pairs if np.isfinite(pair).all()]
        if known:
            own, other = np.mean(known, axis=0)
            found[method] = bool(own <= other)
    return found


def sections(records: Sequence[Recorded], ours: str) -> list[Section]:
    """Returns the tables of every study and that of all together."""
    found, places = [], {(name, kind): [] for name in INDICATORS for kind in Standing._fields}
    levels: dict[str, dict[str, bool | None]] = {name: {} for name in INDICATORS}
    for record in records:
        for block in record.blocks:
            each = record.indicators[block.study]
            rows, data = _rows(each)
            found.append(Section(f"Hypervolume: {block.study}", _table(rows), data))
            for (name, kind), studies in places.items():
                studies.append({method: data[method][name][kind] for method in each.methods})
            for name in INDICATORS:
                label = f"{record.folder.name}/{block.study}"
                levels[name][label] = is_level(each, name, ours) if ours in each.methods else None
    return [*found, _together(places, levels, ours)]


def _rows(found: Indicators) -> tuple[list[list[str]], dict[str, Any]]:
    places = {name: standings(getattr(found, name)) for name in INDICATORS}
    rows, data = [], {}
    for i, method in enumerate(found.methods):
        cells = [method]
        data[method] = {}
        for name in INDICATORS:
            values, place = found.of(method, name).tolist(), places[name][i]
            cells += [interval(values), number(place.by_median, "{:g}"), number(place.by_seed)]
            data[method][name] = {"seeds": values, **place._asdict(),
                                  **median_interval(values)._asdict()}  # fmt: skip
        rows.append(cells)
    return rows, data


def _table(rows: list[list[str]]) -> list[str]:
    heads = [(name, "rank", "by seed") for name in INDICATORS]
    return table(["method", *(head for three in heads for head in three)], rows)


def _together(
    places: Mapping[tuple[str, str], list[dict[str, float]]],
    levels: Mapping[str, Mapping[str, bool | None]],
    ours: str,
) -> Section:
    means = {key: mean_ranks(studies) for key, studies in places.items()}
    methods = dict.fromkeys(method for found in means.values() for method in found)
    first = means[INDICATORS[0], "by_median"]
    order = sorted(methods, key=lambda m: -first[m][2] if m in first else 1)
    rows = [
        [method, str(first[method][1]) if method in first else UNKNOWN]
        + [number(found[method][0]) if method in found else UNKNOWN for found in means.values()]
        + [number(100 * first[method][2], "{:.0f} %") if method in first else UNKNOWN]
        for method in order
    ]
    titles = [f"{name}, {kind.replace('_', ' ')}" for name, kind in means]
    lines = table(["method", "studies", *titles, "left behind (whole)"], rows)
    best = {f"{name} {kind}": is_best(studies, ours) for (name, kind), studies in places.items()}
    lines += ["", *_verdicts(best, levels, ours)]
    data = {
        "mean_ranks": {f"{n} {k}": each for (n, k), each in means.items()},
        "no_worse_than": best, "level_with_best": levels,
    }  # fmt: skip
    return Section("Mean ranks over all studies", lines, data)


def _verdicts(
    best: Mapping[str, Mapping[str, bool]],
    levels: Mapping[str, Mapping[str, bool | None]],
    ours: str,
) -> list[str]:
    lines = []
    for name, found in best.items():
        ahead = [method for method, no_worse in found.items() if not no_worse]
        said = f"behind {', '.join(ahead)}" if ahead else "best"
        lines.append(f"- Mean rank of {ours}, {name.replace('_', ' ')}: "
                     f"{said if found else UNKNOWN} (on the studies that two share).")  # fmt: skip
    for name, found in levels.items():
        below = [study for study, level in found.items() if level is False]
        known = [study for study, level in found.items() if level is not None]
        said = f"in {', '.join(below)}" if below else f"in none of {len(known)} studies"
        lines.append(f"- {ours} is below the best contestant by more than its interval, {name}: "
                     f"{said if known else UNKNOWN}.")  # fmt: skip
    return lines
