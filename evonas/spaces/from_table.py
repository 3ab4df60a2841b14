"""From a config's [space] table to its space, be it of one kind or of several."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from evonas.config import SpaceTable
from evonas.errors import ConfigError, SpecError, unknown_name
from evonas.spaces import SPACES
from evonas.spaces.mixed import MixedSpace, family
from evonas.spaces.space import AbstractSpace


def space_from_table(
    table: SpaceTable, input_shape: tuple[int, ...], num_outputs: int
) -> AbstractSpace:
    """Returns the space that a config describes, for a task's input and outputs.

    Where `kind` is one name its keys stand in [space] itself, where it is a list in [space.NAME].
    A list of one name is that space alone.

    Raises:
        ConfigError: A name or a key is unknown, stands in the wrong table, or a value is not what
            its key takes, such as a seed network that is none of the space.
    """
    kinds, settings = table.kind, table.settings
    if isinstance(kinds, str):
        _refuse_own_tables(kinds, settings)
        try:
            space: AbstractSpace = SPACES.get(kinds).from_settings(
                settings, input_shape, num_outputs
            )
        except SpecError as error:
            raise ConfigError(f"[space] {error}") from None
        return space
    for name in kinds:
        SPACES.get(name)
    for key, value in settings.items():
        if key not in kinds:
            raise ConfigError(_misplaced(key, value, kinds))
        if not isinstance(value, Mapping):
            raise ConfigError(f"[space] {key}: expected a table, [space.{key}], got {value!r}.")
    own = {name: settings.get(name, {}) for name in kinds}
    if len(kinds) == 1:
        return family(kinds[0], own[kinds[0]], input_shape, num_outputs)
    return MixedSpace.from_settings(own, input_shape, num_outputs)


def _refuse_own_tables(kind: str, settings: Mapping[str, Any]) -> None:
    """Raises ConfigError for [space.NAME] beside a kind that is one name."""
    for key, value in settings.items():
        if key in SPACES and isinstance(value, Mapping):
            kinds = ", ".join(f'"{name}"' for name in dict.fromkeys((kind, key)))
            raise ConfigError(
                f"[space.{key}]: where kind is one name its keys stand in [space] itself; or write "
                f"kind = [{kinds}]."
            )


def _misplaced(key: str, value: object, kinds: Sequence[str]) -> str:
    """Returns what is wrong with a key beside a list of kinds."""
    if key in SPACES:
        return f"[space.{key}]: kind does not name {key!r}; it names {', '.join(kinds)}."
    if isinstance(value, Mapping) and difflib.get_close_matches(key, kinds, n=1):
        return f"[space.{key}]: {unknown_name('kind', key, kinds)}"
    fields = {name: SPACES.get(name).Settings.model_fields for name in kinds}
    takers = [f"[space.{name}]" for name, known in fields.items() if key in known]
    if takers:
        return (
            f"[space] {key}: where kind names several spaces, each has its keys in a table of its "
            f"own: {' or '.join(takers)}."
        )
    every = [known for names in fields.values() for known in names]
    near = difflib.get_close_matches(key, [*kinds, *every], n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    tables = " and ".join(f"[space.{name}]" for name in kinds)
    return f"[space] unknown key {key!r}.{hint} Each kind has a table of its own: {tables}."
