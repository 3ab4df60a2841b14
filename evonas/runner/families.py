"""Which family of a mixed space owns which part of a study's front."""

from __future__ import annotations

from typing import Any, NamedTuple

from evonas.pareto import normalised_hypervolume
from evonas.plots.axes import readable
from evonas.runner.report_card import show, table
from evonas.spaces.mixed import family_names, family_of
from evonas.study.study import Study
from evonas.study.trial import Trial


class FamilyShare(NamedTuple):
    """What a family has of a front.

    Attributes:
        name: The family.
        trials: Its networks that were tried and are within all limits.
        networks: Its networks on the front.
        hypervolume: Share of the front's hypervolume that only this family's networks dominate;
            None of a front without hypervolume.
        ranges: Objective's name -> smallest and largest value among its networks on the front.
    """

    name: str
    trials: int
    networks: int
    hypervolume: float | None
    ranges: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields but the name as JSON values."""
        found = self._asdict()
        del found["name"]
        return found | {"ranges": {name: list(ends) for name, ends in self.ranges.items()}}


def family(study: Study, trial: Trial) -> str | None:
    """Returns the family of a trial's network; None in a space that is not mixed."""
    return family_of(study.problem.space, trial.spec)


def family_shares(study: Study) -> list[FamilyShare]:
    """Returns every family's share of the front, in the order of the config; none if not mixed."""
    names = family_names(study.problem.space)
    if not names:
        return []
    front = [(family(study, trial), trial) for trial in study.front()]
    feasible = [t for t in study.trials() if t.state == "complete"]
    tried = [family(study, t) for t in feasible if study.problem.is_feasible(t.values)]
    whole = _hypervolume(study, [trial for _, trial in front])
    shares = []
    for name in names:
        own = [trial for found, trial in front if found == name]
        rest = _hypervolume(study, [trial for found, trial in front if found != name])
        share = (whole - rest) / whole if whole > 0 else None
        shares.append(FamilyShare(name, tried.count(name), len(own), share, _ranges(study, own)))
    return shares


def _hypervolume(study: Study, trials: list[Trial]) -> float:
    return normalised_hypervolume(study.problem.columns([t.values for t in trials]), study.box)


def _ranges(study: Study, trials: list[Trial]) -> dict[str, tuple[float, float]]:
    found = {}
    for objective in study.problem.objectives if trials else ():
        values = [trial.values[objective.name] for trial in trials]
        found[objective.name] = (min(values), max(values))
    return found


def family_sentence(study: Study) -> str:
    """Returns one sentence on every family's part of the front; empty if the space is not mixed."""
    shares = family_shares(study)
    n_front = sum(share.networks for share in shares)
    parts = [
        f"{share.name} {share.networks} of {n_front} networks"
        + ("" if share.hypervolume is None else f" and {_percent(share)} of the hypervolume alone")
        for share in shares
    ]
    return f"families on the front: {'; '.join(parts)}" if parts else ""


def family_table(study: Study) -> list[str]:
    """Returns a markdown table of every family's part of the front; empty if not mixed."""
    shares = family_shares(study)
    if not shares:
        return []
    names = [objective.name for objective in study.problem.objectives]
    titles = [readable(study.problem.title(n)) for n in names]
    rows = [
        [share.name, str(share.trials), str(share.networks)]
        + ["–" if share.hypervolume is None else _percent(share)]
        + [_range(study, name, share.ranges.get(name)) for name in names]
        for share in shares
    ]
    header = ["family", "trials", "on the front", "hypervolume alone", *titles]
    return table(header, rows)


def _percent(share: FamilyShare) -> str:
    return f"{100 * (share.hypervolume or 0.0):.1f} %"


def _range(study: Study, name: str, ends: tuple[float, float] | None) -> str:
    if ends is None:
        return "–"
    low, high = (show(study, name, value) for value in ends)
    return low if low == high else f"{low} to {high}"
