"""The figure of a profile: the arena over time, and below it the latency of each operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evonas.plots.arena import ArenaData, figure_width, plot_arena
from evonas.plots.canvas import new_figure
from evonas.plots.layers import LayersData, plot_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 7.4


def plot_profile(arena: ArenaData, layers: LayersData) -> Axes:
    """Draws both above each other, an operator at one place in both; returns the upper axes."""
    figure = new_figure(figure_width(len(arena.steps)), _HEIGHT)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
    plot_arena(arena, upper)
    plot_layers(layers, lower, first=1)
    upper.tick_params(axis="x", labelbottom=False)
    figure.align_ylabels([upper, lower])
    axes: Axes = upper
    return axes
