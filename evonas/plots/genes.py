"""The genes of the networks on the front, as a map: what small and large networks have alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evonas.genes import Choice
from evonas.pareto import FloatArray
from evonas.plots.axes import objective_axis, readable
from evonas.plots.canvas import FONT_PT, GRID, INK, MUTED, SMALL_PT, head, new_figure
from evonas.plots.plot import Plot
from evonas.units import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evonas.study.study import Study
    from evonas.study.trial import Trial

_ROW_INCHES = 0.19
_DASH = "#c4c4c4"
_CHARACTER_PT = 0.62 * SMALL_PT
"""Width of a character of the small font; the usual sans-serif ones are narrower."""
_CAPTION_INCHES = 4.6
_TEXT_LIMIT_INCHES = 9.5
"""Cells carry their choices in words while all columns together are no wider than this."""


class GenesData(NamedTuple):
    """What the figure shows; columns are networks by falling cost, rows are genes by block.

    Attributes:
        title: The study's name.
        networks: (n,) trial numbers.
        headings: (n,) what stands below the numbers: the networks' error, or their cost.
        order: What the columns are sorted by, falling.
        blocks: (g,) part of a gene's name before the first dot.
        genes: (g,) the rest of it.
        position: (g, n) place of the choice in the gene's range, 0 first .. 1 last; NaN where the
            gene is inactive: no other choice would change the network.
        choices: (g, n) the choice in words; "" where inactive.
    """

    title: str
    networks: tuple[int, ...]
    headings: tuple[str, ...]
    order: str
    blocks: tuple[str, ...]
    genes: tuple[str, ...]
    position: FloatArray
    choices: tuple[tuple[str, ...], ...]


def genes_data(study: Study) -> GenesData:
    """Returns the genes of the networks on the front."""
    genes = study.problem.space.genes
    costs = [o.name for o in study.problem.objectives if not o.needs_training]
    order = costs[0] if costs else "params"
    front = sorted(study.front(), key=lambda trial: (-trial.values[order], trial.number))
    judged_by = study.problem.judged_by if study.problem.needs_training else order
    shown = objective_axis(study, judged_by)
    names = [gene.name.partition(".") for gene in genes]
    blocks = list(dict.fromkeys(name[0] for name in names))
    rows = sorted(range(len(genes)), key=lambda i: blocks.index(names[i][0]))
    position = np.full((len(genes), len(front)), np.nan)
    words = [[""] * len(front) for _ in genes]
    for column, trial in enumerate(front):
        for row, i in enumerate(rows):
            if is_active(study, trial, i):
                gene, index = genes[i], trial.genome[i]
                position[row, column] = index / max(gene.n_choices - 1, 1)
                words[row][column] = _word(gene.choices[index])
    return GenesData(
        title=study.config.study.name,
        networks=tuple(trial.number for trial in front),
        headings=tuple(format_quantity(t.values[shown.name], shown.dimension) for t in front),
        order=readable(order),
        blocks=tuple(names[i][0] for i in rows),
        genes=tuple(names[i][2] or names[i][0] for i in rows),
        position=position,
        choices=tuple(map(tuple, words)),
    )


def is_active(study: Study, trial: Trial, i: int) -> bool:
    """Returns whether another choice of gene i would change the network.

    Asked of the space itself: inactive genes are 0, so only these are tried, at the next choice
    and at the last one.
    """
    if trial.genome[i]:
        return True
    last = study.problem.space.genes[i].n_choices - 1
    others = dict.fromkeys((min(1, last), last))
    changed = [(*trial.genome[:i], choice, *trial.genome[i + 1 :]) for choice in others if choice]
    return not changed or any(study.decode(genome) != trial.spec for genome in changed)


def plot_genes(data: GenesData, ax: Axes | None = None) -> Axes:
    """Draws the map of genes.

    Args:
        data: What to draw.
        ax: Where; None for a figure of its own, whose size grows with genes and networks.
    """
    widest = max((len(word) for row in data.choices for word in row), default=1)
    widest = max([widest, *map(len, data.headings)])
    cell = max(0.3, (_CHARACTER_PT * widest + 5) / 72)
    has_words = len(data.networks) * cell <= _TEXT_LIMIT_INCHES
    cell = cell if has_words else 0.32
    left = _CHARACTER_PT * (_longest(data.genes) + _longest(data.blocks)) / 72 + 0.4
    width = max(left + len(data.networks) * cell + 0.9, left + _CAPTION_INCHES)
    if ax is None:
        rows = len(data.genes) if data.networks else 1
        ax = new_figure(width, rows * _ROW_INCHES + 1.5).add_subplot()
    caption = f"networks by falling {data.order}; grey: the gene has no effect on this network"
    head(ax, f"{data.title}: genes of the front", caption)
    if not data.networks:
        ax.text(0.5, 0.5, "no network on the front yet", ha="center", va="center", color=MUTED,
                transform=ax.transAxes, fontsize=FONT_PT)  # fmt: skip
        ax.set_axis_off()
        return ax
    mesh = _draw_cells(data, ax, has_words)
    _label_rows(data, ax)
    _label_columns(data, ax, has_words)
    figure = ax.get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(
            mesh,
            ax=ax,
            ticks=[0, 1],
            shrink=0.4,
            fraction=0.15 / width,
            pad=0.15 / width,
            aspect=14,
        )
        bar.ax.set_yticklabels(["first\nchoice", "last\nchoice"], fontsize=SMALL_PT, color=INK)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0)
    return ax


def _draw_cells(data: GenesData, ax: Axes, has_words: bool) -> Any:
    from matplotlib import colormaps

    ax.set_facecolor("#f4f4f4")
    colours = colormaps["viridis"]
    mesh = ax.pcolormesh(
        data.position, cmap=colours, vmin=0, vmax=1, edgecolors="white", linewidth=1
    )
    for row, words in enumerate(data.choices):
        for column, word in enumerate(words):
            place = data.position[row, column]
            if np.isnan(place):
                ax.plot(column + 0.5, row + 0.5, marker="_", color=_DASH, markersize=5)
            elif has_words:
                colour = "white" if place < 0.6 else INK
                ax.text(column + 0.5, row + 0.5, word, ha="center", va="center_baseline",
                        fontsize=SMALL_PT, color=colour)  # fmt: skip
    return mesh


def _label_rows(data: GenesData, ax: Axes) -> None:
    ax.invert_yaxis()
    ax.set_yticks(np.arange(len(data.genes)) + 0.5, data.genes, fontsize=SMALL_PT, color=INK)
    ax.tick_params(length=0)
    shift = -(_CHARACTER_PT * _longest(data.genes) + 12)
    for row, block in enumerate(data.blocks):
        if row and block == data.blocks[row - 1]:
            continue
        if row:
            ax.axhline(row, color=MUTED, linewidth=1.2)
        ax.annotate(
            block, (0, row + 0.5), xycoords=ax.get_yaxis_transform(), xytext=(shift, 0),
            textcoords="offset points", ha="right", va="center", fontsize=SMALL_PT,
            fontweight="bold", color=INK, annotation_clip=False,
        )  # fmt: skip


def _label_columns(data: GenesData, ax: Axes, has_words: bool) -> None:
    labels = [f"{n}\n{h}" for n, h in zip(data.networks, data.headings, strict=True)]
    ax.set_xticks(np.arange(len(labels)) + 0.5, labels, fontsize=SMALL_PT, color=INK)
    if not has_words:
        ax.set_xticks(ax.get_xticks(), [label.replace("\n", ": ") for label in labels], rotation=90)
    for side in ax.spines.values():
        side.set_color(GRID)


def _longest(words: tuple[str, ...]) -> int:
    return max(map(len, words), default=0)


def _word(choice: Choice) -> str:
    if isinstance(choice, bool):
        return "yes" if choice else "no"
    return f"{choice:g}" if isinstance(choice, float) else str(choice)


GENES = Plot(genes_data, plot_genes)
