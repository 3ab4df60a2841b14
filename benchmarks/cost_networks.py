"""Whole networks on boards: how far are latency, energy, RAM and flash off?

A part of bench_cost_models.py.

MLPerf Tiny's four networks as its results log them (rounds v0.5 to v1.0), and 71 networks of
NAS-Bench-201 on an nRF5340 (cost_nas_bench.py). All errors are in percent of what was measured.

- microTVM + CMSIS-NN: the device's instruction model (its ratio of waits to instructions as it is),
  times one factor for each board, which is fitted to its four networks by least squares of relative
  errors; "left out" is each network predicted by the factor of the other three.
- X-CUBE-AI: cycles per multiply-accumulate of three classes, fitted to round v0.7 of a board and
  tested on v1.0, another release of the library; "v0.7 itself" is the error on the rows of the fit.
- energy: the device's power times the latency that the device's model gives, nothing fitted here.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cost_nas_bench
import numpy as np
import numpy.typing as npt
from cost_layers import data_folder

from evonas.arch.lower import lower
from evonas.cost.report import cost_report
from evonas.devices import load_device
from evonas.references import reference

Floats = npt.NDArray[np.float64]
Errors = dict[str, dict[str, float]]

FILE = Path("hardware/mlperf_tiny_results.csv")

NETWORKS = {
    "ad": "fc_autoencoder",
    "ic": "resnet8",
    "kws": "ds_cnn",
    "vww": "mobilenet_025",
}
"""Benchmarks of MLPerf Tiny and their networks."""

MICROTVM = {
    "stm32l4r5": "microtvm_cmsis_nn/NUCLEO_L4R5ZI",
    "nrf5340": "microtvm_cmsis_nn/NRF5340-DK",
}
ST = {
    "stm32l4r5": "NUCLEO_L4R5ZI",
    "stm32u575": "NUCLEO-U575ZI-Q",
    "stm32h7a3": "NUCLEO-H7A3ZI-Q",
}
"""Devices and the systems of the file that they describe."""

CLASSES = ("conv", "dense", "depthwise")

Results = Mapping[tuple[str, str, str, str], Mapping[str, str]]


def run(path: Path | None) -> Errors:
    """Returns the errors in percent by stack and network; empty where there are no measurements.

    Args:
        path: The results; None for those of the data folder.
    """
    found: Errors = {}
    file = path or data_folder() / FILE
    if file.exists():
        results = _read(file)
        found |= _microtvm(results) | _xcubeai(results) | _energy(results)
    return found | cost_nas_bench.run()


def _read(file: Path) -> Results:
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            (row["version"], row["org"], row["system"], row["bench"]): row
            for row in csv.DictReader(lines)
        }


def _measured(results: Results, version: str, org: str, system: str) -> Floats:
    rows = [results[version, org, system, bench] for bench in NETWORKS]
    return np.array([float(row["latency_ms"]) * 1e-3 for row in rows])


def _predicted(device: str, runtime: str) -> Floats:
    reports = [cost_report(reference(n), load_device(device), runtime) for n in NETWORKS.values()]
    return np.array([report.latency_s for report in reports], dtype=np.float64)


def one_factor(predicted: Floats, measured: Floats) -> float:
    """Returns the factor of least squared relative errors."""
    ratio = predicted / measured
    return float(ratio.sum() / (ratio @ ratio))


def _by_net(errors: Floats) -> dict[str, float]:
    return {bench: 100 * float(e) for bench, e in zip(NETWORKS, np.abs(errors), strict=True)}


def _microtvm(results: Results) -> Errors:
    found: Errors = {}
    for device, system in MICROTVM.items():
        measured = _measured(results, "v1.0", "OctoML", system)
        predicted = _predicted(device, "tflm")
        factor = one_factor(predicted, measured)
        left_out = np.empty(len(measured))
        for i in range(len(measured)):
            others = np.arange(len(measured)) != i
            left_out[i] = one_factor(predicted[others], measured[others])
        stack = f"microTVM + CMSIS-NN, {device}"
        found[f"{stack}, as shipped"] = _by_net(predicted / measured - 1)
        found[stack] = _by_net(factor * predicted / measured - 1)
        found[f"{stack}, left out"] = _by_net(left_out * predicted / measured - 1)
    return found


def _macs_by_class() -> Floats:
    table = [[0.0] * len(CLASSES) for _ in NETWORKS]
    for entry, name in zip(table, NETWORKS.values(), strict=True):
        for op in lower(reference(name)).ops:
            if op.kind in CLASSES:
                entry[CLASSES.index(op.kind)] += op.macs
    return np.array(table)


def _xcubeai(results: Results) -> Errors:
    macs = _macs_by_class()
    found: Errors = {}
    for device, system in ST.items():
        before, after = (
            _measured(results, version, "STMicroelectronics", system)
            for version in ("v0.7", "v1.0")
        )
        per_mac = np.linalg.lstsq(macs / before[:, None], np.ones(len(before)), rcond=None)[0]
        stack = f"X-CUBE-AI, {device}"
        found[f"{stack}, v0.7 itself"] = _by_net(macs @ per_mac / before - 1)
        found[f"{stack}, v0.7 to v1.0"] = _by_net(macs @ per_mac / after - 1)
    return found


ENERGY = (
    ("stm32l4r5", "tflm", "v1.0", "OctoML", MICROTVM["stm32l4r5"]),
    ("stm32l4r5", "tflm_reference", "v0.5", "reference", "Nucleo-L4R5ZI"),
    *((device, "xcubeai", "v1.0", "STMicroelectronics", system) for device, system in ST.items()),
)
"""Device, runtime, round, organisation and system whose energies are compared."""


def _energy(results: Results) -> Errors:
    found: Errors = {}
    for name, runtime, version, org, system in ENERGY:
        device = load_device(name)
        if device.power_w is None:
            continue
        predicted = _predicted(name, runtime) * device.power_w
        errors = {}
        for energy_j, bench in zip(predicted, NETWORKS, strict=True):
            measured = results[version, org, system, bench]["energy_uJ"]
            if measured:
                errors[bench] = 100 * abs(float(energy_j) / (float(measured) * 1e-6) - 1)
        found[f"energy, {name}, {runtime}, {version}"] = errors
    return found


def print_table(result: dict[str, Any]) -> None:
    """Prints what run returned."""
    if not result:
        print(f"  left out: nothing below {data_folder()}")
        return
    print(f"  {'error, %':46}" + "".join(f"{bench:>8}" for bench in NETWORKS))
    for stack, errors in result.items():
        if set(errors) <= set(NETWORKS):
            cells = [f"{errors[b]:8.1f}" if b in errors else f"{'-':>8}" for b in NETWORKS]
            print(f"  {stack:46}" + "".join(cells))
    for stack, errors in result.items():
        if not set(errors) <= set(NETWORKS):
            print(f"  {stack}")
            for name, value in errors.items():
                print(f"    {name:52}{value:10.4g}")
