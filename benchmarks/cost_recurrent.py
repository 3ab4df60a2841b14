"""Does the stand-in for recurrent kernels meet measured LSTMs? A part of bench_cost_models.py.

A recurrent layer of generated C is counted as calls of CMSIS-NN's dense kernel and element-wise
passes (evonas.cost.recurrent_calls). Of all cells an LSTM alone is measured: CMSIS-NN's int8
kernel, instructions on emulated cores. Printed for each core: errors of the same calls against
these, CMSIS-NN's first step counted without its state as it runs; and the two factors of an
element-wise pass that fit best what the products leave, by least squares of relative errors,
beside those that are shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fit_instructions import Row, data_file, read_rows

from evonas.arch import SpecBuilder
from evonas.arch.lower import lower
from evonas.cost.instructions import GATE_COEFFICIENTS, instructions
from evonas.cost.kernel_paths import FAMILIES
from evonas.cost.recurrent_calls import GATE_CALLS, recurrent_calls

LAYER = "lstm_s8"
GATE_TERMS = ("value", "call")


def run(path: Path | None = None) -> dict[str, dict[str, float]]:
    """Returns errors in percent, the share of the products, and the best factors, by core.

    Args:
        path: Measurements; None for those of $EVONAS_DATA.
    """
    source = path or data_file("cmsisnn_instructions.csv")
    if not source.exists():
        return {}
    rows = [row for row in read_rows(source) if row.layer == LAYER]
    found = {}
    for core in FAMILIES:
        mine = [row for row in rows if row.core == core]
        if mine:
            found[core] = _errors(mine)
    return found


def _errors(rows: list[Row]) -> dict[str, float]:
    measured = np.array([row.instructions for row in rows])
    products = np.array([_products(row) for row in rows])
    passes = np.array([_passes(row) for row in rows])
    errors = 100 * np.abs((products + passes @ GATE_COEFFICIENTS) / measured - 1)
    rest = 1 - products / measured
    best = np.linalg.lstsq(passes / measured[:, None], rest, rcond=None)[0]
    return {
        "n": len(rows),
        "mean": float(errors.mean()),
        "median": float(np.median(errors)),
        "worst": float(errors.max()),
        "products": float(np.median(products / measured)),
        **{term: float(value) for term, value in zip(GATE_TERMS, best, strict=True)},
    }


def _products(row: Row) -> float:
    """Returns the instructions of the dense calls of a window, the first of U left out."""
    builder = SpecBuilder()
    steps, channels = row.call.input[1:]
    spec = builder.finish(builder.lstm(builder.input((channels, steps)), row.call.output[2]))
    graph = lower(spec)
    w, u, _ = (call for call, _ in recurrent_calls(graph, graph.ops[0], 1))
    return steps * instructions(w, row.core) + (steps - 1) * instructions(u, row.core)


def _passes(row: Row) -> tuple[int, int]:
    """Returns the values and calls of a window's element-wise passes."""
    calls = GATE_CALLS["lstm"] * row.call.output[1]
    return calls * row.call.output[2], calls


def print_table(found: dict[str, dict[str, float]]) -> None:
    """Prints what run returned."""
    if not found:
        print("left out: no measured LSTMs are there; set EVONAS_DATA.")
        return
    value, call = GATE_COEFFICIENTS
    print(
        f"{'core':5}{'LSTMs':>6}{'mean %':>9}{'median %':>10}{'worst %':>9}{'products %':>12}"
        f"   best factors of a pass (shipped: {value:g} a value, {call:g} a call)"
    )
    for core, e in found.items():
        print(
            f"{core:5}{e['n']:6d}{e['mean']:9.1f}{e['median']:10.1f}{e['worst']:9.1f}"
            f"{100 * e['products']:12.0f}   {e['value']:.1f} a value, {e['call']:.0f} a call"
        )
