"""One panel of the front's figure: an objective against another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evonas.objectives import OBJECTIVES
from evonas.pareto import FloatArray, non_dominated
from evonas.plots.axes import set_axis
from evonas.plots.canvas import (
    BLUE,
    FONT_PT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    SMALL_PT,
    VERMILLION,
    YELLOW,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evonas.plots.front import FrontData

_ROOM_ABOVE = 2.0
"""How far the vertical axis reaches above the highest network that was trained in full."""

_FAMILY_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (SKY, "D"), (YELLOW, "^"))
"""Colour and marker of each family of a mixed space, in turn."""

_REFERENCE_MARKERS = "PvpX<h>8"
"""Marker of each reference, in turn."""


def draw(data: FrontData, ax: Axes, panel: int) -> None:
    """Draws one panel without title and legend.

    Args:
        data: What to draw.
        ax: Where.
        panel: 0 for data.axes[1] as the horizontal axis, and so on.
    """
    style(ax)
    x = panel + 1
    groups = (data.explored, data.candidates, data.front, data.random, data.seed[None],
              data.reference_points)  # fmt: skip
    set_axis(ax, "x", data.axes[x], np.concatenate([points[:, x] for points in groups]))
    above = is_above(data)
    shown = data.explored[~above]
    edge = [_edge(data)] if above.any() else []
    set_axis(ax, "y", data.axes[0], np.concatenate([shown[:, 0], _telling_heights(data), edge]))
    is_trained = OBJECTIVES.get(data.axes[0].name).needs_training
    _dots(ax, shown[:, [x, 0]], "tried (proxy value)" if is_trained else "tried",
          s=11, color=PALE, linewidths=0, zorder=1.5)  # fmt: skip
    if above.any():
        _above(ax, data.explored[above, x])
    if data.axes[x].is_objective:
        _stairs(ax, data.random[:, [x, 0]], PURPLE, 1.2, "--", "front of random search")
        _stairs(ax, data.front[:, [x, 0]], MUTED if data.families else BLUE, 1.6, "-")
    _networks(data, ax, x)
    _references(data, ax, x)
    _recommended(data, ax, x)
    if not ax.collections:
        ax.text(0.5, 0.5, "nothing to show yet", ha="center", va="center", color=MUTED,
                transform=ax.transAxes, fontsize=FONT_PT)  # fmt: skip


def legend_entries(panels: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Returns the handles and labels of what panels show, each label once."""
    entries = {
        label: handle
        for ax in panels
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    return list(entries.values()), list(entries)


def is_above(data: FrontData) -> npt.NDArray[np.bool_]:
    """Returns which explored trials (n,) lie above the vertical axis.

    Poor ones far above everything that was trained in full do not stretch the axis.
    """
    return np.asarray(data.explored[:, 0] > _edge(data))


def _edge(data: FrontData) -> float:
    """Returns the height beyond which explored trials are drawn at the upper edge."""
    tops = _telling_heights(data)
    tops = tops[np.isfinite(tops)]
    if len(tops) == 0 or data.axes[0].is_log or tops.max() <= 0:
        return float("inf")
    return _ROOM_ABOVE * float(tops.max())


def _telling_heights(data: FrontData) -> FloatArray:
    points = (data.candidates, data.front, data.random, data.reference_points, data.seed[None])
    tests = (data.front_test, data.reference_test, [data.seed_test])
    return np.concatenate([*(group[:, 0] for group in points), *tests])


def _above(ax: Axes, xs: FloatArray) -> None:
    """Marks trials above the axis at its upper edge."""
    edge = ax.get_xaxis_transform()
    ax.scatter(xs, np.full(len(xs), 0.988), label="tried, above the axis", s=14, marker="^",
               color=PALE, linewidths=0, zorder=1.5, transform=edge)  # fmt: skip


def _dots(ax: Axes, points: FloatArray, label: str, **look: Any) -> None:
    known = points[np.isfinite(points).all(axis=1)]
    if len(known):
        ax.scatter(known[:, 0], known[:, 1], label=label, **look)


def _stairs(
    ax: Axes, points: FloatArray, colour: str, width: float, line: str, label: str = "_stairs"
) -> None:
    """Draws the border of what points dominate in this panel, both ends led to its edges."""
    known = points[np.isfinite(points).all(axis=1)]
    if len(known) == 0:
        return
    known = np.unique(known[non_dominated(known)], axis=0)
    right, top = ax.get_xlim()[1], ax.get_ylim()[1]
    xs = [known[0, 0], *known[:, 0], right]
    ys = [top, *known[:, 1], known[-1, 1]]
    ax.plot(xs, ys, line, drawstyle="steps-post", color=colour, linewidth=width,
            alpha=0.75, zorder=2, label=label)  # fmt: skip


def _networks(data: FrontData, ax: Axes, x: int) -> None:
    """Draws what was trained in full: candidates, front and seed network, and their test."""
    _dots(ax, data.candidates[:, [x, 0]], "trained in full", s=26, facecolors="white",
          edgecolors=MUTED if data.families else BLUE, linewidths=0.9, zorder=2.5)  # fmt: skip
    for name, members, colour, marker in _front_groups(data):
        _dots(ax, data.front[members][:, [x, 0]], name, s=34, color=colour, marker=marker,
              edgecolors="white", linewidths=0.6, zorder=4)  # fmt: skip
    tests = np.column_stack([data.front[:, x], data.front_test])
    _dots(ax, tests, "front, test", s=20, color=GREEN, marker="x", linewidths=1.1, zorder=3.5)
    _dots(ax, np.array([[data.seed[x], data.seed_test]]), "seed network, test",
          s=30, color=VERMILLION, marker="x", linewidths=1.3, zorder=3.5)  # fmt: skip
    _dots(ax, data.seed[None][:, [x, 0]], "seed network", s=150, color=VERMILLION,
          marker="*", edgecolors="white", linewidths=0.8, zorder=5)  # fmt: skip


def _front_groups(data: FrontData) -> list[tuple[str, npt.NDArray[np.bool_], str, str]]:
    """Returns label, members (k,), colour and marker of the front, or of each family on it."""
    if not data.families:
        return [("front", np.ones(len(data.front), dtype=bool), BLUE, "o")]
    of = np.array(data.front_families)
    looks = zip(data.families, cycle(_FAMILY_LOOKS))
    return [(f"front: {name}", of == name, *look) for name, look in looks]


def _references(data: FrontData, ax: Axes, x: int) -> None:
    """Draws the references beside the front, each with a marker of its own."""
    points = data.reference_points[:, [x, 0]]
    tests = np.column_stack([points[:, 0], data.reference_test])
    _dots(ax, tests, "references, test", s=24, color=INK, marker="x", linewidths=1.0, zorder=3.5)
    for name, point, marker in zip(data.references, points, cycle(_REFERENCE_MARKERS)):
        _dots(ax, point[None], name, s=60, color=INK, marker=marker, edgecolors="white",
              linewidths=0.8, zorder=5)  # fmt: skip


def _recommended(data: FrontData, ax: Axes, x: int) -> None:
    from matplotlib.patheffects import withStroke

    if data.recommended not in data.front_numbers:
        return
    point = data.front[data.front_numbers.index(data.recommended)][[x, 0]]
    _dots(ax, point[None], "recommended", s=130, facecolors="none", edgecolors=INK,
          linewidths=1.3, zorder=4.5)  # fmt: skip
    ax.annotate(
        str(data.recommended), point, xytext=(-7, -7), textcoords="offset points",
        ha="right", va="top", fontsize=SMALL_PT + 1, fontweight="bold", color=INK, zorder=6,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )  # fmt: skip
