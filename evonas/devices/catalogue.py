"""The catalogue of devices, and the reading of a device's file."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evonas.errors import ConfigError, unknown_name

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class KernelCycles:
    """Cycles per multiply-accumulate of one kernel library on one device.

    Attributes:
        conv: Of convolutions that are not depthwise.
        dense: Of fully connected layers.
        depthwise: Of depthwise convolutions.
        source: Where the figures come from.
    """

    conv: float
    dense: float
    depthwise: float
    source: str


@dataclass(frozen=True)
class Device:
    """A microcontroller as its file describes it.

    Attributes:
        name: Its name in configs.
        title: The part and the board that was measured.
        core: Processor core.
        clock_hz: Clock.
        ram_bytes: All of its RAM.
        largest_ram_block_bytes: The longest stretch without a gap, which bounds an arena.
        flash_bytes: Its flash.
        cycles_per_instruction: For operators that are modelled by their instructions.
        validation: How its latency was validated; "uncalibrated" where it was not.
        sources: For every figure where it comes from.
        kernels: Kernel library -> its cycles per multiply-accumulate.
        power_w: Power while running; None where none is stated.
    """

    name: str
    title: str
    core: str
    clock_hz: int
    ram_bytes: int
    largest_ram_block_bytes: int
    flash_bytes: int
    cycles_per_instruction: float
    validation: str
    sources: Mapping[str, str]
    kernels: Mapping[str, KernelCycles]
    power_w: float | None = None


FIGURES = (
    "clock_hz",
    "ram_bytes",
    "largest_ram_block_bytes",
    "flash_bytes",
    "cycles_per_instruction",
    "power_w",
)
"""The fields that are numbers; each needs an entry in the table of sources."""


def device_names() -> tuple[str, ...]:
    """Returns the names of all devices of the catalogue, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load_device(name_or_path: str | Path) -> Device:
    """Returns a device of the catalogue, or one that a TOML file describes.

    Args:
        name_or_path: A name, or the path of a file that ends in .toml.

    Raises:
        ConfigError: The name is unknown, or the file is missing or wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in device_names():
            raise ConfigError(unknown_name("device", str(name_or_path), device_names()))
        path = FOLDER / f"{name_or_path}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}.") from None
    return _device(data, str(path))


def _device(data: dict[str, Any], where: str) -> Device:
    _check_keys(Device, data, where)
    figures = [key for key in FIGURES if key in data]
    for key in figures:
        _check_figure(key, data[key], where)
    for key in ("name", "title", "core", "validation"):
        _check_text(key, data[key], where)
    sources = _table("sources", data["sources"], where)
    for key in figures:
        if key not in sources:
            raise ConfigError(f"{where}: [sources] misses {key!r}; say where its value comes from.")
    for key, source in sources.items():
        if key not in FIGURES:
            raise ConfigError(f"{where}: [sources] {_unknown_key(key, FIGURES)}")
        _check_text(f"sources.{key}", source, where)
    if data["largest_ram_block_bytes"] > data["ram_bytes"]:
        raise ConfigError(f"{where}: largest_ram_block_bytes exceeds ram_bytes.")
    kernels = {
        library: _kernels(entry, f"{where}: [kernels.{library}]")
        for library, entry in _table("kernels", data["kernels"], where).items()
    }
    if not kernels:
        raise ConfigError(f"{where}: [kernels] needs at least one kernel library.")
    frozen = {"sources": MappingProxyType(sources), "kernels": MappingProxyType(kernels)}
    return Device(**{**data, **frozen})


def _kernels(entry: Any, where: str) -> KernelCycles:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} must be a table, got {entry!r}.")
    _check_keys(KernelCycles, entry, where)
    for key in ("conv", "dense", "depthwise"):
        _check_figure(key, entry[key], where)
    _check_text("source", entry["source"], where)
    return KernelCycles(**entry)


def _table(key: str, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {key} must be a table, got {value!r}.")
    return value


def _check_keys(record: type[Any], data: Mapping[str, Any], where: str) -> None:
    fields = {field.name: field for field in dataclasses.fields(record)}
    for key in data:
        if key not in fields:
            raise ConfigError(f"{where}: {_unknown_key(key, fields)}")
    for key, field in fields.items():
        if key not in data and field.default is dataclasses.MISSING:
            raise ConfigError(f"{where}: missing key {key!r}.")


def _unknown_key(key: str, known: Any) -> str:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
    return f"unknown key {key!r}. {hint}"


def _check_figure(key: str, value: Any, where: str) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:
        raise ConfigError(f"{where}: {key} must be a positive number, got {value!r}.")
    if key.endswith("_bytes") and not isinstance(value, int):
        raise ConfigError(f"{where}: {key} must be a whole number of bytes, got {value!r}.")


def _check_text(key: str, value: Any, where: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {key} must be a text, got {value!r}.")
