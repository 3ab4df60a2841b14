"""How far are the instruction models off? A part of bench_cost_models.py.

Without a file: each shape of the given measurements is predicted by a model that was fitted to all
others (leave one shape out). With a file: the shipped models, as they are, on the file's rows. A
model that knows nothing but the number of multiply-accumulates stands beside both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fit_instructions import Floats, Row, by_path, data_file, design, fit, read_rows

from evonas.cost.instructions import instructions
from evonas.cost.kernel_paths import FAMILIES

TARGETS = {
    "conv_im2col": {"mean": 1.2, "worst": 17.0},
    "conv_1x1": {"mean": 3.5},
    "dwconv": {"mean": 1.0, "worst": 10.0},
    "fc": {"median": 1.0},
    "lstm_s8": {"mean": 4.0},
    "avgpool": {"mean": 2.0},
    "add": {"mean": 2.0},
}
"""Errors in percent that are to be reached on TARGET_CORES, by layer or path."""

TARGET_CORES = ("m4", "m7", "m33")


def run(path: Path | None, quick: bool = False) -> dict[str, dict[str, dict[str, float]]]:
    """Returns errors in percent by core and layer: mean, median, worst and the number of rows.

    Args:
        path: A file whose rows the shipped models are to be scored on; None for leave-one-shape-
            out on the given measurements.
        quick: Only the cores of TARGET_CORES.
    """
    source = path or data_file("cmsisnn_instructions.csv")
    if not source.exists():
        return {}
    rows = read_rows(source)
    if quick:
        rows = [row for row in rows if row.core in TARGET_CORES]
    predicted = [instructions(row.call, row.core) for row in rows] if path else left_out(rows)
    macs_only = _macs_only(rows)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for core in sorted({row.core for row in rows}, key=list(FAMILIES).index):
        found[core] = {}
        for name, mine in _named(rows, core).items():
            errors = _errors(rows, predicted, mine)
            entry = _summary(errors)
            entry |= {f"macs_{k}": v for k, v in _summary(_errors(rows, macs_only, mine)).items()}
            found[core][name] = entry
    return found


def print_table(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Prints the errors, kernel paths indented below their layers, with the targets."""
    if not found:
        print("instruction models: the measurements are not there; set EVONAS_DATA.")
        return
    print(
        f"{'core':5}{'layer':26}{'rows':>5}{'mean %':>9}{'median %':>10}{'worst %':>9}"
        f"{'MACs only: mean, worst %':>28}   target %"
    )
    for core, entries in found.items():
        for name, e in entries.items():
            shown = f"  {name}" if is_path(name) else name
            macs = f"{e['macs_mean']:.1f}, {e['macs_worst']:.0f}"
            print(
                f"{core:5}{shown:26}{e['n']:5d}{e['mean']:9.2f}{e['median']:10.2f}"
                f"{e['worst']:9.2f}{macs:>28}   {_verdict(core, name, e)}"
            )


def left_out(rows: Sequence[Row]) -> list[float]:
    """Returns for each row the instructions that a fit without its shape predicts."""
    predicted = {}
    for group in by_path(rows).values():
        counts, measured = design(group)
        calls = [row.call for row in group]
        for call in set(calls):
            mine = np.array([other == call for other in calls])
            coefficients = fit(counts[~mine], measured[~mine])
            for row, value in zip(
                [r for r, m in zip(group, mine, strict=True) if m],
                counts[mine] @ coefficients,
                strict=True,
            ):
                predicted[row] = float(value)
    return [predicted[row] for row in rows]


def _macs_only(rows: Sequence[Row]) -> list[float]:
    """Returns the instructions by a factor on multiply-accumulates alone, one a core and layer.

    The factor is the median of instructions / multiply-accumulates of these very rows.
    """
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        ratios[row.core, row.layer].append(row.instructions / row.macs)
    return [float(np.median(ratios[row.core, row.layer])) * row.macs for row in rows]


def _named(rows: Sequence[Row], core: str) -> dict[str, list[int]]:
    """Returns the rows of each layer of a core and, where it has several, of each of its paths."""
    layers: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.core == core:
            layers[row.layer].append(index)
    named = {}
    for layer, mine in layers.items():
        named[layer] = mine
        for path in sorted({rows[i].path for i in mine if layer in ("conv", "dwconv")}):
            named[path] = [i for i in mine if rows[i].path == path]
    return named


def is_path(name: str) -> bool:
    """Whether a name is that of a kernel path, not of a layer."""
    return name.startswith(("conv_", "depthwise_"))


def _errors(rows: Sequence[Row], predicted: Sequence[float], mine: Sequence[int]) -> Floats:
    return np.array([abs(predicted[i] / rows[i].instructions - 1) for i in mine])


def _summary(errors: Floats) -> dict[str, float]:
    percent = 100 * errors
    return {
        "mean": float(percent.mean()),
        "median": float(np.median(percent)),
        "worst": float(percent.max()),
        "n": len(percent),
    }


def _verdict(core: str, name: str, entry: dict[str, float]) -> str:
    target = TARGETS.get(name)
    if target is None or core not in TARGET_CORES:
        return ""
    met = all(entry[key] <= bound for key, bound in target.items())
    bounds = ", ".join(f"{key} <= {bound:g}" for key, bound in target.items())
    return f"{bounds}: {'met' if met else 'MISSED'}"
