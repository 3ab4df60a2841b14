"""Axes of objectives: labels with units, scales, limits and ticks in natural units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from evonas.objectives import OBJECTIVES
from evonas.pareto import FloatArray
from evonas.plots.canvas import FONT_PT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evonas.study.study import Study

UNITS: dict[str, tuple[tuple[float, str], ...]] = {
    "byte": ((1.0, "B"), (1e3, "kB"), (1e6, "MB")),
    "second": ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")),
    "joule": ((1e-9, "nJ"), (1e-6, "µJ"), (1e-3, "mJ"), (1.0, "J")),
    "count": ((1.0, ""), (1e3, "thousand"), (1e6, "million")),
    "share": ((0.01, "%"),),
    "target": ((1.0, "target's unit"),),
}
"""Dimension -> the units that an axis may carry, smallest first, and what one of each is in SI."""

_WORDS = {"ram": "RAM", "macs": "MACs", "int8": "int8", "mae": "MAE", "rmse": "RMSE", "f1": "F1"}
_SUBS = {
    0.45: (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    1.0: (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0),
    2.4: (1.0, 2.0, 5.0),
    math.inf: (1.0,),
}
"""Decades on an axis -> the multiples of powers of ten that are labelled, up to so many."""


class Axis(NamedTuple):
    """What one axis shows.

    Attributes:
        name: The objective's name.
        label: As people write it, without the unit.
        dimension: A key of UNITS.
        is_log: Whether its scale is logarithmic.
        is_objective: Whether the search minimised it.
    """

    name: str
    label: str
    dimension: str
    is_log: bool
    is_objective: bool = True


def readable(name: str) -> str:
    """Returns a name as people write it: "peak_ram" is "peak RAM"."""
    return " ".join(_WORDS.get(word, word) for word in name.split("_"))


def objective_axis(study: Study, name: str) -> Axis:
    """Returns the axis of an objective; that of an error bears the metric's name and unit."""
    objective = OBJECTIVES.get(name)
    is_objective = name in {o.name for o in study.problem.objectives}
    label = readable(study.problem.title(name))
    if objective.needs_training:
        unit = study.problem.metric.unit
        return Axis(name, f"validation {label}", unit, False, is_objective)
    return Axis(name, label, objective.dimension, True, is_objective)


def unit_of(axis: Axis, values: FloatArray) -> tuple[float, str]:
    """Returns (what one unit is in SI, the unit) that suits the middle of the values."""
    known = np.abs(values[np.isfinite(values) & (values != 0)])
    units = UNITS[axis.dimension]
    if len(known) == 0:
        return units[-1] if axis.dimension == "second" else units[0]
    if axis.dimension == "count":  # nobody reads 0.05 thousand
        typical = float(known.min())
    elif axis.is_log:
        typical = 5 * math.sqrt(float(known.min() * known.max()))
    else:
        typical = float(known.max())
    fitting = [unit for unit in units if unit[0] <= typical]
    return fitting[-1] if fitting else units[0]


def set_axis(ax: Axes, which: Literal["x", "y"], axis: Axis, values: FloatArray) -> None:
    """Sets label, scale, limits and ticks of one axis for the values that must be seen on it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    factor, unit = unit_of(axis, values)
    low, high = limits(axis, values)
    ax.set(**{f"{which}scale": "log" if axis.is_log else "linear", f"{which}lim": (low, high)})
    label = f"{axis.label} ({unit})" if unit else axis.label
    ax.set(**{f"{which}label": label})
    target = ax.xaxis if which == "x" else ax.yaxis
    target.label.set(fontsize=FONT_PT, color=INK)
    if axis.is_log:
        decades = math.log10(high / low)
        subs = next(subs for most, subs in _SUBS.items() if decades <= most)
        target.set_major_locator(LogLocator(subs=subs, numticks=20))
        target.set_minor_locator(LogLocator(subs=tuple(range(1, 10)), numticks=100))
        target.set_minor_formatter(NullFormatter())
    else:
        target.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    target.set_major_formatter(FuncFormatter(lambda value, _: _number(value / factor)))


def limits(axis: Axis, values: FloatArray) -> tuple[float, float]:
    """Returns the limits of an axis that shows the finite values with some room around them."""
    known = values[np.isfinite(values) & (values > 0 if axis.is_log else True)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 1.0)
    if axis.is_log:
        middle, span = math.sqrt(low * high), max(high / low, 2.0) ** 0.58
        return middle / span, middle * span
    if 0 <= low < 0.25 * high or low == high:
        low = min(low, 0.0)
    span = high - low or 1.0
    return low - 0.08 * span, high + 0.05 * span  # more below, where the label of a point stands


def _number(value: float) -> str:
    shown = f"{round(value, 10):,.10g}".replace(",", " ")
    return "0" if shown == "-0" else shown
