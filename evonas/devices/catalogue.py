"""The catalogue of devices, and the reading of a device's file.

A device is one TOML file: figures in SI units, for each a source, and for each kernel library that
runs on it one table which says by which model a latency is computed. This is a whole file:

    name = "myboard"                    # as in configs; a file of the catalogue is named so
    title = "STM32L4R5ZI on Nucleo-L4R5ZI"
    core = "Cortex-M4"
    clock_hz = 120_000_000
    ram_bytes = 655_360                 # all of it
    largest_ram_block_bytes = 655_360   # the longest stretch without a gap: what bounds an arena
    flash_bytes = 2_097_152             # left out where none is inside; its source then says so
    power_w = 0.0462                    # while running; optional

    [sources]                           # one entry for each figure above
    clock_hz = "datasheet DS12023"
    ram_bytes = "datasheet DS12023"
    largest_ram_block_bytes = "reference manual RM0432, memory map"
    flash_bytes = "datasheet DS12023"
    power_w = "MLPerf Tiny v1.0, energy / latency"
    memory = "reference manual RM0432"  # where there are memory tiers

    [[memory]]                          # optional, where tiers matter: fastest first
    name = "L1"
    bytes = 65_536

    [kernels.cmsis_nn]                  # one table for each kernel library
    model = "instructions"
    cycles_per_instruction = 1.62
    overhead_cycles = 500               # of the runtime, each operator
    source = "where these figures come from"
    validation = "how the latency was validated, in a sentence"
    calibrated_on = "microTVM + CMSIS-NN, MLPerf Tiny v1.0 (4 networks)"
    error_median = 0.04                 # shares, on rows left out of the fit
    error_p95 = 0.09

Models and their figures (evonas.devices.kernels):

    instructions     cycles_per_instruction; core must be one of Cortex-M3, M4, M7, M33, M55;
                     weight_cycles_per_byte, weight_cache_bytes: waits for weights in flash (or 0)
    cycles_per_mac   conv, dense, depthwise; cycles_per_instruction of operators without any
    gap8             cycles_per_instruction of operators that the published formula does not know
    roofline         macs_per_cycle, bytes_per_cycle

calibrated_on, error_median and error_p95 come together or not at all; without them, validation
starts with the word "uncalibrated". Libraries' names are those that a runtime asks for:
evonas.cost.runtimes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evonas.devices.check import check_figure, check_keys, check_table, check_text, unknown_key
from evonas.devices.kernels import INSTRUCTION_CORES, KERNEL_MODELS, KernelModel
from evonas.errors import ConfigError, unknown_name

FOLDER = Path(__file__).parent
UNCALIBRATED = "uncalibrated"


@dataclass(frozen=True)
class MemoryTier:
    """A memory that is faster or slower than its neighbours.

    Attributes:
        name: Its name, such as "L1".
        bytes: What a network can use of it.
    """

    name: str
    bytes: int


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
        sources: For every figure where it comes from.
        kernels: Kernel library -> the latency model that holds for it on this device.
        flash_bytes: Its flash; None where none is inside and a board decides.
        power_w: Power while running; None where none is stated.
        memory: Memory tiers, fastest first; empty where they do not matter.
    """

    name: str
    title: str
    core: str
    clock_hz: int
    ram_bytes: int
    largest_ram_block_bytes: int
    sources: Mapping[str, str]
    kernels: Mapping[str, KernelModel]
    flash_bytes: int | None = None
    power_w: float | None = None
    memory: tuple[MemoryTier, ...] = ()

    @property
    def instruction_core(self) -> str:
        """The core of CMSIS-NN's instruction models; "m4" stands in for a core without any."""
        return INSTRUCTION_CORES.get(self.core, "m4")


FIGURES = ("clock_hz", "ram_bytes", "largest_ram_block_bytes", "flash_bytes", "power_w")
"""The fields that are numbers; each needs an entry in the table of sources."""

MAY_MISS = ("power_w",)
"""Figures that need no source while they are absent; an absent flash_bytes does."""


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
    return parse_device(data, str(path))


