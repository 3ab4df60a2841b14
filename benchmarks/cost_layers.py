"""Single layers on boards: how far are latencies off? Part of bench_cost_models.py.

Measured: the cycles of one operator (`op_cycles`) of TFLite Micro with CMSIS-NN, each layer alone
(MicroNAS, King et al. 2025). Model: cycles per instruction x instructions of the kernel + waits for
weights in flash, both factors fitted for each board by a robust least squares of relative errors on
all shapes but the one that is predicted; cache sizes are the device file's. Beside it: cycles per
multiply-accumulate, fitted the same way.

Only convolutions are fitted; additions are predicted by the same factors. A global average, which
TFLite Micro runs by reference code, is left out. Outliers, by a rule fixed before fitting: a row is
left out of fit and score where it takes less than half a cycle or more than 1000 cycles for an
instruction, which no core does; the Nicla is reported as it is, nothing left out.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evonas.arch.builder import same_padding
from evonas.cost.instructions import instructions
from evonas.cost.kernel_calls import KernelCall
from evonas.cost.weight_reads import weight_bytes_read
from evonas.devices import Device, load_device
from evonas.devices.kernels import InstructionKernels

Floats = npt.NDArray[np.float64]

FILE = Path("hardware/mcu_layer_cycles.csv")
FEWEST, MOST = 0.5, 1000.0
"""Cycles an instruction beyond which a row is no measurement of its layer."""


class Board(NamedTuple):
    """A board of the file.

    Attributes:
        device: The device that describes it.
        keeps_outliers: Whether every row is scored.
    """

    device: str
    keeps_outliers: bool = False


BOARDS = {
    "NUCLEO-L552ZE-Q (Cortex-M33)": Board("stm32l552"),
    "NUCLEO-F446RE (Cortex-M4)": Board("stm32f446"),
    "Arduino Nicla Sense ME (nRF52832 Cortex-M4)": Board("nrf52832", keeps_outliers=True),
}


class Rows(NamedTuple):
    """The rows of one board.

    Attributes:
        calls: What was measured.
        cycles: Measured cycles, (n,).
        work: Instructions and bytes of weights fetched, (n, 2).
        macs: Multiply-accumulates, (n, 1); of an addition its elements.
        left_out: Rows that the rule left out.
    """

    calls: list[KernelCall]
    cycles: Floats
    work: Floats
    macs: Floats
    left_out: int


def data_folder() -> Path:
    """Returns where measurements lie, whether they are there or not."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("EVONAS_DATA", beside))


def run(path: Path | None) -> dict[str, Any]:
    """Returns for each board the errors, in percent, of the latency model and of a MACs-only one.

    Args:
        path: Rows to score the shipped devices on, unfitted; None for leaving out one shape after
            the other on the given rows.
    """
    file = path or data_folder() / FILE
    if not file.exists():
        return {}
    found = {}
    for name, board in BOARDS.items():
        rows = read_rows(file, name, board)
        if len(rows.calls):
            found[name] = _fitted(rows) if path is None else _shipped(rows, board)
    return found


def read_rows(file: Path, name: str, board: Board) -> Rows:
    """Returns the rows of one board, those of the rule left out."""
    device = load_device(board.device)
    kernels = cmsis_nn(device)
    with file.open(newline="", encoding="utf-8") as lines:
        entries = [row for row in csv.DictReader(lines) if row["board"] == name]
    pairs = [(call_of(row), float(row["op_cycles"])) for row in entries if row["layer"] in CALLS]
    core = device.instruction_core
    kept = [
        (call, cycles)
        for call, cycles in pairs
        if board.keeps_outliers or FEWEST <= cycles / instructions(call, core) <= MOST
    ]
    calls = [call for call, _ in kept]
    work = [
        (instructions(c, core), weight_bytes_read(c, kernels.weight_cache_bytes)) for c in calls
    ]
    return Rows(
        calls,
        np.array([cycles for _, cycles in kept]),
        np.array(work).reshape(-1, 2),
        np.array([[float(call.macs)] for call in calls]),
        len(pairs) - len(kept),
    )


def cmsis_nn(device: Device) -> InstructionKernels:
    """Returns a device's model of CMSIS-NN."""
    kernels = device.kernels["cmsis_nn"]
    if not isinstance(kernels, InstructionKernels):
        raise TypeError(f"{device.name} has no instruction model of CMSIS-NN.")
    return kernels


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("x"))


def _conv(row: dict[str, str]) -> KernelCall:
    source, result = _sizes(row["input_shape"])[1:], _sizes(row["output_shape"])[1:]
    kernel, stride = _sizes(row["kernel"]), _sizes(row["strides"])
    dilation = _sizes(row["dilation"])
    before = [0, 0]
    if row["padding"] == "same":
        axes = zip(source[:2], kernel, stride, dilation, strict=True)
        before = [same_padding(*axis)[0] for axis in axes]
    groups = int(float(row["groups"] or 1))
    kind = "depthwise" if groups == source[2] > 1 else "conv"
    pads = (before[0], before[1])
    return KernelCall(kind, source, result, kernel, stride, dilation, pads)  # type: ignore[arg-type]


