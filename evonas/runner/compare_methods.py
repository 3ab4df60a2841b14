"""Who may compete: every searcher, the scaled seed network, gradient-based searches."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from evonas.analysis.comparison import SEED_METHOD
from evonas.baselines import BASELINES
from evonas.baselines.baseline import AbstractBaseline, SearchTask
from evonas.config import ProxyTable
from evonas.config_compare import BlockTable, SearchSettings
from evonas.config_table import Table, validate_table
from evonas.errors import ConfigError, unknown_name
from evonas.runner.compare_width import Width
from evonas.searchers import SEARCHERS
from evonas.spaces import SPACES

WIDTH = "width"


def method_names() -> tuple[str, ...]:
    """Returns all methods that a comparison's config can name without a table of their own."""
    return (*SEARCHERS.names(), WIDTH, *BASELINES.names())


def searcher_of(block: BlockTable, method: str) -> str | None:
    """Returns the searcher of a method that is a study of its own, or None of another one.

    It has the searcher's name, or a name of its own and a table that says which one it is.
    """
    if method in SEARCHERS.names():
        return method
    own = {} if method in method_names() else block.settings.get(method, {})
    return own.get("searcher")


def space_kind(block: BlockTable) -> str:
    """Returns the kind of a block's space: "mixed" for one of several."""
    kind = block.space.kind
    if isinstance(kind, str):
        return kind
    return kind[0] if len(kind) == 1 else "mixed"


def settings_of(block: BlockTable, method: str) -> Table:
    """Returns a method's settings in a block.

    Raises:
        ConfigError: The method's table is wrong.
    """
    own = block.settings.get(method, {})
    is_search = searcher_of(block, method) is not None
    model = SearchSettings if is_search else _baseline(method).Settings
    return validate_table(model, own, f"[study.{block.name}.{method}]")


def search_settings(block: BlockTable, method: str) -> SearchSettings:
    """Returns the settings of a method that is a study of its own.

    Raises:
        ConfigError: The method is none, or its table is wrong.
    """
    found = settings_of(block, method)
    if not isinstance(found, SearchSettings):
        raise ConfigError(f"[study.{block.name}] methods: {method} is no searcher.")
    return found


def proxies(block: BlockTable) -> dict[str, ProxyTable]:
    """Returns the short training of the candidates of every method that has one, by its name.

    Raises:
        ConfigError: A method's own keys are wrong.
    """
    searches = [method for method in block.methods if searcher_of(block, method) is not None]
    return {method: block.proxy_of(method, search_settings(block, method)) for method in searches}


def check_methods(block: BlockTable) -> None:
    """Checks names, applicability and settings of all methods of a block.

    Raises:
        ConfigError: A method or a table is unknown, does not apply to the space, or is wrong.
    """
    where = f"[study.{block.name}]"
    for kind in [block.space.kind] if isinstance(block.space.kind, str) else block.space.kind:
        if kind not in SPACES.names():
            unknown = unknown_name("space", kind, SPACES.names())
            raise ConfigError(f"[study.{block.name}.space] kind: {unknown}")
    for method in block.methods:
        _check_applies(block, method, where)
    _check_tables(block, where)
    for method in block.methods:
        settings_of(block, method)  # those without a table may lack a key that has no default
        if searcher_of(block, method) is not None:  # its keys may exclude one another
            own = search_settings(block, method)
            block.study_config(method, own, block.seeds[0], Path("."), {"trials": 1})
    _check_backends(block)


def _check_applies(block: BlockTable, method: str, where: str) -> None:
    known, searcher = method_names(), searcher_of(block, method)
    if searcher is None and method not in known:
        unknown = unknown_name("method", method, known)
        raise ConfigError(
            f"{where} methods: {unknown} Under another name a searcher competes with a table "
            f'[study.{method}] searcher = "nsga2".'
        )
    if searcher is not None and (searcher not in SEARCHERS.names() or method == SEED_METHOD):
        problem = f"{method} is the seed network's name; choose another."
        if method != SEED_METHOD:
            problem = f"searcher: {unknown_name('searcher', searcher, SEARCHERS.names())}"
        raise ConfigError(f"[study.{block.name}.{method}] {problem}")
    kind, able = space_kind(block), _spaces(block, method)
    if able is not None and kind not in able:
        raise ConfigError(
            f"{where} methods: {method} does not apply to the {kind} space; it applies to "
            f"{', '.join(able)}. Leave it out."
        )


def _check_tables(block: BlockTable, where: str) -> None:
    known = method_names()
    for table, own in block.settings.items():
        if searcher_of(block, table) is None and table not in known:
            near = difflib.get_close_matches(table, [*known, *type(block).model_fields], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Methods: {', '.join(known)}."
            raise ConfigError(f"{where} unknown key {table!r}.{hint}")
        settings_of(block, table)
        if table in SEARCHERS.names() and own.get("searcher", table) != table:
            raise ConfigError(
                f"[study.{block.name}.{table}] searcher: expected {table!r}, whose name the table "
                f"has, got {own['searcher']!r}; give the table a name of its own."
            )


def _check_backends(block: BlockTable) -> None:
    """Checks that no method of a block trains faster than its rivals can."""
    bound = [method for method in block.methods if method in BASELINES.names()]
    tables = {"proxy": block.proxy, "final": block.final, "relaxed": block.relaxed}
    tables |= {f"{method}.proxy": table for method, table in proxies(block).items()}
    for name, table in tables.items():
        if bound and table.backend != "torch":
            raise ConfigError(
                f"[study.{block.name}.{name}] backend: expected torch, with which {bound[0]} "
                f"trains and so its rivals must, got {table.backend!r}; compare without "
                "gradient-based methods, or leave the key out."
            )


def contestant(block: BlockTable, method: str, task: SearchTask) -> AbstractBaseline:
    """Returns a method ready to search.

    Raises:
        ConfigError: It does not apply, or its settings are wrong.
    """
    return _baseline(method)(task, settings_of(block, method))


def applicable_spaces() -> Mapping[str, tuple[str, ...]]:
    """Returns the kinds of spaces that every gradient-based method applies to, by its name."""
    return {name: _baseline(name).spaces for name in BASELINES.names()}


def _spaces(block: BlockTable, method: str) -> tuple[str, ...] | None:
    """Returns the kinds of spaces that a method applies to; None for all."""
    if method == WIDTH or searcher_of(block, method) is not None:
        return None
    return _baseline(method).spaces


def _baseline(method: str) -> type[AbstractBaseline]:
    found: type[AbstractBaseline] = Width if method == WIDTH else BASELINES.get(method)
    return found
