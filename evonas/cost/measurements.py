"""Measured latencies of one's own board: the csv format, its template and its reader.

A row is one layer, measured alone, or one whole network. Its time is that of a whole call (of
TFLite Micro: `interpreter.Invoke()`), so that what the runtime does around each operator is in it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evonas.arch.builder import SpecBuilder, same_padding
from evonas.arch.ops import Pool, Shape
from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, EvonasError, unknown_name
from evonas.units import parse_quantity

COLUMNS = (
    "layer",
    "network",
    "height",
    "width",
    "in_channels",
    "out_channels",
    "kernel",
    "stride",
    "dilation",
    "padding",
    "latency",
    "cycles",
)
NETWORK = "network"
"""What a whole network has in column layer."""

TEMPLATE = """\
# Timings of your board, for: evonas devices calibrate FILE --base DEVICE -o mine.toml
# One row a layer that was timed alone, or a whole network. Lines that start with # are skipped.
#   layer         conv, depthwise, dense, average_pool, max_pool, add or network
#   network       of a network's row: a reference (evonas list references) or a spec.json
#   height,width  of the input; height 1 or nothing for a 1-D signal
#   kernel, stride, dilation
#                 HEIGHTxWIDTH, such as 1x5, or one number for both (for the width where height is
#                 1); stride and dilation may stay empty for 1
#   padding       of conv and depthwise: same (default) or valid; pools are valid
#   latency       with its unit: 1.23 ms, 850 us, 0.5 s; a bare number is seconds
#   cycles        instead of latency, if you count cycles
# Time whole calls (of TFLite Micro: Invoke() of a model with this one layer), int8, a mean of many.
# At least 6 rows; vary channels, kernels and lengths as your networks do.
layer,network,height,width,in_channels,out_channels,kernel,stride,dilation,padding,latency,cycles
conv,,1,128,8,16,1x5,1x1,1x1,same,2.31 ms,
conv,,32,32,3,16,3x3,2x2,,same,3.7 ms,
conv,,25,5,64,64,1x1,,,valid,,2080000
depthwise,,25,5,64,64,3x3,,,same,5.9 ms,
dense,,,,256,64,,,,,0.55 ms,
max_pool,,1,128,16,,1x2,1x2,,valid,310 us,
add,,1,128,16,,,,,,1.4 ms,
network,ds_cnn,,,,,,,,,99.8 ms,
"""


@dataclass(frozen=True)
class Measurement:
    """One row.

    Attributes:
        label: What was measured, for people.
        spec: It as a network.
        latency_s: Measured seconds; None where cycles were.
        cycles: Measured cycles; None where seconds were.
    """

    label: str
    spec: ArchSpec
    latency_s: float | None
    cycles: float | None

    def cycles_at(self, clock_hz: float) -> float:
        """Returns the measured cycles, by the clock where seconds were measured."""
        return self.cycles or (self.latency_s or 0.0) * clock_hz


def read_measurements(path: Path, network: Callable[[str], ArchSpec]) -> list[Measurement]:
    """Returns the rows of a csv file.

    Args:
        path: The file; its format is described in TEMPLATE.
        network: The network that the column of this name stands for.

    Raises:
        ConfigError: The file cannot be read, or a row is not what the format says.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise ConfigError(f"{path}: cannot be read: {reason}.") from None
    numbered = list(enumerate(text.splitlines(), start=1))
    kept = [(n, line) for n, line in numbered if line.strip(" ,") and not line.startswith("#")]
    if not kept:
        raise ConfigError(f"{path}: there are no rows; --template writes an example.")
    header, *rows = list(csv.reader(line for _, line in kept))
    names = [name.strip() for name in header]
    _check_header(path, names)
    found = []
    for (number, _), cells in zip(kept[1:], rows, strict=True):
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        try:
            found.append(_measurement(row, network))
        except (EvonasError, ValueError) as error:
            raise ConfigError(f"{path} line {number}: {error}") from None
    return found


