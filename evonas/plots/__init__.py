"""Figures of a study, one per file: its data as plain arrays, and the drawing of that data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evonas.plots.canvas import write_figure
from evonas.plots.plot import Plot
from evonas.registry import Registry

if TYPE_CHECKING:
    from evonas.study.study import Study

PLOTS = Registry(
    "plot",
    "evonas.plots",
    {
        "front": "evonas.plots.front:FRONT",
        "genes": "evonas.plots.genes:GENES",
        "hypervolume": "evonas.plots.hypervolume:HYPERVOLUME",
    },
)


def save_figures(study: Study, directory: Path) -> list[Path]:
    """Writes every registered figure of a study as NAME.png and NAME.svg.

    Args:
        study: What was searched; an unfinished one is drawn as far as it has come.
        directory: Made where it does not exist.

    Returns:
        The files, sorted by name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name in PLOTS.names():
        plot: Plot = PLOTS.get(name)
        ax = plot.draw(plot.data(study))
        paths += [write_figure(ax, directory / f"{name}.{kind}") for kind in ("png", "svg")]
    return paths
