"""`evonas devices`: the catalogue as a table, one device in full, and calibration."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evonas.cost.calibrate import Calibration, calibrate
from evonas.cost.measurements import TEMPLATE, read_measurements
from evonas.cost.runtimes import device_runtimes, kernel_library, load_runtime
from evonas.devices import Device, KernelModel, device_names, load_device
from evonas.devices.catalogue import FIGURES
from evonas.devices.write import device_toml
from evonas.errors import ConfigError
from evonas.runner.target import resolve_target
from evonas.units import format_quantity

__all__ = [
    "TEMPLATE",
    "calibrate_device",
    "calibration_dict",
    "calibration_lines",
    "describe",
    "device_rows",
    "show_lines",
    "table_lines",
]

KIB = 1024


def device_rows() -> list[dict[str, Any]]:
    """Returns every device of the catalogue as JSON values, sorted by name."""
    return [summary(load_device(name)) for name in device_names()]


def summary(device: Device) -> dict[str, Any]:
    """Returns what the table shows of a device, as JSON values in SI units."""
    library, kernels = next(iter(device.kernels.items()))
    return {
        "name": device.name,
        "title": device.title,
        "core": device.core,
        "clock_hz": device.clock_hz,
        "ram_bytes": device.ram_bytes,
        "largest_ram_block_bytes": device.largest_ram_block_bytes,
        "flash_bytes": device.flash_bytes,
        "power_w": device.power_w,
        "kernel_library": library,
        "latency_error": kernels.short_accuracy,
        "error_median": kernels.error_median,
        "error_p95": kernels.error_p95,
        "runtimes": list(device_runtimes(device)),
    }


def table_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the table of devices, header first; memory in KiB, as vendors count it."""
    header = ["name", "core", "clock", "RAM", "flash", "power", "kernels", "latency error"]
    cells = [header]
    for row in rows:
        power = row["power_w"]
        cells.append(
            [
                row["name"],
                row["core"],
                f"{row['clock_hz'] / 1e6:g} MHz",
                kibibytes(row["ram_bytes"]),
                "external" if row["flash_bytes"] is None else kibibytes(row["flash_bytes"]),
                "-" if power is None else f"{1e3 * power:.3g} mW",
                row["kernel_library"],
                row["latency_error"],
            ]
        )
    return aligned(cells, left=(0, 1, 6, 7))


