"""Figures without a display and without pyplot's global state; how they look and are written."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evonas.atomic import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
FONT_PT = 9.0
SMALL_PT = 8.0
INK = "#222222"
MUTED = "#6b6b6b"
GRID = "#e6e6e6"

# Okabe and Ito's colours, which the colour-blind tell apart <https://jfly.uni-koeln.de/color/>.
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREEN = "#009E73"
ORANGE = "#E69F00"
SKY = "#56B4E9"
YELLOW = "#F0E442"
PALE = "#b9bec4"

_SVG_SALT = "evonas"
_SAVING = threading.Lock()


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure, sizes in inches, that draws without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def style(ax: Axes) -> Axes:
    """Gives axes the common look: light grid behind the data, no upper and right frame."""
    ax.set_axisbelow(True)
    ax.grid(True, color=GRID, linewidth=0.8)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(which="both", colors=MUTED, labelcolor=INK, labelsize=SMALL_PT)
    return ax


def head(ax: Axes, title: str, caption: str = "") -> None:
    """Writes a title and, smaller below it, a caption above axes, both flush left."""
    lines = caption.count("\n") + 1 if caption else 0
    pad = 6 + 1.3 * SMALL_PT * lines
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=pad)
    if caption:
        ax.annotate(
            caption, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points",
            fontsize=SMALL_PT, color=MUTED, ha="left", va="bottom", annotation_clip=False,
        )  # fmt: skip


def write_figure(ax: Axes, path: Path) -> Path:
    """Writes the figure of axes as the file's suffix says: .png at 150 dpi, or .svg.

    The same figure gives the same bytes each time: no date, and ids from a fixed salt.

    Args:
        ax: Any axes of the figure.
        path: The file; it appears whole or not at all.
    """
    import matplotlib

    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("Expected axes on a figure, got axes that were removed from theirs.")
    kind = path.suffix.removeprefix(".")
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    salted = matplotlib.rc_context({"svg.hashsalt": _SVG_SALT})
    with whole_file(path) as unfinished, _SAVING, salted:  # rc is global: one at a time
        figure.savefig(unfinished, format=kind, dpi=DPI, metadata=metadata)
    return path
