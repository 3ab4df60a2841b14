"""Checks of a device's file: each error is one line that names the file and the key."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from evonas.errors import ConfigError


def check_table(key: str, value: Any, where: str) -> dict[str, Any]:
    """Returns a value that must be a table."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {key} must be a table, got {value!r}.")
    return value


def check_keys(record: type[Any], data: Mapping[str, Any], where: str) -> None:
    """Raises ConfigError where a table's keys are not those of a dataclass."""
    fields = {field.name: field for field in dataclasses.fields(record)}
    for key in data:
        if key not in fields:
            raise ConfigError(f"{where}: {unknown_key(key, fields)}")
    for key, field in fields.items():
        if key not in data and field.default is dataclasses.MISSING:
            raise ConfigError(f"{where}: missing key {key!r}.")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Returns the sentence for a key that is not known."""
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."
    return f"unknown key {key!r}. {hint}"


def check_figure(key: str, value: Any, where: str, zero: bool = False) -> None:
    """Raises ConfigError where a value is no positive number, or no whole number of bytes."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "a number not below 0" if zero else "a positive number"
        raise ConfigError(f"{where}: {key} must be {least}, got {value!r}.")
    if key.endswith("bytes") and not isinstance(value, int):
        raise ConfigError(f"{where}: {key} must be a whole number of bytes, got {value!r}.")


def check_text(key: str, value: Any, where: str) -> None:
    """Raises ConfigError where a value is no text or an empty one."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {key} must be a text, got {value!r}.")