def _check_header(path: Path, names: list[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            raise ConfigError(f"{path}: {unknown_name('column', name, COLUMNS)}")
    missing = ["'layer'"] if "layer" not in names else []
    if not {"latency", "cycles"} & set(names):
        missing.append("'latency' or 'cycles'")
    if missing:
        raise ConfigError(
            f"{path}: missing column {' and '.join(missing)}; --template writes an example."
        )


def _measurement(row: dict[str, str], network: Callable[[str], ArchSpec]) -> Measurement:
    kind = row["layer"]
    if kind not in LAYERS and kind != NETWORK:
        raise ConfigError(unknown_name("layer", kind, (*LAYERS, NETWORK)))
    latency_s, cycles = _time(row)
    if kind == NETWORK:
        if not row.get("network"):
            raise ConfigError("a row of a network needs its name in column 'network'.")
        return Measurement(row["network"], network(row["network"]), latency_s, cycles)
    b = SpecBuilder()
    spec = b.finish(LAYERS[kind](b, row))
    parts = [kind, *(row.get(key, "") for key in COLUMNS[2:9])]
    return Measurement(" ".join(part for part in parts if part), spec, latency_s, cycles)


def _time(row: dict[str, str]) -> tuple[float | None, float | None]:
    latency, cycles = row.get("latency", ""), row.get("cycles", "")
    if bool(latency) == bool(cycles):
        raise ConfigError("expected either latency or cycles.")
    value = parse_quantity(latency, "second") if latency else parse_quantity(cycles, "count")
    if not 0 < value < float("inf"):
        raise ConfigError(f"expected a positive time, got {latency or cycles!r}.")
    return (value, None) if latency else (None, value)


def _whole(row: dict[str, str], key: str, default: int | None = None) -> int:
    text = row.get(key, "")
    if not text and default is not None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{key}: expected a whole number, got {text!r}.")
    return int(text)


def _pair(row: dict[str, str], key: str, default: str = "") -> tuple[int, int]:
    text = row.get(key, "") or default
    match = re.fullmatch(r"(\d+)(?:\s*[xX×]\s*(\d+))?", text)
    if not match:
        raise ConfigError(f"{key}: expected HEIGHTxWIDTH such as 1x5, got {text!r}.")
    first = int(match[1])
    if match[2] is not None:
        return first, int(match[2])
    return (1 if _whole(row, "height", 1) == 1 else first), first


def _shape(row: dict[str, str]) -> Shape:
    return (_whole(row, "in_channels"), _whole(row, "height", 1), _whole(row, "width"))


def _pads(row: dict[str, str], shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    padding = row.get("padding", "") or "same"
    if padding not in ("same", "valid"):
        raise ConfigError(unknown_name("padding", padding, ("same", "valid")))
    if padding == "valid":
        return ((0, 0), (0, 0))
    axes = zip(
        shape[1:], _pair(row, "kernel"), _pair(row, "stride", "1"), _pair(row, "dilation", "1"),
        strict=True,
    )  # fmt: skip
    top, left = (same_padding(*axis) for axis in axes)
    return (top, left)


def _conv(b: SpecBuilder, row: dict[str, str]) -> int:
    return _convolution(b, row, 1)


def _depthwise(b: SpecBuilder, row: dict[str, str]) -> int:
    return _convolution(b, row, _whole(row, "in_channels"))


def _convolution(b: SpecBuilder, row: dict[str, str], groups: int) -> int:
    shape = _shape(row)
    out_channels = _whole(row, "out_channels", shape[0] if groups > 1 else None)
    return b.conv2d(
        b.input(shape),
        out_channels,
        _pair(row, "kernel"),
        _pair(row, "stride", "1"),
        _pads(row, shape),
        _pair(row, "dilation", "1"),
        groups,
    )


def _dense(b: SpecBuilder, row: dict[str, str]) -> int:
    return b.dense(b.input((_whole(row, "in_channels"),)), _whole(row, "out_channels"))


def _pool(kind: str) -> Callable[[SpecBuilder, dict[str, str]], int]:
    def build(b: SpecBuilder, row: dict[str, str]) -> int:
        kernel = _pair(row, "kernel")
        stride = _pair(row, "stride") if row.get("stride") else kernel
        return b.add_op(Pool(kind, kernel, stride), b.input(_shape(row)))

    return build


def _add(b: SpecBuilder, row: dict[str, str]) -> int:
    x = b.input(_shape(row))
    return b.add(x, x)


LAYERS: dict[str, Callable[[SpecBuilder, dict[str, str]], int]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "average_pool": _pool("average"),
    "max_pool": _pool("max"),
    "add": _add,
}
"""How a row's layer is built."""
