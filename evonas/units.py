"""Quantities with units: read from configs, written for people. SI inside, always."""

from __future__ import annotations

import math
import re

from evonas.errors import ConfigError

BYTES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
BYTES |= {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
JOULES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "µJ": 1e-6, "nJ": 1e-9}
COUNTS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3}
SHARES = {"": 1.0, "%": 0.01}

UNITS: dict[str, dict[str, float]] = {
    "byte": dict(BYTES),
    "second": dict(SECONDS),
    "joule": dict(JOULES),
    "count": dict(COUNTS),
    "share": dict(SHARES),
    "target": {"": 1.0},
}
"""Dimension -> the units that a string may carry and what one of each is in SI."""

_QUANTITY = re.compile(r"\s*([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\s\d]*)\s*$")


def parse_quantity(value: object, dimension: str) -> float:
    """Returns a quantity in SI units: a bare number as it is, a string by its unit.

    Args:
        value: A number, or a string such as "64 kB" or "5 ms".
        dimension: A key of ``UNITS``.

    Raises:
        ConfigError: The value is neither or not finite, or its unit is none of the dimension's.
    """
    units = UNITS[dimension]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    if match and match[2] in units:
        return float(match[1].replace("_", "")) * units[match[2]]
    if match and match[2] == "":
        return float(match[1].replace("_", ""))
    known = ", ".join(unit for unit in units if unit) or "no unit"
    raise ConfigError(
        f"Expected {_WORDS[dimension]}, a number or a string ({known}); got {value!r}."
    )


_WORDS = {
    "byte": "a size in bytes",
    "second": "a duration in seconds",
    "joule": "an energy in joules",
    "count": "a count",
    "share": "a share",
    "target": "a number in the target's unit",
}


def _scaled(value: float, steps: list[tuple[float, str]]) -> str:
    factor, unit = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    shown = value / factor
    digits = 0 if abs(shown) >= 100 else 1 if abs(shown) >= 10 else 2
    return f"{shown:.{digits}f} {unit}"


def format_quantity(value: float, dimension: str) -> str:
    """Returns a quantity as a person reads it: three digits or so and a fitting unit."""
    if value != value:
        return "-"
    if dimension == "byte":
        return (
            f"{value:.0f} B"
            if abs(value) < 1000
            else _scaled(value, [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")])
        )
    if dimension == "second":
        return _scaled(value, [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")])
    if dimension == "joule":
        return _scaled(value, [(1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ")])
    if dimension == "share":
        return f"{100 * value:.1f} %"
    if dimension == "count":
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4g}"


def format_duration(seconds: float) -> str:
    """Returns a duration as people say it: "42 s", "1 min 42 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
