"""Search spaces: genomes to network descriptions and back, one file per space."""

from __future__ import annotations

from typing import Any

from evonas.registry import Registry

SPACES = Registry(
    "search space",
    "evonas.spaces",
    {
        "metakernel": "evonas.spaces.metakernel:MetaKernelSpace",
        "rnn": "evonas.spaces.rnn:RNNSpace",
        "tcn": "evonas.spaces.tcn:TCNSpace",
    },
)

_PUBLIC = {"MetaKernelSpace": "metakernel", "RNNSpace": "rnn", "TCNSpace": "tcn"}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return SPACES.get(_PUBLIC[name])
    if name == "MixedSpace":
        from evonas.spaces.mixed import MixedSpace

        return MixedSpace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
