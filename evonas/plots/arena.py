"""The arena over time: each buffer as a rectangle, from the operator that needs it first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from evonas.arch.graph import LoweredGraph
from evonas.cost.arena import ArenaPlan, Buffer, live_bytes
from evonas.plots.canvas import (
    BLUE,
    FONT_PT,
    GREEN,
    INK,
    MUTED,
    SMALL_PT,
    VERMILLION,
    head,
    new_figure,
    style,
)
from evonas.units import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

FILLS = {"input": "#bfe3d6", "tensor": "#c3daec", "scratch": "#f6d3bd"}
EDGES = {"input": GREEN, "tensor": BLUE, "scratch": VERMILLION}
"""Colours of each kind of buffer: pale within, strong at the edge."""

_LABEL_PT = 6.5
_CHARACTER_PT = 0.58 * _LABEL_PT
"""Mean width of a character of a label."""


class ArenaRect(NamedTuple):
    """One buffer in the arena.

    Attributes:
        name: The operator that writes it, "input", or "" for a scratch buffer.
        kind: A key of FILLS.
        first: First step at which it is in use.
        last: Last step at which it is in use.
        offset: Where it begins, in bytes.
        n_bytes: Its aligned size.
    """

    name: str
    kind: str
    first: int
    last: int
    offset: int
    n_bytes: int


class ArenaData(NamedTuple):
    """What the figure shows.

    Attributes:
        title: What was planned, for whom.
        steps: Name of every step: "input", then each operator.
        rects: The buffers.
        live_bytes: Aligned bytes in use at each step.
        head_bytes: End of the highest buffer.
        limit_bytes: Longest block of RAM of the device.
    """

    title: str
    steps: tuple[str, ...]
    rects: tuple[ArenaRect, ...]
    live_bytes: tuple[int, ...]
    head_bytes: int
    limit_bytes: int


def arena_data(
    title: str,
    graph: LoweredGraph,
    buffers: Sequence[Buffer],
    plan: ArenaPlan,
    limit_bytes: int,
) -> ArenaData:
    """Returns the buffers of a network where a planner put them.

    Args:
        title: What was planned, for whom.
        graph: The deployed network.
        buffers: Its tensors in order, then the scratch buffers.
        plan: Where each of them lies.
        limit_bytes: Longest block of RAM of the device.
    """
    writers = {op.output: op.name for op in graph.ops}
    rects = []
    for index, (buffer, offset) in enumerate(zip(buffers, plan.offsets, strict=True)):
        is_tensor = index < len(graph.tensors)
        name = writers.get(index, "input") if is_tensor else ""
        kind = "scratch" if not is_tensor else "tensor" if index in writers else "input"
        rects.append(ArenaRect(name, kind, buffer.first, buffer.last, offset, buffer.aligned_bytes))
    steps = ("input", *(op.name for op in graph.ops))
    live = live_bytes(buffers, len(steps))
    return ArenaData(title, steps, tuple(rects), live, plan.head_bytes, limit_bytes)


def plot_arena(data: ArenaData, ax: Axes | None = None) -> Axes:
    """Draws the buffers over the operators that use them, and the bytes that are alive.

    Args:
        data: What to draw.
        ax: Where; None for a figure of its own.
    """
    if ax is None:
        ax = new_figure(figure_width(len(data.steps)), 4.2).add_subplot()
    style(ax)
    ax.grid(False, axis="x")
    peak = max(data.live_bytes)
    for step, live in enumerate(data.live_bytes):
        if live == peak:
            ax.axvspan(step - 0.5, step + 0.5, color="#f2efe4", zorder=0.5, linewidth=0)
    _draw_rects(ax, data)
    edges = [step - 0.5 for step in range(len(data.steps) + 1)]
    ax.stairs(data.live_bytes, edges, color=INK, linewidth=1.1, baseline=None, zorder=3)
    ax.axhline(data.head_bytes, color=MUTED, linewidth=1.0, linestyle="--")
    if data.limit_bytes <= _top(data):
        ax.axhline(data.limit_bytes, color=VERMILLION, linewidth=1.6, zorder=3.5)
        ax.annotate(
            "largest block of RAM", (1.0, data.limit_bytes), xycoords=("axes fraction", "data"),
            xytext=(-4, 3), textcoords="offset points", ha="right", va="bottom",
            fontsize=SMALL_PT, color=VERMILLION,
        )  # fmt: skip
    ax.set_xlim(-0.6, len(data.steps) - 0.4)
    ax.set_ylim(0, _top(data))
    set_step_labels(ax, data.steps)
    _set_bytes(ax)
    legend_at_title(ax, _legend_entries(data))
    head(ax, data.title, _caption(data))
    return ax


def figure_width(n_steps: int) -> float:
    """Returns the width in inches at which the names of so many operators can be read."""
    return min(max(9.0, 0.23 * n_steps + 1.5), 20.0)


def _top(data: ArenaData) -> float:
    """Returns the end of the vertical axis: the device's limit is shown where it is near."""
    near = data.limit_bytes if data.limit_bytes < 1.6 * data.head_bytes else 0
    return max(1.14 * data.head_bytes, 1.05 * near)


