"""Errors of evonas: what a caller can catch, and the sentence for a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvonasError(Exception):
    """Base of every error that evonas raises about its input or its state."""


class ConfigError(EvonasError):
    """A config, an option or a name in it is wrong."""


class SpecError(EvonasError):
    """A network description is invalid, or lies outside a search space."""


class UnsupportedOpError(SpecError):
    """An operator that a reader of the description does not know; a cost is never 0 by default."""


class DataError(EvonasError):
    """A data set is missing, malformed or unusable."""


class StoreError(EvonasError):
    """A study's folder or its store is missing, damaged, of another version or inconsistent."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Returns the sentence for an unknown name, with the nearest known one and all of them.

    Args:
        kind: What the name should have been, such as "device".
        name: What came.
        known: The names that exist.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"Unknown {kind} {name!r}.{hint} Known: {', '.join(names) or 'none'}."
