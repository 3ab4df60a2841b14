"""71 networks of NAS-Bench-201 on an nRF5340: latency, RAM and flash. Part of bench_cost_models.py.

Measured: int8 networks with TFLite Micro and CMSIS-NN at 64 MHz (nrf5340_sample.csv, CC BY 4.0).
Each is built from the live edges of its cell, in the order of TFLite's converter. Two have no path
from input to output: they are deployed as multiplications by zero, which a spec cannot say exactly,
and are scored apart. Latency is compared after one factor (the median of measured / predicted over
the networks that are scored), arena and file as they are. The interpreter object lies beside the
arena and is no part of it. ROM is the file and firmware; the firmware is the median of measured ROM
less the predicted file. The files were written by TFLite's converter, with names and every zero
point, so they are compared with a size of that kind: evonas writes smaller ones.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cost_layers import data_folder

from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.memory import INTERPRETER_BYTES
from evonas.cost.report import cost_report
from evonas.devices import load_device
from evonas.references.nas_bench_201 import live_operations, nas_bench_201

Floats = npt.NDArray[np.float64]
Scores = dict[str, float]

CONVERTER_BYTES = 1100
CONVERTER_BYTES_PER_OP = 208
CONVERTER_BYTES_PER_CHANNEL = 24
"""What a file of TFLite's converter holds beside weights and biases: header and tables, and for
every channel of a convolution a scale (4) and a zero point (8) of the weights and of the bias. A
file with one convolution has 1.11 to 1.31 kB beside these (mcu_layer_cycles.csv)."""

FOLDER = Path("nas_tables")
DEVICE = "nrf5340"


def run() -> dict[str, Scores]:
    """Returns errors in percent and rank correlations; empty where there are no measurements."""
    folder = data_folder() / FOLDER
    if not (folder / "nrf5340_sample.csv").exists():
        return {}
    with (folder / "nrf5340_sample.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    cells = np.load(folder / "nb201_core.npz", allow_pickle=False)["live_ops"]
    live = [live_operations([int(o) for o in cells[int(row["arch_idx"])]]) for row in rows]
    specs = [nas_bench_201(operations) for operations in live]
    connected = np.array([any(operations) for operations in live])
    reports = [cost_report(spec, load_device(DEVICE)) for spec in specs]
    seconds = np.array([report.latency_s for report in reports], dtype=np.float64)
    macs = np.array([report.macs for report in reports], dtype=np.float64)
    arena = np.array([report.peak_ram_bytes - INTERPRETER_BYTES for report in reports]) / 1024
    files = np.array([converter_file_bytes(spec) for spec in specs]) / 1024
    measured = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    rom = files + np.median(measured["rom_kb"] - files)
    every = np.ones(len(rows), dtype=bool)
    return {
        "NAS-Bench-201, nrf5340, all networks": {
            **_latency("latency", seconds, measured["latency_s"], every),
            **_scores("arena", arena, measured["arena_used_kb"], every),
            **_scores("file", files, measured["int8_kb"], every),
            **_scores("ROM", rom, measured["rom_kb"], every),
            "networks": float(every.sum()),
        },
        "NAS-Bench-201, nrf5340, those with a path": {
            **_latency("latency", seconds, measured["latency_s"], connected),
            **_latency("MACs alone", macs, measured["latency_s"], connected),
            **_scores("arena", arena, measured["arena_used_kb"], connected),
            "networks": float(connected.sum()),
        },
    }


def converter_file_bytes(spec: ArchSpec) -> int:
    """Returns about the size of the .tflite file that TFLite's converter writes of a network."""
    n_bytes = CONVERTER_BYTES
    for op in lower(spec).ops:
        n_bytes += CONVERTER_BYTES_PER_OP + op.weights + 4 * op.biases
        n_bytes += CONVERTER_BYTES_PER_CHANNEL * op.scaled_channels
    return n_bytes


def _latency(name: str, predicted: Floats, measured: Floats, use: npt.NDArray[np.bool_]) -> Scores:
    factor = float(np.median(measured[use] / predicted[use]))
    return _scores(name, factor * predicted, measured, use) | {f"{name}: factor": factor}


def _scores(name: str, predicted: Floats, measured: Floats, use: npt.NDArray[np.bool_]) -> Scores:
    errors = 100 * np.abs(predicted[use] / measured[use] - 1)
    return {
        f"{name}: rank correlation": rank_correlation(predicted[use], measured[use]),
        f"{name}: mean error, %": float(errors.mean()),
        f"{name}: worst error, %": float(errors.max()),
    }


def rank_correlation(a: Floats, b: Floats) -> float:
    """Returns Spearman's coefficient; equal values share the mean of their ranks."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    below = (values[None, :] < values[:, None]).sum(1)
    equal = (values[None, :] == values[:, None]).sum(1)
    return np.asarray(below + (equal - 1) / 2, dtype=np.float64)
