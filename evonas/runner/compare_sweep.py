"""A run that sweeps a method's strengths: search, train what was found in full, and again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evonas.analysis.comparison import BEYOND_A_LIMIT, ComparisonRow
from evonas.baselines.baseline import Found, sweep
from evonas.errors import SpecError
from evonas.runner.compare_contest import Contest
from evonas.runner.compare_methods import contestant
from evonas.runner.compare_store import Network, RunStore
from evonas.runner.compare_training import train_in_full
from evonas.study.evaluate import load_weights, save_weights
from evonas.study.progress import Listener, Progress

MAX_FAILURES = 5
"""Strengths in a row that may fail before a run ends."""
MAX_REPEATS = 64
"""Strengths in a row that may find nothing new before a run ends, where they cost nothing."""
STATE = "warm-up.npz"
"""File of what the warm-up left, in the run's folder."""


@dataclass
class Spent:
    """What a run has taken so far.

    Attributes:
        cpu: CPU seconds.
        samples: Training samples read.
        search: CPU seconds of searching alone.
        costs: Of each strength so far, in the unit of the budget.
    """

    cpu: float = 0.0
    samples: int = 0
    search: float = 0.0
    costs: list[float] = field(default_factory=list)

    @classmethod
    def read(cls, store: RunStore) -> Spent:
        """Returns what a run's record says."""
        return cls(**(store.meta("spent") or {}))


def run_sweep(contest: Contest, store: RunStore, listener: Listener | None) -> None:
    """Sweeps until the budget is expected to hold no further strength.

    A strength is one step of the record: an interrupted one is made again, from the same warm-up.

    Args:
        contest: What the run works on.
        store: Its record.
        listener: Told after every strength.
    """
    contest.load_libraries()
    _Sweep(contest, store, listener).run()


class _Sweep:
    def __init__(self, contest: Contest, store: RunStore, listener: Listener | None) -> None:
        self.contest = contest
        self.store = store
        self.listener = listener
        self.budget = contest.block.budget
        self.spent = Spent.read(store)
        self.known = [network.row for network in store.networks()]
        self.clock = time.process_time()
        task = contest.search_task()
        self.baseline = contestant(contest.block, contest.run.method, task)
        if (contest.folder / STATE).exists():
            self.baseline.restore(load_weights(contest.folder / STATE))

    def run(self) -> None:
        for number, strength in enumerate(sweep(*self.baseline.sweep_ends)):
            if number < len(self.known):
                continue
            if (number and not self.baseline.has_sweep) or not self._holds_another():
                return
            self._keep(number, strength)
            self._report()

    def _holds_another(self) -> bool:
        costs = self.spent.costs
        if not costs:
            return True
        recent = self.known[-MAX_FAILURES:]
        if len(recent) == MAX_FAILURES and not any(row.digest for row in recent):
            return False
        first = {row.digest: i for i, row in reversed(list(enumerate(self.known)))}
        since_new = len(self.known) - 1 - max(first.values())
        if since_new >= MAX_REPEATS:
            return False
        later = costs[1:] or costs  # the first one made the warm-up, too
        return self._share() < 1 and self._amount() + float(np.mean(later)) <= self._limit()

    def _limit(self) -> float:
        return float(self.budget.cpu or self.budget.samples or 0)

    def _amount(self) -> float:
        return self.spent.cpu if self.budget.cpu is not None else float(self.spent.samples)

    def _share(self) -> float:
        return self._amount() / self._limit()

    def _keep(self, number: int, strength: float) -> None:
        """Makes one strength and records it with what the run has spent by then."""
        before = self._amount()
        found, error = self._found(strength)
        row: dict[str, Any] = {"digest": "", "validation": None, "validation_loss": None}
        row |= {"values": {}, "error": error}
        if found is not None:
            self._keep_state()
            self.spent.samples += found.samples
            self.spent.search += found.cpu_seconds
            row |= self._trained(number, found)
        now = time.process_time()
        self.spent.cpu += now - self.clock
        self.clock = now
        self.spent.costs.append(self._amount() - before)
        run = self.contest.run
        made = ComparisonRow(
            study=run.study,
            method=run.method,
            seed=run.seed,
            number=number,
            is_front=False,
            test=None,
            samples=self.spent.samples,
            cpu_seconds=self.spent.cpu,
            strength=strength,
            **row,
        )
        self.known.append(made)
        genome = found.genome if found is not None else ()
        weights = next(r.number for r in self.known if r.digest == made.digest)
        self.store.put([Network(made, genome, weights)], {"spent": vars(self.spent)})

    def _found(self, strength: float) -> tuple[Found | None, str | None]:
        try:
            found = self.baseline.search(strength)
            space = self.contest.problem.space
            decoded = space.decode(np.array(found.genome, dtype=np.int64))
            if decoded.digest != found.spec.digest:
                raise SpecError("the network found is not the one that its genome stands for")
        except Exception as error:  # one strength's failure is a row, never the end of a run
            return None, f"{type(error).__name__}: {error}".splitlines()[0]
        return found, found.error

    def _keep_state(self) -> None:
        path = self.contest.folder / STATE
        state = self.baseline.state()
        if state is not None and not path.exists():
            save_weights(path, state)

    def _trained(self, number: int, found: Found) -> dict[str, Any]:
        """Returns what is recorded of a network that was found, after its full training."""
        values, reason = self.contest.problem.known_costs(found.spec)
        row: dict[str, Any] = {
            "digest": found.spec.digest,
            "values": values,
            "targets": dict(found.targets),
            "costs": dict(found.costs),
            "relaxed": dict(found.relaxed),
            "n_changed": found.n_changed,
            "n_parameters": found.n_parameters,
        }
        twin = [r for r in self.known if r.digest == found.spec.digest and r.validation is not None]
        if reason is None and not self.contest.problem.is_feasible(values):
            reason = f"{BEYOND_A_LIMIT}: {self.contest.problem.describe_limits(values)}"
        if reason is not None:
            return {**row, "validation": None, "validation_loss": None, "error": reason}
        if twin:
            return {
                **row,
                "validation": twin[0].validation,
                "validation_loss": twin[0].validation_loss,
                "error": found.error,
            }
        training = train_in_full(self.contest, number, found.genome)
        self.spent.samples += training.samples
        return {
            **row,
            "validation": training.validation,
            "validation_loss": training.loss,
            "error": training.error or found.error,
        }

    def _report(self) -> None:
        if self.listener is not None:
            n = len({row.digest for row in self.known if row.validation is not None})
            self.listener(Progress(self.contest.run.label, n, min(self._share(), 1.0)))
