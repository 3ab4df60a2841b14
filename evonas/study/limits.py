"""Conditions on a network's values, as a user writes them: "latency <= 5 ms, error <= 4 %"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from evonas.errors import ConfigError
from evonas.objectives import OBJECTIVES
from evonas.units import parse_quantity

COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_TERM = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(.+?)\s*$")


def parse_condition(text: str) -> Callable[[Mapping[str, float]], bool]:
    """Returns a function that says whether values (name -> SI) satisfy all terms of a condition.

    Args:
        text: Terms joined by commas or "and".

    Raises:
        ConfigError: A term is no comparison of an objective with a quantity.
    """
    terms = []
    for part in re.split(r",|\band\b", text):
        match = _TERM.match(part)
        if not match:
            raise ConfigError(
                f"Expected a condition such as 'latency <= 5 ms', got {part.strip()!r}."
            )
        name, sign, quantity = match.groups()
        bound = parse_quantity(quantity, OBJECTIVES.get(name).dimension)
        terms.append((name, COMPARISONS[sign], bound))
    return lambda values: all(
        name in values and compare(values[name], bound) for name, compare, bound in terms
    )
