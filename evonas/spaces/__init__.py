"""Search spaces: genomes to network descriptions and back, one file per space."""

from __future__ import annotations

from typing import Any

from evonas.registry import Registry

SPACES = Registry("search space", "evonas.spaces", {"tcn": "evonas.spaces.tcn:TCNSpace"})

_PUBLIC = {"TCNSpace": "tcn"}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return SPACES.get(_PUBLIC[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
