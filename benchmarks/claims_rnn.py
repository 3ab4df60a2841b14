"""Claim 2: recurrent networks against LSTM, GRU and FastGRNN. Part of bench_claims.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from claims_against import Pair, against_table, pairs_data, references_table
from claims_pairs import block_pairs, costs_on, study_pairs
from claims_record import Recorded
from claims_tcn import sizes_section
from claims_text import UNKNOWN, Section

from evonas.analysis.comparison import POINT, BlockInfo
from evonas.study.study import Study
from evonas.tasks.metrics import constant_prediction_error

NAMES = ("lstm_google12", "gru_google12", "fastgrnn_google12", "fastgrnn_har2")
"""References of published sizes, for any task along one axis."""
COSTS = ("params", "peak_ram", "latency", "latency_per_step")


def block_sections(record: Recorded, block: BlockInfo, work: Path | None) -> list[Section]:
    """Returns what a block of recurrent networks says of the claim."""
    title = f"Claim 2, {block.study} on {block.device} ({block.runtime})"
    sizes = sizes_section(record, block, "Claim 2")
    if work is None:
        return [sizes, Section(title, [f"{UNKNOWN}: give --work."], None)]
    pairs = block_pairs(record, block, NAMES, work, costs_on)
    return [sizes, _section(title, pairs, block.point)]


def study_sections(study: Study, work: Path | None) -> list[Section]:
    """Returns what a study's front says of the claim."""
    device = study.config.device
    title = f"Claim 2, {study.config.study.name} on {study.problem.device.name} ({device.runtime})"
    recorded = tuple(study.reference_trials())
    if work is None and not recorded:
        return [Section(title, [f"{UNKNOWN}: no reference is on record; give --work."], None)]
    names = NAMES if work is not None else recorded
    pairs = study_pairs(study, names, work or Path(), costs_on(study))
    return [_section(title, pairs, _point(study))]


def _point(study: Study) -> float:
    """Returns one point of the metric: of a regression's a hundredth of a constant prediction's."""
    if not study.splits.is_regression:
        return POINT
    splits, metric = study.splits, study.problem.metric
    return POINT * constant_prediction_error(metric, splits.train.y, splits.val.y)


def _section(title: str, pairs: Sequence[Pair], point: float) -> Section:
    shown = [c for c in COSTS if any(c in p.costs or c in p.found_costs for p in pairs)]
    lines = references_table(pairs, shown or COSTS)
    return Section(
        title, [*lines, "", *against_table(pairs, shown or COSTS, point)], pairs_data(pairs)
    )
