"""report.md: what a study found, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from evonas.atomic import write_text
from evonas.cost import cost_report
from evonas.plots import PLOTS
from evonas.plots.axes import readable
from evonas.runner.report_card import card, cell, share_of_device, show, table, wrapped
from evonas.runner.report_exports import exports_table
from evonas.runner.report_front import columns, front_section, title
from evonas.runner.report_searcher import searcher_line, stopped_line
from evonas.spaces.mixed import family_names, log10_size
from evonas.study.final import metric_on_test
from evonas.study.recommend import SLACK, most_error, worth_having
from evonas.study.study import Study
from evonas.study.trial import Trial
from evonas.units import format_duration, format_quantity

FIGURES = {
    "front": "Trials, candidates trained in full, and the front",
    "hypervolume": "Hypervolume over trials",
    "genes": "Genes of the networks on the front",
}
"""Figures in the order of the report, and what each shows; further registered ones follow."""

KERNELS = {"cmsis_nn": "CMSIS-NN", "tflm_reference": "TFLite Micro's reference"}
MOST_CHANNELS = 16
"""Normalisation is listed for inputs of at most so many channels."""


def write_report(study: Study) -> Path:
    """Writes report.md into a study's folder, from its record, summary.json and its figures.

    What is not known, in an unfinished study or without a summary, is left out.
    """
    summary, front = study.summary(), study.front()
    recommended = study.recommend() if front else None
    exports = exports_table(study)
    sections = [
        [f"# {study.config.study.name}"],
        _overview(study, summary),
        ["## The front", "", *_figure(study, "front"), ""],
        front_section(study, front, recommended),
        ["## Recommended network", *_recommendation(study, recommended)] if recommended else [],
        ["## How the search went", *_search(study, summary)],
        ["## Data", *_data(study)],
        ["## Networks on the front"] if front else [],
        *(card(study, trial, trial == recommended) for trial in front),
        ["## Exports", *exports] if exports else [],
        ["## Again", *_again(study, summary)],
    ]
    lines = _separated([line for section in sections if section for line in [*section, ""]])
    path = study.directory / "report.md"
    write_text(path, "\n".join(lines))
    return path


def _overview(study: Study, summary: dict[str, Any]) -> list[str]:
    config, problem, splits = study.config, study.problem, study.splits
    costs = cost_report(problem.space.seed, problem.device, problem.runtime)
    objectives = [title(study, o.name) for o in problem.objectives]
    limits = [
        f"{readable(limit.name)} ≤ {show(study, limit.name, limit.value)} ({limit.source})"
        for limit in problem.limits
    ]
    shape = " × ".join(map(str, splits.input_shape))
    outputs = splits.target
    trials = study.trials()
    counts = {state: sum(t.state == state for t in trials) for state in _STATES}
    complete = [t for t in trials if t.state == "complete"]
    counts["beyond"] = sum(not problem.is_feasible(t.values) for t in complete)
    counts["complete"] -= counts["beyond"]
    states = [(t.state, t.error is None) for t in trials]
    counts["not executable"] = states.count(("infeasible", False))
    counts["infeasible"] -= counts["not executable"]
    tried = ", ".join(f"{n} {_STATES[state]}" for state, n in counts.items() if n)
    device = problem.device
    kernels = KERNELS.get(costs.kernel_library, costs.kernel_library)
    return _paragraph(
        f"Task {_task_name(study)}: from {shape} inputs to {outputs}; {len(splits.train)} "
        f"training, {len(splits.val)} validation and {len(splits.test)} test samples; the metric "
        f"is {readable(problem.metric.name)}.",
        f"The {_space_name(study)} about 10^{log10_size(problem.space):.1f} genomes; "
        f"{config.search.searcher} minimised "
        f"{_listed(objectives)}.",
        f"Limits: {_listed(limits)}.",
        f"Trials: {tried or 'none yet'}.",
        f"Device: {device.name} ({device.title}, {device.core}, {device.clock_hz / 1e6:g} MHz), "
        f"runtime {problem.runtime} with {kernels} kernels; how its latency is modelled: "
        f"{costs.accuracy}.",
        _duration(summary.get("seconds") or {}),
    )


def _space_name(study: Study) -> str:
    names = family_names(study.problem.space)
    if names:
        return f"{_listed(names)} spaces around their seed networks have together"
    kind = study.config.space.kind
    return f"{kind if isinstance(kind, str) else kind[0]} space around the seed network has"


_STATES = {
    "complete": "feasible and evaluated",
    "beyond": "trained and beyond a limit on the error",
    "infeasible": "beyond a limit and never trained",
    "not executable": "not executable by the runtime and never trained",
    "failed": "failed",
    "waiting": "not trained",
}


def _duration(seconds: dict[str, float]) -> str:
    words = {"search": "search", "final": "full training", "cpu": "CPU time of all trainings"}
    parts = [f"{words[key]} {format_duration(seconds[key])}" for key in words if key in seconds]
    return f"Time: {', '.join(parts)}." if parts else ""


def _recommendation(study: Study, trial: Trial) -> list[str]:
    seed = study.seed_trial()
    lines = _paragraph(
        f"Trial {trial.number}, the knee of the front: of its networks{_worth_having(study)} the",
        "nearest to the ideal,",
        "which has an error of 0 and" if study.problem.needs_training else "which has",
        "the smallest costs that the space can reach.",
        "Distances are measured in the box from the ideal to",
        "a constant prediction's error and" if study.problem.needs_training else "",
        "the seed network's costs, with costs on logarithmic scales.",
    )
    names = [n for n in columns(study) if n in trial.values and n in seed.values]
    rows = []
    for name in names:
        here, there = trial.values[name], seed.values[name]
        is_cost = name not in study.problem.trained_names
        ratio = _ratio(there / here) if is_cost and here > 0 else ""
        rows.append([title(study, name), show(study, name, here), show(study, name, there), ratio])
    for name in study.problem.trained_names:
        tests = [metric_on_test(network, name) for network in (trial, seed)]
        if None not in tests:
            test = f"test {readable(study.problem.title(name))}"
            rows.append([test, *(show(study, name, value) for value in tests), ""])
    titles = ["value", f"trial {trial.number}", "seed network", "seed / trial"]
    shares = [f"- {line}" for line in share_of_device(study, trial)]
    return ["", *lines, "", *table(titles, rows), "", *shares]


def _worth_having(study: Study) -> str:
    """Returns which of the front's networks could be recommended, if not all."""
    most, front = most_error(study), study.front()
    if most is None or len(worth_having(study, front)) in (0, len(front)):
        return ""
    judged_by = study.problem.judged_by
    return (
        f" with a validation {readable(study.problem.title(judged_by))} of at most "
        f"{show(study, judged_by, most)} (the seed network's and {100 * SLACK:.0f} % of a constant "
        "prediction's)"
    )


