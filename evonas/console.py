"""What the command line prints: one progress line, the front, the closing lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from shlex import quote
from typing import Any

from evonas.cost.runtimes import load_runtime
from evonas.export import FORMATS
from evonas.plots.axes import readable
from evonas.proxy.backends.choose import hint
from evonas.runner.compare_result import Comparison
from evonas.runner.compare_tables import quality_table
from evonas.runner.compare_words import verdicts
from evonas.runner.dominance import dominance_line, flaw_text
from evonas.runner.families import family, family_sentence
from evonas.runner.report_card import show
from evonas.runner.report_searcher import searcher_line, stopped_line
from evonas.spaces.mixed import family_names, log10_size
from evonas.study.final import metric_on_test
from evonas.study.progress import Listener, Progress
from evonas.study.study import Study
from evonas.study.trial import Trial
from evonas.units import format_duration

COUNTS = ("params", "macs")
"""Costs of which there are fewer, not less."""

PLAIN_INTERVAL_S = 10.0
"""Seconds between progress lines where standard error is no terminal."""


@contextmanager
def progress_line() -> Iterator[Listener]:
    """Yields a listener that shows progress on standard error.

    One line that is kept up to date on a terminal, a plain line every few seconds elsewhere.
    """
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        yield lambda progress: live.update(Text(describe(progress), no_wrap=True))


class _PlainLines:
    def __init__(self) -> None:
        self.phase = ""
        self.shown = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        due = now - self.shown >= PLAIN_INTERVAL_S or progress.share >= 1.0
        due |= progress.stopped is not None
        if due or progress.phase != self.phase:
            print(describe(progress), file=sys.stderr, flush=True)
            self.phase, self.shown = progress.phase, now


def describe(progress: Progress) -> str:
    """Returns progress as one line."""
    parts = [f"{progress.phase} {100 * progress.share:3.0f} %: {progress.done} trained"]
    if progress.infeasible or progress.failed:
        parts.append(f"{progress.infeasible} beyond a limit, {progress.failed} failed")
    if progress.hypervolume is not None:
        parts.append(f"hypervolume {progress.hypervolume:.3f}")
    if progress.best_metric is not None:
        parts.append(f"best error {progress.best_metric:.4g}")
    if progress.smallest_params is not None:
        parts.append(f"smallest {progress.smallest_params:.0f} params")
    if progress.stopped is not None:
        parts.append(f"stopped: {progress.stopped}")
    elif progress.seconds_left is not None and progress.share < 1:
        parts.append(f"{format_duration(progress.seconds_left)} left")
    return ", ".join(parts)


def opening_lines(study: Study) -> list[str]:
    """Returns what a search says before it begins: data, what was done to it, space and device."""
    splits, space = study.splits, study.problem.space
    shape = " x ".join(str(n) for n in splits.input_shape)
    target = splits.target
    return [
        f"data: {len(splits.train)} training, {len(splits.val)} validation and "
        f"{len(splits.test)} test samples of {shape}, {target}",
        *(f"note: {note}" for note in splits.notes),
        f"space: {_families(study)}10^{log10_size(space):.1f} genomes of {space.genes.n_var} "
        f"genes; the seed network has {study.problem.costs(space.seed)['params']:.0f} params",
        f"device: {study.problem.describe_device()}",
        *_budget_note(study),
        *filter(None, [hint(study.config.proxy.backend)]),
    ]


def _families(study: Study) -> str:
    names = family_names(study.problem.space)
    return f"{' and '.join(names)}, together " if names else ""


def _budget_note(study: Study) -> list[str]:
    budget = study.config.search.budget
    if budget.cpu is None and budget.wall is None:
        return []
    return ["note: a budget in seconds: no two runs, and no resumed one, try the same networks"]


def closing_lines(study: Study) -> list[str]:
    """Returns what a finished search prints."""
    summary = study.summary()
    front = study.front()
    lines = [_front_line(study, summary, len(front))]
    if front:
        lines += front_table(study, front)
    else:
        lines += ["no full training succeeded within all limits"]
    seed = study.seed_trial()
    alike = ", trained alike" if "error" in seed.values else ""
    lines += [f"seed network{alike}: {_values(study, seed)}"]
    lines += [_reference(study, *named) for named in study.reference_trials().items()]
    lines += [sentence] if (sentence := family_sentence(study)) else []
    if front:
        lines += [_recommendation(study), *_no_worse_than_seed(study, front, seed)]
    rank = summary["rank_correlation"]
    if rank["proxy_final"] is not None:
        agree = rank["final_final"]
        tail = "" if agree is None else f" (two full trainings agree at {agree:.2f})"
        found = f"Spearman {rank['proxy_final']:.2f} over {rank['n']} networks"
        lines += [f"proxy against full training: {found}{_at_rungs(rank)}{tail}"]
    lines += [_hypervolume(study, summary)]
    lines += filter(None, [searcher_line(study, summary), stopped_line(summary)])
    folder = study.directory
    if front:
        lines += [f"next: {_next(study)}"]
    lines += [f"figures and report: {folder}/report.md"]
    return lines


def _at_rungs(rank: Mapping[str, Any]) -> str:
    """Returns the correlations of higher rungs, where there are any."""
    return "".join(
        f", at {steps} steps {rung['proxy_final']:.2f} over {rung['n']}"
        for steps, rung in (rank.get("rungs") or {}).items()
        if rung["proxy_final"] is not None
    )


def _next(study: Study) -> str:
    """Returns the command that follows a search: export, or training where nothing was trained."""
    target, config = (quote(f"{study.directory}{end}") for end in (":recommended", "/config.toml"))
    if not study.problem.needs_training:
        return f"evonas train {target} --config {config}"
    reads = load_runtime(study.problem.runtime).export_format
    form = reads if reads in FORMATS else "onnx"
    return f"evonas export {target} --format {form} -o out/"


def _front_line(study: Study, summary: dict[str, Any], n_front: int) -> str:
    """Returns how many networks are on the front, of how many trials, and in which time."""
    counts, trials = summary["trials"], study.trials()
    seconds = sum(value for key, value in summary["seconds"].items() if key != "cpu")
    n = counts["complete"] + counts["failed"]
    complete = [trial for trial in trials if trial.state == "complete"]
    n_feasible = sum(study.problem.is_feasible(trial.values) for trial in complete)
    lacking = any(trial.state == "infeasible" and trial.error is not None for trial in trials)
    why = "beyond a limit or not executable" if lacking else "beyond a limit"
    beyond = counts["infeasible"]
    more = f"; {beyond} more {why} were not trained" if beyond else ""
    return (
        f"front: {n_front} network{'s' * (n_front != 1)} of {n} trials ({n_feasible} feasible, "
        f"{counts['failed']} failed{more}) in {format_duration(seconds)}"
    )


def front_table(study: Study, front: list[Trial]) -> list[str]:
    """Returns the front as the rows of a table, header first."""
    names = [objective.name for objective in study.problem.objectives]
    names += [name for name in ("model_bytes", "params") if name not in names]
    titles = [_title(study, name) for name in names]
    tested = study.problem.trained_names if len(study.splits.test) else ()
    tail = [f"test {_title(study, name)}" for name in tested]
    tail += ["family"] if family_names(study.problem.space) else []
    rows = [["#", *titles, *tail]]
    for trial in front:
        cells = [show(study, name, trial.values.get(name)) for name in names]
        tail = [show(study, name, metric_on_test(trial, name)) for name in tested]
        tail += [found] if (found := family(study, trial)) is not None else []
        rows.append([str(trial.number), *cells, *tail])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]


def _title(study: Study, name: str) -> str:
    return readable(study.problem.title(name))


def _values(study: Study, trial: Trial) -> str:
    names = [o.name for o in study.problem.objectives if o.name in trial.values]
    parts = [f"{_title(study, name)} {show(study, name, trial.values[name])}" for name in names]
    if "params" in trial.values and "params" not in names:
        parts.append(f"{trial.values['params']:.0f} params")
    for name in study.problem.trained_names:
        test = metric_on_test(trial, name)
        if test is not None:
            parts.append(f"test {_title(study, name)} {show(study, name, test)}")
    return ", ".join(parts)


def _recommendation(study: Study) -> str:
    trial = study.recommend()
    return (
        f"recommended: trial {trial.number} (knee): {_values(study, trial)} "
        f"on {study.problem.describe_device()}"
    )


def _no_worse_than_seed(study: Study, front: list[Trial], seed: Trial) -> list[str]:
    """Returns a line on the cheapest network that is cheaper than the seed and errs no more."""
    cost = next((o.name for o in study.problem.objectives if not o.needs_training), "params")
    judged_by = study.problem.judged_by
    if judged_by not in seed.values:
        return []
    goal, most = seed.values[judged_by], seed.values[cost]
    good = [t for t in front if t.values[judged_by] <= goal and t.values[cost] < most]
    if not good:
        return []
    trial = min(good, key=lambda t: t.values[cost])
    gains = {name: seed.values[name] / trial.values[name] for name in (cost, "params")}
    words = [
        f"{gain:.1f} times {'fewer' if name in COUNTS else 'less'} {readable(name)}"
        for name, gain in gains.items()
    ]
    return [
        f"no worse than the seed network: trial {trial.number}: {_values(study, trial)} "
        f"({', '.join(words)})"
    ]


def _reference(study: Study, name: str, trial: Trial) -> str:
    """Returns a line on a reference that was trained beside the front."""
    is_trained = "error" in trial.values
    found = f"{_values(study, trial)}; {dominance_line(study, trial)}" if is_trained else "–"
    return f"{name}{', trained alike' * is_trained}{flaw_text(study, trial)}: {found}"


def _hypervolume(study: Study, summary: dict[str, Any]) -> str:
    rival = summary.get("random")
    tail = ""
    if isinstance(rival, dict):
        is_counted = study.config.search.budget.trials is not None
        alike = "with as many trials" if is_counted else "at the same budget"
        tail = f" (random search {alike}: {rival['hypervolume']:.2f})"
    return f"hypervolume {summary['hypervolume']:.2f}{tail}"


def comparison_lines(comparison: Comparison) -> list[str]:
    """Returns what a finished comparison prints."""
    lines = []
    for block in comparison.blocks:
        found = comparison.indicators[block.study]
        lines += [f"{block.study}: {block.task}, {block.space}", "", *quality_table(found), ""]
        lines += [*verdicts(block, found), ""]
    left = [run for run in comparison.runs if not run.finished]
    lines += [f"failed: {r.study}, {r.method}, seed {r.seed}: {r.error}" for r in left if r.error]
    n_open = sum(run.error is None for run in left)
    lines += [f"not ended: {n_open} of {len(comparison.runs)} runs"] if n_open else []
    return [*lines, f"figures and report: {comparison.directory}/report.md"]
