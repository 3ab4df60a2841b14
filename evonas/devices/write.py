"""A device as the text of its file: what load_device reads back as the same device."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from evonas.devices.catalogue import FIGURES, Device
from evonas.devices.kernels import KernelModel


def device_toml(device: Device, comments: tuple[str, ...] = ()) -> str:
    """Returns the text of a device's file.

    Args:
        device: What is written.
        comments: Lines at the head of the file, without the "#".
    """
    lines = [f"# {comment}" for comment in comments]
    lines += [_entry(key, getattr(device, key)) for key in ("name", "title", "core")]
    figures = {key: getattr(device, key) for key in FIGURES}
    lines += [_entry(key, value) for key, value in figures.items() if value is not None]
    lines += ["", "[sources]"]
    lines += [_entry(key, text) for key, text in device.sources.items()]
    for tier in device.memory:
        lines += ["", "[[memory]]", *_entries(dataclasses.asdict(tier))]
    for library, kernels in device.kernels.items():
        lines += ["", f"[kernels.{library}]", *_kernels(kernels)]
    return "\n".join(lines) + "\n"


def _kernels(kernels: KernelModel) -> list[str]:
    table = dataclasses.asdict(kernels)
    first = [*kernels.figures, "overhead_cycles"]
    ordered = {"model": kernels.model} | {key: table.pop(key) for key in first} | table
    return _entries(ordered)


def _entries(table: dict[str, Any]) -> list[str]:
    return [_entry(key, value) for key, value in table.items() if value is not None]


def _entry(key: str, value: Any) -> str:
    # a JSON string is a basic string of TOML, a JSON number one of its numbers
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
