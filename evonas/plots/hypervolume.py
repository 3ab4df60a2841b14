"""How much of the objective space the trials dominate, as the search goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evonas.analysis.indicators import hypervolume_over_trials
from evonas.pareto import FloatArray
from evonas.plots.canvas import BLUE, FONT_PT, INK, PURPLE, SMALL_PT, head, new_figure, style
from evonas.plots.plot import Plot
from evonas.plots.rival import opened_rival

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evonas.study.study import Study

_HIDDEN = 0.05
"""Share of the first trials whose low values do not stretch the vertical axis."""


class HypervolumeData(NamedTuple):
    """What the figure shows.

    Attributes:
        title: The study's name.
        searcher: Name of the searcher.
        hypervolume: (n,) share of the box that the first 1 .. n trained trials dominate, by
            their proxy values; by their costs where nothing is trained. A failed training counts
            as a trial and adds nothing.
        random: (m,) the same of the random search beside it; empty without one.
        is_trained: Whether the trials were trained.
    """

    title: str
    searcher: str
    hypervolume: FloatArray
    random: FloatArray
    is_trained: bool


def hypervolume_data(study: Study) -> HypervolumeData:
    """Returns the hypervolumes of a study, and of the random search in its folder."""
    with opened_rival(study) as rival:
        random = np.zeros(0) if rival is None else _curve(rival, study)
    return HypervolumeData(
        title=study.config.study.name,
        searcher=study.config.search.searcher,
        hypervolume=_curve(study, study),
        random=random,
        is_trained=study.problem.needs_training,
    )


def plot_hypervolume(data: HypervolumeData, ax: Axes | None = None) -> Axes:
    """Draws hypervolume over trials, and random search's beside it.

    Args:
        data: What to draw.
        ax: Where; None for a figure of its own.
    """
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        ax = new_figure(7.0, 4.2).add_subplot()
    style(ax)
    curves = [(data.searcher, data.hypervolume, BLUE, "-", 2.0)]
    curves += [("random search", data.random, PURPLE, "--", 1.5)]
    for name, values, colour, line, width in curves:
        if len(values):
            label = f"{name}: {values[-1]:.3f} after {len(values)}"
            x = np.arange(1, len(values) + 1)
            ax.plot(x, values, line, color=colour, linewidth=width, label=label,
                    drawstyle="steps-post", marker="o" if len(values) == 1 else None)  # fmt: skip
    _set_limits(ax, data)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.set_xlabel("trained trials" if data.is_trained else "trials", fontsize=FONT_PT, color=INK)
    ax.set_ylabel("normalised hypervolume", fontsize=FONT_PT, color=INK)
    how = "proxy validation values" if data.is_trained else "costs"
    caption = f"share of the objective space dominated by the trials so far, by {how}"
    head(ax, f"{data.title}: hypervolume", caption)
    if ax.lines:
        ax.legend(loc="lower right", fontsize=SMALL_PT, framealpha=0.9, edgecolor="none")
    return ax


def _set_limits(ax: Axes, data: HypervolumeData) -> None:
    curves = [values for values in (data.hypervolume, data.random) if len(values)]
    if not curves:
        ax.set(xlim=(0, 1), ylim=(0, 1))
        return
    low = min(float(values[int(_HIDDEN * len(values))]) for values in curves)
    high = max(float(values[-1]) for values in curves)
    room = max(0.05 * (high - low), 0.02)
    ax.set_ylim(max(low - room, -0.02), min(high + room, 1.002))
    n = max(map(len, curves))
    ax.set_xlim(0, 1.02 * n + 1)


def _curve(study: Study, reference: Study) -> FloatArray:
    problem = study.problem
    trials = [trial for trial in study.trials() if trial.state in ("complete", "failed")]
    values = [trial.values for trial in trials]
    known = [t.state == "complete" and problem.is_feasible(t.values) for t in trials]
    return hypervolume_over_trials(problem.columns(values), reference.box, known)


HYPERVOLUME = Plot(hypervolume_data, plot_hypervolume)
