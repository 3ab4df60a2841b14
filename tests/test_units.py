"""Quantities with units."""

from __future__ import annotations

import pytest

from evonas.errors import ConfigError
from evonas.units import format_duration, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("value", "dimension", "expected"),
    [
        ("64 kB", "byte", 64000),
        ("64 KiB", "byte", 65536),
        ("5 ms", "second", 0.005),
        ("10min", "second", 600),
        ("3.5 µJ", "joule", 3.5e-6),
        ("4 %", "share", 0.04),
        ("12 k", "count", 12000),
        ("1e3", "byte", 1000),
        (250, "byte", 250),
        ("-2", "target", -2),
    ],
)
def test_a_quantity_is_read_in_si_units(value, dimension, expected):
    assert parse_quantity(value, dimension) == pytest.approx(expected)


@pytest.mark.parametrize(
    "value", ["5 kg", "kB", "", None, True, [3], "3 4 kB", float("nan"), float("inf")]
)
def test_what_is_no_quantity_is_refused(value):
    with pytest.raises(ConfigError, match="Expected a size in bytes"):
        parse_quantity(value, "byte")


@pytest.mark.parametrize(
    ("value", "dimension", "expected"),
    [
        (3411, "byte", "3.41 kB"),
        (812, "byte", "812 B"),
        (0.00184, "second", "1.84 ms"),
        (6.1e-5, "second", "61.0 µs"),
        (0.0, "second", "0.00 µs"),
        (0.021, "share", "2.1 %"),
        (14989, "count", "14 989"),
        (14.25, "target", "14.25"),
        (float("nan"), "share", "-"),
    ],
)
def test_a_quantity_is_written_for_people(value, dimension, expected):
    assert format_quantity(value, dimension) == expected


def test_durations_are_written_as_people_say_them():
    assert format_duration(4.26) == "4.3 s"
    assert format_duration(102) == "1 min 42 s"
    assert format_duration(7500) == "2 h 05 min"
