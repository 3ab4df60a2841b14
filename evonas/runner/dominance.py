"""Which networks of a front are cheaper than a yardstick, and err no more than it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from evonas.plots.axes import readable
from evonas.runner.report_card import show
from evonas.study.study import Study
from evonas.study.trial import Trial
from evonas.units import format_quantity

FEWEST_COSTS = 2
"""In how many costs a network is smaller than what it dominates, at least."""


class Dominator(NamedTuple):
    """A network on the front beside a yardstick.

    Attributes:
        trial: The network.
        ratios: Cost -> the yardstick's value / the network's; above 1 where the network is
            smaller.
    """

    trial: Trial
    ratios: dict[str, float]

    @property
    def smaller(self) -> dict[str, float]:
        """The ratios of the costs in which the network is smaller."""
        return {name: ratio for name, ratio in self.ratios.items() if ratio > 1}

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return {"trial": self.trial.number, "ratios": self.ratios}


def dominators(study: Study, yardstick: Trial) -> list[Dominator]:
    """Returns the front's networks that are smaller than a yardstick in at least two costs.

    Their validation metric is no worse than the yardstick's. Those that are smaller in the most
    costs come first, of these the ones that are it by the largest factors. Compared are the costs
    among the objectives and the parameters; where a yardstick has not two of them, because the
    runtime cannot execute it, the multiply-accumulates too. None before full training.

    Args:
        study: A study with a front.
        yardstick: The seed network or a reference, by its final values.
    """
    judged_by = study.problem.judged_by
    if judged_by not in yardstick.values:
        return []
    most, names = yardstick.values[judged_by], compared_costs(study, yardstick)
    found = []
    for trial in study.front():
        if trial.digest == yardstick.digest or trial.values[judged_by] > most:
            continue
        ratios = {name: yardstick.values[name] / trial.values[name] for name in names}
        found.append(Dominator(trial, ratios))
    found = [each for each in found if len(each.smaller) >= FEWEST_COSTS]
    return sorted(found, key=lambda d: (-len(d.smaller), -sum(map(math.log, d.ratios.values()))))


def compared_costs(study: Study, yardstick: Trial) -> list[str]:
    """Returns the names of the costs in which a yardstick is compared with the front."""
    costs = [o.name for o in study.problem.objectives if not o.needs_training]
    known = [n for n in dict.fromkeys([*costs, "params"]) if yardstick.values.get(n, 0) > 0]
    if len(known) < FEWEST_COSTS:
        known += [n for n in ("macs",) if n not in known and yardstick.values.get(n, 0) > 0]
    return known


def dominance_line(study: Study, yardstick: Trial) -> str:
    """Returns one line: which network dominates a yardstick by how much, and how many more do."""
    judged_by = study.problem.judged_by
    found, metric = dominators(study, yardstick), readable(study.problem.title(judged_by))
    if not found:
        return (
            "no network on the front is smaller in two costs at an equal or better validation "
            f"{metric}"
        )
    best = found[0]
    parts = [_times(name, ratio) for name, ratio in best.ratios.items() if ratio != 1]
    errors = [show(study, judged_by, t.values[judged_by]) for t in (best.trial, yardstick)]
    others = ", ".join(str(each.trial.number) for each in found[1:])
    return (
        f"dominated by trial {best.trial.number}: {', '.join(parts)}, validation "
        f"{metric} {errors[0]} against {errors[1]}" + (f"; also by {others}" if others else "")
    )


def _times(name: str, ratio: float) -> str:
    is_count = name in ("params", "macs")
    more, less = "more", "fewer" if is_count else "less"
    factor, word = (ratio, less) if ratio > 1 else (1 / ratio, more)
    shown = f"{factor:.3g}" if factor < 1000 else format_quantity(factor, "count")
    return f"{shown}× {word} {readable(name)}"


def flaws(study: Study, yardstick: Trial) -> dict[str, str]:
    """Returns what keeps a yardstick off any front: what is wrong -> how, for people."""
    found = {}
    if yardstick.error is not None:
        found["not_executable"] = yardstick.error
    if beyond := study.problem.describe_limits(yardstick.values):
        found["beyond"] = beyond
    failures = [e.error for e in yardstick.evaluations if e.stage == "final" and e.error]
    if failures and "error" not in yardstick.values:
        found["failed"] = str(failures[0])
    return found


def flaw_text(study: Study, yardstick: Trial) -> str:
    """Returns a yardstick's flaws as a person reads them, such as " (beyond a limit: ...)"."""
    found = flaws(study, yardstick)
    parts = [f"{_FLAWS[kind]}: {text.rstrip('.')}" for kind, text in found.items()]
    return f" ({'; '.join(parts)})" if parts else ""


_FLAWS = {
    "not_executable": "not executable here",
    "beyond": "beyond a limit",
    "failed": "its training failed",
}
