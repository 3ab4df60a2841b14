"""Latency by layer: one bar for each operator, in order of execution."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from evonas.arch.cells import CELLS
from evonas.cost.report import CostReport
from evonas.cost.step import StepCost
from evonas.plots.arena import figure_width, legend_at_title, set_step_labels
from evonas.plots.canvas import (
    BLUE,
    FONT_PT,
    GREEN,
    INK,
    PALE,
    PURPLE,
    VERMILLION,
    head,
    new_figure,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "conv": BLUE, "depthwise": VERMILLION, "dense": GREEN, **dict.fromkeys(CELLS, PURPLE)
}  # fmt: skip
"""Colours of the kinds of operators that hold weights; all others are pale."""

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_LABEL_PT = 6.5
_CAPTION = 125
"""Characters that fit into a figure's width."""


class LayersData(NamedTuple):
    """What the figure shows.

    Attributes:
        title: Which network, where.
        caption: How far the latencies can be trusted.
        names: Name of each operator.
        kinds: Its kind, a key of COLOURS or any other.
        latency_s: Its seconds.
    """

    title: str
    caption: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    latency_s: tuple[float, ...]


def layers_data(title: str, report: CostReport) -> LayersData:
    """Returns the latency of every operator of a report; 0 where it is not known."""
    return _data(title, report, [(x.name, x.latency_s or 0.0) for x in report.layers])


def step_layers_data(title: str, report: CostReport, cost: StepCost) -> LayersData:
    """Returns the latency of every operator that runs in the worst step of a stream."""
    cycles = sum(entry.cycles for entry in cost.ops)
    seconds = [(entry.op.name, cost.worst_s * entry.cycles / cycles) for entry in cost.ops]
    return _data(title, report, seconds)


def _data(title: str, report: CostReport, latencies: Sequence[tuple[str, float]]) -> LayersData:
    return LayersData(
        title=title,
        caption=textwrap.shorten(
            f"{report.kernel_library}: {report.accuracy}", _CAPTION, placeholder=" …"
        ),
        names=tuple(name for name, _ in latencies),
        kinds=tuple(name.partition(" ")[0] for name, _ in latencies),
        latency_s=tuple(seconds for _, seconds in latencies),
    )


def plot_layers(data: LayersData, ax: Axes | None = None, first: int = 0) -> Axes:
    """Draws a bar for each operator; a number above it is its share in percent.

    Args:
        data: What to draw.
        ax: Where; None for a figure of its own.
        first: Position of the first operator; 1 leaves room for the input, as in the arena.
    """
    if ax is None:
        ax = new_figure(figure_width(len(data.names)), 3.2).add_subplot()
    style(ax)
    ax.grid(False, axis="x")
    top = max(data.latency_s)
    factor, unit = next(step for step in _UNITS if top >= step[0] or step is _UNITS[-1])
    heights = [seconds / factor for seconds in data.latency_s]
    places = range(first, first + len(heights))
    colours = [COLOURS.get(kind, PALE) for kind in data.kinds]
    ax.bar(places, heights, width=0.82, color=colours)
    _write_shares(ax, places, heights)
    ax.set_xlim(-0.6, first + len(heights) - 0.4)
    ax.set_ylim(0, 1.15 * max(heights))
    set_step_labels(ax, [*["input"] * first, *data.names])
    ax.set_ylabel(f"latency ({unit})", fontsize=FONT_PT, color=INK)
    head(ax, data.title, data.caption)
    _legend(ax, data)
    return ax


def _write_shares(ax: Axes, places: Sequence[int], heights: Sequence[float]) -> None:
    total = sum(heights)
    for place, height in zip(places, heights, strict=True):
        share = 100 * height / total
        if share >= 1:
            ax.annotate(
                f"{share:.0f}", (place, height), xytext=(0, 1.5), textcoords="offset points",
                ha="center", va="bottom", fontsize=_LABEL_PT, color=INK,
            )  # fmt: skip


def _legend(ax: Axes, data: LayersData) -> None:
    from matplotlib.patches import Patch

    total = sum(data.latency_s)
    shares = dict.fromkeys([*COLOURS, "others"], 0.0)
    for kind, seconds in zip(data.kinds, data.latency_s, strict=True):
        shares[kind if kind in COLOURS else "others"] += seconds / total
    entries = [
        Patch(facecolor=COLOURS.get(kind, PALE), label=f"{kind} {100 * share:.0f} %")
        for kind, share in shares.items()
        if share >= 0.005
    ]
    legend_at_title(ax, entries)
