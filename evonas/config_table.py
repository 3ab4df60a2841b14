"""Tables of TOML configs: what one is, its quantities, overrides, errors that say what to do."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from evonas.errors import ConfigError
from evonas.units import parse_quantity


class Table(BaseModel):
    """A table of a config: immutable, and every unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenTable(Table):
    """A table whose further keys belong to the plug-in that it names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that are not common to all tables of this kind."""
        return dict(self.model_extra or {})


T = TypeVar("T", bound=Table)


def _quantity(dimension: str) -> BeforeValidator:
    def parse(value: object) -> float:
        try:
            return parse_quantity(value, dimension)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(parse)


Bytes = Annotated[float, _quantity("byte"), Field(ge=0)]
Seconds = Annotated[float, _quantity("second"), Field(gt=0)]


def read_toml(path: str | Path) -> dict[str, Any]:
    """Returns the tables of a TOML file.

    Raises:
        ConfigError: The file is missing or no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}.") from None


def validate_table(model: type[T], data: Mapping[str, Any], where: str) -> T:
    """Returns data as a table, or raises the first thing wrong with it as one line.

    Args:
        model: The table's class.
        data: Its keys and values.
        where: What to name in messages: a file, or a file and a table, such as "a.toml: [task]".

    Raises:
        ConfigError: A key is unknown or missing, or a value is not what the key takes.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        sign = "" if where.endswith("]") else ":"
        raise ConfigError(f"{where}{sign} {_message(model, data, error, not sign)}") from None


def _message(
    model: type[Table], data: Mapping[str, Any], error: ValidationError, is_inner: bool
) -> str:
    """Returns the most specific of pydantic's errors as "[table] key: what is wrong"."""
    first = max(error.errors(), key=lambda item: len(item["loc"]))
    *tables, key = _keys(first["loc"], data, first["type"] == "missing") or [""]
    depth = 0 if is_inner else 1
    prefix = f"[{'.'.join(tables)}] " if tables and not is_inner else ""
    path = key if tables and not is_inner else ".".join([*tables, key])
    if first["type"] == "extra_forbidden":
        fields = _fields(model, tables)
        near = difflib.get_close_matches(key, fields, n=1, cutoff=0.6)
        known = f" Known: {', '.join(fields)}." if fields else ""
        hint = f" Did you mean {near[0]!r}?" if near else known
        return f"{prefix}unknown key {path!r}.{hint}"
    if first["type"] == "missing":
        return f"{prefix}missing key {path!r}."
    text = first["msg"].removeprefix("Value error, ").rstrip(".")
    text = text[:1].lower() + text[1:]
    shown = isinstance(first["input"], Mapping) or "; got " in text
    came = "" if shown else f", got {first['input']!r}"
    place = f"[{path}] " if depth and not tables else f"{prefix}{path}: "
    return f"{place if path else ''}{text}{came}."


def _keys(location: Sequence[str | int], data: Any, is_missing: bool) -> list[str]:
    """Returns pydantic's location of an error in data without the branches of unions."""
    keys = []
    for i, part in enumerate(location):
        is_last = i == len(location) - 1
        if isinstance(data, Mapping) and part in data:
            data = data[str(part)]
        elif isinstance(data, (list, tuple)) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        elif not (is_missing and is_last):
            continue
        keys.append(str(part))
    return keys


def _fields(model: type[Table], tables: Sequence[str]) -> list[str]:
    for table in tables:
        if table.isdigit():  # a place in an array of tables
            continue
        field = model.model_fields.get(table)
        found = field.annotation if field else None
        branches = (found, *get_args(found))  # of a union, such as a name or a table
        inner = [t for t in branches if isinstance(t, type) and issubclass(t, Table)]
        if not inner:
            return []
        model = inner[0]
    return sorted(model.model_fields)


def apply_override(data: dict[str, Any], override: str) -> None:
    """Sets the key that an override names in a config's tables.

    Raises:
        ConfigError: It is no override, or names what is no table.
    """
    keys, value = parse_override(override)
    table = data
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set: {override!r}: {key!r} is not a table.")
    if keys[:-1] == ["search", "budget"]:
        table.clear()
    table[keys[-1]] = value


def parse_override(override: str) -> tuple[list[str], Any]:
    """Returns the keys and the value of an override such as "search.pop_size=40".

    Raises:
        ConfigError: It is none.
    """
    path, sign, text = override.partition("=")
    keys = path.strip().split(".")
    if not sign or not all(keys):
        raise ConfigError(f"--set: expected table.key=value, got {override!r}.")
    try:
        return keys, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return keys, text.strip()