def _ratio(value: float) -> str:
    return f"{value:.3g}×" if value < 1000 else f"{format_quantity(value, 'count')}×"


def _search(study: Study, summary: dict[str, Any]) -> list[str]:
    lines: list[str] = [""]
    if summary.get("hypervolume") is not None:
        lines += [f"- Hypervolume of the front: {summary['hypervolume']:.3f}, the share of the box"]
        lines += ["  between the ideal and the seed network's costs that it dominates."]
    rival = summary.get("random") or {}
    if rival.get("hypervolume") is not None:
        lines += [
            f"- Random search with the same budget and trainings: {rival['hypervolume']:.3f}."
        ]
    rank = summary.get("rank_correlation") or {}
    if rank.get("proxy_final") is not None:
        lines += ["- Proxy against full training: Spearman correlation"]
        lines += [f"  {rank['proxy_final']:.2f} over {rank['n']} networks."]
    for steps, rung in (rank.get("rungs") or {}).items():
        if rung["proxy_final"] is not None:
            lines += [f"- After {steps} steps: {rung['proxy_final']:.2f} over {rung['n']} of them."]
    if rank.get("final_final") is not None:
        lines += ["- Two full trainings with different seeds: Spearman correlation"]
        lines += [f"  {rank['final_final']:.2f} between them: so well does one predict the other."]
    for line in (searcher_line(study, summary), stopped_line(summary)):
        lines += wrapped(f"- {line[0].upper()}{line[1:]}.", indent="  ") if line else []
    names = [*FIGURES, *(name for name in PLOTS.names() if name not in FIGURES)]
    for name in names[1:]:
        lines += ["", *_figure(study, name)]
    return lines


def _figure(study: Study, name: str) -> list[str]:
    if not (study.directory / "figures" / f"{name}.png").is_file():
        return []
    return [f"![{FIGURES.get(name, readable(name))}](figures/{name}.png)"]


def _data(study: Study) -> list[str]:
    splits = study.splits
    lines = [""] if splits.notes else []
    lines += [f"- {' '.join(note.split())}" for note in splits.notes]
    mean, std = splits.normalisation.mean, splits.normalisation.std
    n_channels = f"{len(mean)} channel{'s' if len(mean) > 1 else ''}"
    lines += ["", "Inputs are normalised per channel, (x − mean) / std, fitted on the training"]
    lines += [f"part alone ({n_channels})."]
    if len(mean) <= MOST_CHANNELS:
        rows = [
            [str(i), f"{m:.6g}", f"{s:.6g}"] for i, (m, s) in enumerate(zip(mean, std, strict=True))
        ]
        lines += ["", *table(["channel", "mean", "std"], rows)]
    return lines


def _again(study: Study, summary: dict[str, Any]) -> list[str]:
    folder = study.directory
    found = summary.get("versions") or study.store.meta("versions") or {}
    versions = [f"{name} {version}" for name, version in found.items()]
    return [
        "", "```",
        f"evonas search {quote(f'{folder}/config.toml')} --dir {quote(f'{folder}-again')}",
        "```", "",
        f"Seed {study.config.study.seed}; {', '.join(versions)}.",
    ]  # fmt: skip


def _task_name(study: Study) -> str:
    task = study.config.task
    name = task.settings.get("name") or Path(str(task.settings.get("path", ""))).name
    return cell(f"{task.kind} {name}".strip())


def _separated(lines: Sequence[str]) -> list[str]:
    """Returns lines without a blank one behind another."""
    return [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]


def _paragraph(*sentences: str) -> list[str]:
    return wrapped(" ".join(sentence for sentence in sentences if sentence))


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
