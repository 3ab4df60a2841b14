"""One network on the front as a section of report.md, and the tables of the whole report."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from evonas.arch.graph import LoweredOp
from evonas.arch.lower import lower
from evonas.cost import cost_report
from evonas.plots.axes import readable
from evonas.study.study import Study
from evonas.study.trial import Stage, Trial
from evonas.units import format_quantity

LINE_LENGTH = 96


def card(study: Study, trial: Trial, is_recommended: bool) -> list[str]:
    """Returns the lines of a network's section: its recorded values, its shares, its layers."""
    mark = " (recommended)" if is_recommended else ""
    values = trial.values
    time = _time(study, trial)
    counts = ", ".join(f"{show(study, n, values.get(n))} {readable(n)}" for n in ("params", "macs"))
    lines = [f"### Trial {trial.number}{mark}", "", *_errors(study, trial), time, f"- {counts}"]
    lines += [f"- {line}" for line in share_of_device(study, trial)]
    lines += [f"- digest `{trial.digest}`{_weights(study, trial)}"]
    report = cost_report(trial.spec, study.problem.device, study.problem.runtime)
    layers, is_stream = report.layers, report.runtime == "c_step"
    rows = [
        [_operator(op), _shape(layer.shape), _count(layer.params), _count(layer.macs)]
        + [show(study, "latency", layer.latency_s)]
        + ["–" if is_stream else format_quantity(layer.ram_bytes, "byte")]
        for op, layer in zip(lower(trial.spec).ops, layers, strict=True)
    ]
    titles = ["operator", "output", "params", "MACs", "latency", "RAM alive"]
    return [*lines, "", *table(titles, rows, n_text=2)]


def _time(study: Study, trial: Trial) -> str:
    values = trial.values
    per_step = "_per_step" if "latency_per_step" in values else ""
    latency, energy = f"latency{per_step}", f"energy{per_step}"
    time = f"- {readable(latency)} {show(study, latency, values.get(latency))}"
    if energy not in values:
        return time
    unit = "a step on average" if per_step else "an inference"
    return f"{time}, energy {show(study, energy, values[energy])} {unit}"


def share_of_device(study: Study, trial: Trial) -> list[str]:
    """Returns two lines: what a network takes of its device's RAM and of its flash."""
    device, values = study.problem.device, trial.values
    ram, flash = values.get("peak_ram", math.nan), values.get("flash", math.nan)
    block, size = device.largest_ram_block_bytes, device.flash_bytes
    share = "" if size is None else f": {_share(flash / size)} of its {_bytes(size)}"
    return [
        f"peak RAM {show(study, 'peak_ram', ram)}: {_share(ram / block)} of the {_bytes(block)}"
        f" that {device.name} has in one block",
        f"flash {show(study, 'flash', flash)}{share}; the model itself is"
        f" {show(study, 'model_bytes', values.get('model_bytes'))}",
    ]


def show(study: Study, name: str, value: float | None) -> str:
    """Returns an objective's value as a person reads it; the error in the metric's own unit."""
    if value is None or not math.isfinite(value):
        return "–"
    return study.problem.readable(name, value)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], n_text: int = 1) -> list[str]:
    """Returns a markdown table; all columns but the first n_text are flush right."""
    rule = [":--" if i < n_text else "--:" for i in range(len(titles))]
    body = [titles, rule, *rows]
    return [f"| {' | '.join(cell(text) for text in row)} |" for row in body]


def wrapped(text: str, indent: str = "") -> list[str]:
    """Returns a text as lines of at most LINE_LENGTH characters, the later ones indented."""
    return textwrap.wrap(
        text,
        LINE_LENGTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def cell(text: str) -> str:
    """Returns a text that breaks no table: on one line, bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def _errors(study: Study, trial: Trial) -> list[str]:
    parts: dict[Stage, str] = {"final": "validation", "test": "test"}
    lines = []
    for name in study.problem.trained_names:
        metric = readable(study.problem.title(name))
        for stage, part in parts.items():
            runs = [run.metrics[name] for run in trial.of_stage(stage) if name in run.metrics]
            each = ", ".join(show(study, name, run) for run in runs)
            if runs:
                seeds = f" (trainings: {each})" if len(runs) > 1 else ""
                mean = show(study, name, trial.mean_metrics(stage)[name])
                lines.append(f"- {part} {metric} {mean}{seeds}")
    return lines


def _weights(study: Study, trial: Trial) -> str:
    path = study.weights_path(trial.number)
    if not path.is_file():
        return ""
    relative = path.relative_to(study.directory).as_posix()
    return f", weights [{relative}]({relative})"


def _operator(op: LoweredOp) -> str:
    parts = [(op.cell or op.kind).replace("_", " ")]
    if op.kind in _WINDOWED:
        parts[0] += f" k{_pair(op.kernel)}"
    if op.kind == "stack":
        parts[0] += f" ×{op.stride[1]}"
    parts += [f"rank of {m} {r}" for m, r in (("W", op.rank_w), ("U", op.rank_u)) if r]
    if max(op.stride) > 1 and op.stride != op.kernel:
        parts.append(f"stride {_pair(op.stride)}")
    if max(op.dilation) > 1:
        parts.append(f"dilation {_pair(op.dilation)}")
    if op.activation and op.activation != op.kind:
        parts.append(op.activation)
    return ", ".join(parts)


_WINDOWED = ("conv", "depthwise", "average_pool", "max_pool")


def _pair(sizes: tuple[int, int]) -> str:
    """Returns the width alone of a one-dimensional window, else height and width."""
    return str(sizes[1]) if sizes[0] == 1 else f"{sizes[0]}×{sizes[1]}"


def _shape(shape: Sequence[int]) -> str:
    """Returns a deployed shape (height, width, channels) with the channels first, as in specs."""
    spatial = shape[1:-1] if len(shape) == 3 and shape[0] == 1 else shape[:-1]
    return " × ".join(map(str, (shape[-1], *spatial)))


def _count(value: int) -> str:
    return format_quantity(value, "count")


def _bytes(value: float) -> str:
    return format_quantity(value, "byte")


def _share(value: float) -> str:
    return f"{100 * value:.2g} %" if value < 0.1 else format_quantity(value, "share")
