"""Registries: a literal table of names, each loaded when it is looked up."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from evonas.errors import ConfigError, unknown_name


class Registry:
    """Names that stand for objects elsewhere, imported at look-up.

    Packages outside evonas join by an entry point in the registry's group, such as
    ``evonas.spaces``; a name of evonas' own wins over one from outside.

    Args:
        kind: What one entry is, for messages: "search space".
        group: Entry-point group.
        table: name -> "module:attribute".
    """

    def __init__(self, kind: str, group: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._table = dict(table)

    def names(self) -> tuple[str, ...]:
        """Returns all known names, sorted; imports none of them."""
        outside = (entry.name for entry in metadata.entry_points(group=self.group))
        return tuple(sorted({*self._table, *outside}))

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> Any:
        """Returns the object behind a name.

        Raises:
            ConfigError: The name is unknown.
        """
        if name in self._table:
            module, _, attribute = self._table[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        for entry in metadata.entry_points(group=self.group, name=name):
            return entry.load()
        raise ConfigError(unknown_name(self.kind, name, self.names()))