def _add(row: dict[str, str]) -> KernelCall:
    source = _sizes(row["input_shape"].split(";")[0])[1:]
    return KernelCall("add", source, source)  # type: ignore[arg-type]


CALLS: dict[str, Callable[[dict[str, str]], KernelCall]] = {"conv2d": _conv, "add": _add}
"""Values of column layer that are scored, and their kernels."""


def call_of(row: dict[str, str]) -> KernelCall:
    """Returns the kernel call that a row measured."""
    return CALLS[row["layer"]](row)


def fit(design: Floats, cycles: Floats) -> Floats:
    """Returns non-negative factors by Huber's loss on relative errors."""
    scaled = design / cycles[:, None]
    weights = np.ones(len(cycles))
    factors = np.zeros(design.shape[1])
    for _ in range(20):
        factors = _non_negative(scaled * weights[:, None], weights)
        errors = np.abs(scaled @ factors - 1)
        spread = 1.4826 * float(np.median(errors))
        weights = np.sqrt(np.minimum(1, 2 * spread / np.maximum(errors, 1e-12)))
    return factors


def _non_negative(matrix: Floats, target: Floats) -> Floats:
    """Returns the least squares solution; a negative factor of the last column is made 0."""
    solution = np.linalg.lstsq(matrix, target, rcond=None)[0]
    if solution.min() >= 0:
        return np.asarray(solution)
    first = np.linalg.lstsq(matrix[:, :1], target, rcond=None)[0]
    return np.array([first[0], *np.zeros(matrix.shape[1] - 1)])


def left_out_errors(rows: Rows, design: Floats) -> Floats:
    """Returns each row's relative error where its shape was left out of the fit."""
    is_conv = np.array([call.kind == "conv" for call in rows.calls])
    shapes = {call: None for call in rows.calls}
    errors = np.empty(len(rows.calls))
    for shape in shapes:
        mine = np.array([call == shape for call in rows.calls])
        factors = fit(design[is_conv & ~mine], rows.cycles[is_conv & ~mine])
        errors[mine] = np.abs(design[mine] @ factors / rows.cycles[mine] - 1)
    return errors


def _fitted(rows: Rows) -> dict[str, Any]:
    errors = left_out_errors(rows, rows.work)
    by_macs = left_out_errors(rows, rows.macs)
    is_conv = np.array([call.kind == "conv" for call in rows.calls])
    factors = fit(rows.work[is_conv], rows.cycles[is_conv])
    return _summary(rows, errors, by_macs) | {
        "cycles_per_instruction": float(factors[0]),
        "weight_cycles_per_byte": float(factors[1]),
    }


def _shipped(rows: Rows, board: Board) -> dict[str, Any]:
    kernels = cmsis_nn(load_device(board.device))
    factors = np.array([kernels.cycles_per_instruction, kernels.weight_cycles_per_byte])
    errors = np.abs(rows.work @ factors / rows.cycles - 1)
    by_macs = np.abs(rows.macs @ fit(rows.macs, rows.cycles) / rows.cycles - 1)
    return _summary(rows, errors, by_macs)


def _summary(rows: Rows, errors: Floats, by_macs: Floats) -> dict[str, Any]:
    return {
        "median": 100 * float(np.median(errors)),
        "p95": 100 * float(np.quantile(errors, 0.95)),
        "worst": 100 * float(errors.max()),
        "macs_only_median": 100 * float(np.median(by_macs)),
        "macs_only_p95": 100 * float(np.quantile(by_macs, 0.95)),
        "n": len(rows.calls),
        "shapes": len(set(rows.calls)),
        "left_out": rows.left_out,
    }


def print_table(result: dict[str, Any]) -> None:
    """Prints what run returned."""
    if not result:
        print(f"  left out: {data_folder() / FILE} is not there")
        return
    print(f"  {'board':46}{'rows':>6}{'median':>9}{'p95':>8}{'worst':>9}   MACs only: median, p95")
    for board, errors in result.items():
        shares = [f"{errors[key]:.1f} %" for key in ("median", "p95", "worst")]
        rival = [f"{errors[key]:.1f} %" for key in ("macs_only_median", "macs_only_p95")]
        print(
            f"  {board:46}{errors['n']:6}{shares[0]:>9}{shares[1]:>8}{shares[2]:>9}"
            f"{rival[0]:>20}{rival[1]:>8}"
        )
        if "cycles_per_instruction" in errors:
            print(
                f"    {errors['shapes']} shapes, {errors['left_out']} rows left out by the rule; "
                f"{errors['cycles_per_instruction']:.3f} cycles an instruction, "
                f"{errors['weight_cycles_per_byte']:.3f} a byte of weights"
            )