def parse_device(data: dict[str, Any], where: str) -> Device:
    """Returns the device that the content of a file describes.

    Args:
        data: The content, as tomllib gives it.
        where: The file, for messages.

    Raises:
        ConfigError: A key is unknown or missing, or a value is not what its key takes.
    """
    check_keys(Device, data, where)
    for key in FIGURES:
        if key in data:
            check_figure(key, data[key], where)
    for key in ("name", "title", "core"):
        check_text(key, data[key], where)
    if data["largest_ram_block_bytes"] > data["ram_bytes"]:
        raise ConfigError(f"{where}: largest_ram_block_bytes exceeds ram_bytes.")
    kernels = {
        library: _kernels(library, entry, data["core"], where)
        for library, entry in check_table("kernels", data["kernels"], where).items()
    }
    if not kernels:
        raise ConfigError(f"{where}: [kernels] needs at least one kernel library.")
    parsed = {
        "sources": MappingProxyType(_sources(data, where)),
        "kernels": MappingProxyType(kernels),
        "memory": _memory(data.get("memory", []), where),
    }
    return Device(**{**data, **parsed})


def _sources(data: Mapping[str, Any], where: str) -> dict[str, str]:
    sources = check_table("sources", data["sources"], where)
    for key, source in sources.items():
        if key not in (*FIGURES, "memory"):
            raise ConfigError(f"{where}: [sources] {unknown_key(key, FIGURES)}")
        check_text(f"sources.{key}", source, where)
    needed = [key for key in FIGURES if key in data or key not in MAY_MISS]
    for key in [*needed, "memory"] if "memory" in data else needed:
        if key not in sources:
            raise ConfigError(f"{where}: [sources] misses {key!r}; say where its value comes from.")
    return sources


def _memory(tiers: Any, where: str) -> tuple[MemoryTier, ...]:
    if not isinstance(tiers, list):
        raise ConfigError(f"{where}: memory must be a list of tables, got {tiers!r}.")
    for tier in tiers:
        place = f"{where}: [[memory]]"
        check_keys(MemoryTier, check_table("memory", tier, where), place)
        check_text("name", tier["name"], place)
        check_figure("bytes", tier["bytes"], place)
    return tuple(MemoryTier(**tier) for tier in tiers)


def _kernels(library: str, entry: Any, core: str, where: str) -> KernelModel:
    table = dict(check_table(f"kernels.{library}", entry, where))
    where = f"{where}: [kernels.{library}]"
    if "model" not in table:
        raise ConfigError(f"{where}: missing key 'model'; one of {', '.join(KERNEL_MODELS)}.")
    name = table.pop("model")
    if name not in KERNEL_MODELS:
        raise ConfigError(f"{where}: {unknown_name('model', name, KERNEL_MODELS)}")
    model = KERNEL_MODELS[name]
    check_keys(model, table, where)
    for key in (*model.figures, "error_median", "error_p95"):
        if key in table:
            check_figure(key, table[key], where)
    for key in ("overhead_cycles", "weight_cycles_per_byte", "weight_cache_bytes"):
        if key in table:
            check_figure(key, table[key], where, zero=True)
    for key in ("source", "validation", "calibrated_on"):
        if key in table:
            check_text(key, table[key], where)
    if name == "instructions" and core not in INSTRUCTION_CORES:
        raise ConfigError(
            f"{where}: no instruction model of core {core!r}; known: "
            f"{', '.join(INSTRUCTION_CORES)}. State cycles_per_mac instead."
        )
    _check_validation(table, where)
    return model(**table)


def _check_validation(table: Mapping[str, Any], where: str) -> None:
    """Raises ConfigError where neither an error nor the word "uncalibrated" is stated."""
    stated = [key in table for key in ("calibrated_on", "error_median", "error_p95")]
    if any(stated) and not all(stated):
        raise ConfigError(
            f"{where}: calibrated_on, error_median and error_p95 come together or not at all."
        )
    if not any(stated) and not table["validation"].startswith(UNCALIBRATED):
        raise ConfigError(
            f"{where}: state calibrated_on, error_median and error_p95, or start validation with "
            f"{UNCALIBRATED!r}."
        )
