"""What one registered figure is: the function that collects its data and the one that draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evonas.study.study import Study


@dataclass(frozen=True)
class Plot:
    """One figure.

    Attributes:
        data: Study -> NamedTuple of plain arrays and strings.
        draw: That tuple -> Axes, on a figure of their own.
    """

    data: Callable[[Study], Any]
    draw: Callable[[Any], Axes]