def aligned(cells: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """Returns the rows of a table, columns padded; those in left are flush left."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def kibibytes(n_bytes: int) -> str:
    """Returns a size of memory as vendors state it: 1024 bytes to the kB."""
    return f"{n_bytes / KIB:g} KiB" if n_bytes % KIB == 0 else f"{n_bytes / KIB:.1f} KiB"


def describe(name_or_path: str) -> dict[str, Any]:
    """Returns everything that a device's file says, as JSON values."""
    device = load_device(name_or_path)
    found = {key: value for key, value in _plain(device).items() if key != "kernels"}
    found["kernels"] = {
        library: {"model": kernels.model} | dataclasses.asdict(kernels)
        for library, kernels in device.kernels.items()
    }
    found["runtimes"] = list(device_runtimes(device))
    return found


def show_lines(name_or_path: str) -> list[str]:
    """Returns what `devices show` prints: every figure and, below it, its source."""
    device = load_device(name_or_path)
    lines = [f"{device.name}: {device.title}", f"core: {device.core}"]
    for key in FIGURES:
        value = getattr(device, key)
        if value is not None or key in device.sources:
            lines += [f"{_WORDS[key]}: {_figure(key, value)}", f"    {device.sources[key]}"]
        else:
            lines += [f"{_WORDS[key]}: not stated"]
    if device.memory:
        tiers = ", ".join(f"{tier.name} {kibibytes(tier.bytes)}" for tier in device.memory)
        lines += [f"memory, fastest first: {tiers}", f"    {device.sources['memory']}"]
    for library, kernels in device.kernels.items():
        lines += _kernel_lines(library, kernels)
    return [*lines, f"runtimes: {', '.join(device_runtimes(device)) or 'none'}"]


def _kernel_lines(library: str, kernels: KernelModel) -> list[str]:
    return [
        f"kernels of {library}, model {kernels.model}: {_figures(kernels)}",
        f"    {kernels.source}",
        f"    latency: {kernels.accuracy}",
    ]


def _figures(kernels: KernelModel) -> str:
    """Returns a model's figures: those it must state, then any other number that is not 0."""
    numbers = {
        field.name: getattr(kernels, field.name)
        for field in dataclasses.fields(kernels)
        if field.name not in ("error_median", "error_p95")
    }
    shown = [*kernels.figures, *sorted(set(numbers) - set(kernels.figures))]
    return ", ".join(
        f"{name} {numbers[name]:g}"
        for name in shown
        if isinstance(numbers[name], (int, float)) and numbers[name]
    )


_WORDS = {
    "clock_hz": "clock",
    "ram_bytes": "RAM",
    "largest_ram_block_bytes": "largest block of RAM",
    "flash_bytes": "flash",
    "power_w": "power while running",
}


def _figure(key: str, value: float | None) -> str:
    if value is None:
        return "none inside" if key == "flash_bytes" else "not stated"
    if key == "clock_hz":
        return f"{value / 1e6:g} MHz"
    return f"{1e3 * value:.3g} mW" if key == "power_w" else kibibytes(int(value))


def _plain(device: Device) -> dict[str, Any]:
    fields = {field.name: getattr(device, field.name) for field in dataclasses.fields(device)}
    return fields | {
        "sources": dict(device.sources),
        "memory": [dataclasses.asdict(tier) for tier in device.memory],
    }


def calibrate_device(
    csv_path: Path,
    base: str,
    output: Path,
    runtime: str = "tflm",
    force: bool = False,
    today: datetime.date | None = None,
) -> Calibration:
    """Fits a device to measurements and writes its file.

    Args:
        csv_path: The measurements; evonas.cost.measurements.TEMPLATE describes the format.
        base: Name or path of the device from which everything else is taken.
        output: The file to write; ends in .toml.
        runtime: What ran the measured layers; its kernel library on the base is fitted.
        force: Whether an existing file may be overwritten.
        today: Date for the record; None for the clock's.

    Raises:
        ConfigError: A file or a name is wrong, or the rows are too few or too alike.
    """
    if output.suffix != ".toml":
        raise ConfigError(f"{output}: a device's file ends in .toml.")
    if output.exists() and not force:
        raise ConfigError(f"{output}: exists; --force overwrites it.")
    if not output.absolute().parent.is_dir():
        raise ConfigError(f"{output}: there is no folder {output.absolute().parent}.")
    device = load_device(base)
    library = kernel_library(device, load_runtime(runtime))
    if library is None:
        raise ConfigError(f"Runtime {runtime!r} has no latency model that could be calibrated.")
    rows = read_measurements(csv_path, resolve_target)
    date = (today or datetime.date.today()).isoformat()
    origin = f"{csv_path.name}, {len(rows)} rows, {date}"
    found = calibrate(rows, device, library, origin)
    fitted = dataclasses.replace(
        device,
        name=output.stem,
        title=f"{device.title}, calibrated",
        kernels={**device.kernels, library: found.kernels},
    )
    comment = f"Calibrated from {origin}; base {device.name}. Other figures are the base's."
    output.write_text(device_toml(fitted, (comment,)), encoding="utf-8")
    return found


def calibration_lines(found: Calibration, output: Path) -> list[str]:
    """Returns what `devices calibrate` prints."""
    lines = [
        f"{found.library}: {_figures(found.kernels)}",
        f"{found.n_rows} rows, {found.n_shapes} different shapes; error with each shape left out: "
        f"median {_percent(found.error_median)}, p95 {_percent(found.error_p95)} (the base as it "
        f"was: median {_percent(found.base_error_median)})",
    ]
    if found.kept:
        lines += [f"kept from the base, no row tells: {', '.join(found.kept)}"]
    if found.far_off:
        shown = "; ".join(found.far_off[:5])
        lines += [f"{len(found.far_off)} rows are off by more than half: {shown}"]
    return [*lines, f"written: {output}", f"next: evonas profile TARGET --device {output}"]


def calibration_dict(found: Calibration, output: Path) -> dict[str, Any]:
    """Returns a calibration as JSON values."""
    return dataclasses.asdict(found) | {"output": str(output)}


def _percent(share: float) -> str:
    return format_quantity(share, "share")
