"""Tables of claims for people and for programs. Part of bench_claims.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evonas.analysis.intervals import median_interval

UNKNOWN = "not measured"


class Section(NamedTuple):
    """One table or remark.

    Attributes:
        title: What it shows.
        lines: Markdown.
        data: The same as JSON values.
    """

    title: str
    lines: list[str]
    data: Any


def number(value: float | None, form: str = "{:.2f}") -> str:
    """Returns a number, or that it is not measured."""
    return UNKNOWN if value is None or not math.isfinite(value) else form.format(value)


def times(value: float | None) -> str:
    """Returns how many times less something is, such as "15.9×"."""
    return number(value, "{:.3g}×" if value is not None and value < 1000 else "{:.0f}×")


def points(value: float | None, point: float = 0.01) -> str:
    """Returns a difference of errors in points with its sign."""
    return UNKNOWN if value is None else number(value / point, "{:+.2f}")


def middle(values: Sequence[float | None]) -> float | None:
    """Returns the median of what is known; None where nothing is."""
    known = known_of(values)
    return float(np.median(known)) if known else None


def mean(values: Sequence[float | None]) -> float | None:
    """Returns the mean of what is known; None where nothing is."""
    known = known_of(values)
    return float(np.mean(known)) if known else None


def known_of(values: Sequence[float | None]) -> list[float]:
    """Returns the values that are known."""
    return [float(v) for v in values if v is not None and math.isfinite(v)]


def interval(values: Sequence[float | None], form: str = "{:.3f}") -> str:
    """Returns the median of what is known with its bootstrap interval."""
    found = median_interval(known_of(values))
    if not found.n:
        return UNKNOWN
    middle_text, low, high = (form.format(v) for v in (found.median, found.low, found.high))
    return middle_text if found.n == 1 else f"{middle_text} [{low}, {high}]"