def legend_at_title(ax: Axes, entries: Sequence[Patch | Line2D]) -> None:
    """Puts a legend of one row at the height of the title, flush right."""
    from matplotlib.transforms import offset_copy

    above = offset_copy(ax.transAxes, fig=ax.get_figure(root=True), y=13.5, units="points")
    ax.legend(
        handles=list(entries), loc="lower right", bbox_to_anchor=(1.0, 1.0),
        bbox_transform=above, ncols=len(entries), fontsize=SMALL_PT, frameon=False,
        handlelength=1.4, columnspacing=1.2, borderaxespad=0.0, borderpad=0.1,
    )  # fmt: skip


def set_step_labels(ax: Axes, steps: Sequence[str]) -> None:
    """Writes the names of the steps below an axis, upright; every second one where many."""
    every = -(-len(steps) // 110)
    ax.set_xticks(range(0, len(steps), every), steps[::every], rotation=90, fontsize=7)
    ax.tick_params(axis="x", length=0)


def _draw_rects(ax: Axes, data: ArenaData) -> None:
    from matplotlib.patches import Rectangle

    figure = ax.get_figure(root=True)
    width, height = figure.get_size_inches() if figure else (8.0, 4.0)
    box = ax.get_position()
    step_pt = 72 * width * 0.92 / (len(data.steps) + 1)
    byte_pt = 72 * height * box.height * 0.8 / _top(data)  # labels of steps take their part
    for rect in data.rects:
        span = rect.last - rect.first + 1
        ax.add_patch(
            Rectangle(
                (rect.first - 0.5, rect.offset), span, rect.n_bytes, facecolor=FILLS[rect.kind],
                edgecolor=EDGES[rect.kind], linewidth=0.8, zorder=2,
            )
        )  # fmt: skip
        text, rotation = _label(rect, span * step_pt, rect.n_bytes * byte_pt)
        if text:
            ax.text(
                rect.first - 0.5 + span / 2, rect.offset + rect.n_bytes / 2, text,
                rotation=rotation, ha="center", va="center", fontsize=_LABEL_PT, color=INK,
                zorder=4, bbox={"facecolor": FILLS[rect.kind], "linewidth": 0, "pad": 0.6},
            )  # fmt: skip


def _label(rect: ArenaRect, width_pt: float, height_pt: float) -> tuple[str, float]:
    """Returns what fits into a rectangle, name and size or one of them, and its rotation."""
    size = format_quantity(rect.n_bytes, "byte")
    line_pt = 1.25 * _LABEL_PT
    for parts in ((rect.name, size), (rect.name,), (size,)):
        for separator in ("\n", ", "):
            text = separator.join(part for part in parts if part)
            lines = text.split("\n")
            long, wide = _CHARACTER_PT * max(map(len, lines)) + 2, line_pt * len(lines)
            for along, across, rotation in ((width_pt, height_pt, 0), (height_pt, width_pt, 90)):
                if text and long <= along and wide <= across:
                    return text, rotation
    return "", 0


def _set_bytes(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    top = ax.get_ylim()[1]
    factor, unit = (1000, "kB") if top >= 2000 else (1, "B")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    ax.set_ylabel(f"offset in the arena ({unit})", fontsize=FONT_PT, color=INK)


def _legend_entries(data: ArenaData) -> list[Patch | Line2D]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    used = [kind for kind in FILLS if any(rect.kind == kind for rect in data.rects)]
    entries: list[Patch | Line2D] = [
        Patch(facecolor=FILLS[kind], edgecolor=EDGES[kind], label=kind) for kind in used
    ]
    entries += [Line2D([], [], color=INK, linewidth=1.1, label="bytes alive")]
    return entries


def _caption(data: ArenaData) -> str:
    peak = max(data.live_bytes)
    where = data.steps[data.live_bytes.index(peak)]
    return (
        f"arena of {format_quantity(data.head_bytes, 'byte')} (dashed); most alive at once "
        f"{format_quantity(peak, 'byte')}, in {where}; largest block of RAM "
        f"{format_quantity(data.limit_bytes, 'byte')}"
    )
