"""A search under way: what its two ways, in batches and with a lag, do with trials alike."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from evonas.searchers import SEARCHERS
from evonas.searchers.searcher import AbstractSearcher
from evonas.study.evaluate import Job
from evonas.study.inheritance import nearest
from evonas.study.initial import first_population
from evonas.study.ledger import Ledger
from evonas.study.problem import Problem
from evonas.study.progress import Listener, Progress
from evonas.study.proxy_jobs import ProxyJobs, Source
from evonas.study.replay import Recorded
from evonas.study.spending import Spending
from evonas.study.stagnation import reason, stagnates
from evonas.study.store import TrialRow
from evonas.study.study import Study
from evonas.study.told import Floats, KnownColumns, told_columns
from evonas.study.trial import Evaluation, Stage, State


class Running:
    """Asks, records, takes results, tells; and replays all that from a record first.

    The order of `ask` and `tell` must follow from the config and the results told alone: then a
    search that was interrupted goes on as if it had not been.

    Args:
        study: The study, locked by `working`.
        data: The folder that `working` yields.
        listener: Told of every trained candidate.

    Attributes:
        ledger: All trials so far.
        spending: The budget.
        searcher: Whom to ask.
        jobs: Makes the trainings.
        is_replay: Whether some of what is recorded has not been replayed yet.
    """

    def __init__(self, study: Study, data: str, listener: Listener | None) -> None:
        self.study = study
        self.problem = study.problem
        self.ledger = Ledger(study.problem, study.box)
        self.spending = Spending(study, self.ledger)
        self.jobs = ProxyJobs(study, data)
        self._listener = listener
        self._recorded = Recorded(study)
        self._trained: dict[int, tuple[int, ...]] = {}  # told; whom others may inherit from
        self._parents: dict[int, Source | None] = {}
        self._n_asks = self._n_tells = 0
        self._began = time.monotonic()
        self._share_before: float | None = None
        self.is_replay = True
        self.searcher = searcher_of(study)
        self._catch_up()

    @property
    def is_over(self) -> bool:
        """Whether the search is to end here; never before all that is recorded was replayed."""
        is_spent = self.spending.is_spent() or self.stopped is not None
        return not self.is_replay and is_spent

    @property
    def stopped(self) -> str | None:
        """Why the search is to end ahead of its budget, or None."""
        window = self.study.config.search.stop_after
        return reason(window) if stagnates(self.ledger.growth, window) else None

    def ask(self, n: int | None) -> list[int]:
        """Returns the numbers of the trials asked next, recorded now or equal to those recorded.

        Args:
            n: How many; None leaves it to the searcher.

        Raises:
            StoreError: What is asked is not what was recorded, or it cannot be written.
        """
        X = self.searcher.ask(n)
        rows = self._recorded.batch(self._n_asks, X)
        if rows is None:
            first = len(self.ledger.rows)
            rows = [_row(self.problem, first + i, self._n_asks, x) for i, x in enumerate(X)]
            self.study.store.add_trials(rows)
        for row in rows:
            self.ledger.add_row(row)
            self._parents[row.number] = self._parent(row)
            if row.number in self._recorded.results:
                self.ledger.add_result(self._recorded.results[row.number])
        self._n_asks += 1
        self._catch_up()
        return [row.number for row in rows]

    def tell(self, numbers: Sequence[int]) -> None:
        """Tells the searcher of trials that are not due, and records when."""
        ledger = self.ledger
        rows = [ledger.rows[number] for number in numbers]
        results = [ledger.results.get(number) for number in numbers]
        failed = [
            row.error is not None or (result is not None and result.failure is not None)
            for row, result in zip(rows, results, strict=True)
        ]
        F, G = told_columns(self.problem, [row.analytic for row in rows], results, failed)
        self.searcher.tell(np.array([row.genome for row in rows], dtype=np.int64), F, G)
        if self._n_tells < len(self._recorded.tells):
            self.spending.go_on_from(*self._recorded.tells[self._n_tells])
        else:
            self.study.store.add_tell(self._n_tells, self.spending.cpu(), self.spending.wall())
        self._n_tells += 1
        self._catch_up()
        ledger.add_told(numbers)
        succeeded = (row for row in rows if row.number in ledger.results)
        self._trained |= {r.number: r.genome for r in succeeded if ledger.values(r.number)}

    def tell_again(self, numbers: Sequence[int], F: Floats, G: Floats) -> None:
        """Tells other values of trials told before; nothing is recorded, as all follows."""
        rows = [self.ledger.rows[number] for number in numbers]
        self.searcher.tell(np.array([row.genome for row in rows], dtype=np.int64), F, G)

    def job(self, number: int) -> Job:
        """Returns the proxy training of a trial."""
        if self._share_before is None:
            self._share_before = self.spending.share()
        genome = self.ledger.rows[number].genome
        return self.jobs.first(number, genome, self._parents[number])

    def job_beside(self, number: int, stage: Stage, seed: int) -> Job:
        """Returns the training of a trial to a higher rung, or another of its repetitions."""
        genome = self.ledger.rows[number].genome
        if stage == "rung":
            return self.jobs.to_rung(number, genome, seed)
        return self.jobs.again(number, genome, seed, self._parents[number])

    def take(self, evaluation: Evaluation) -> None:
        """Records a training that ended, and reports it."""
        state: State = "failed" if evaluation.failure else "complete"
        self.study.store.add_evaluation(evaluation, state)
        self.ledger.add_result(evaluation)
        self.spending.trained(evaluation)
        self._report()

    def replay_beside(self, keys: Iterable[tuple[int, Stage, int]]) -> None:
        """Takes up those of these further evaluations that are recorded."""
        for key in keys:
            if key in self._recorded.beside and key not in self.ledger.beside:
                self.ledger.add_beside(self._recorded.beside[key])
        self._catch_up()

    def take_beside(self, evaluation: Evaluation) -> None:
        """Records a further evaluation of a trial that ended, and reports it."""
        self.study.store.add_evaluation(evaluation)
        self.ledger.add_beside(evaluation)
        self.spending.trained(evaluation)
        self._report()

    def _parent(self, row: TrialRow) -> Source | None:
        """Returns the trial whose weights one starts from, of those told when it was asked."""
        if not self.study.config.proxy.inherit or row.state == "infeasible":
            return None
        number = nearest(self.problem.space.genes, row.genome, self._trained)
        return None if number is None else (number, self._trained[number])

    def keep_spent(self) -> None:
        """Records what the search has taken."""
        cpu, wall = self._recorded.spent
        spent = (max(self.spending.cpu(), cpu), max(self.spending.wall(), wall))
        self.study.store.set_meta("spent", spent)

    def keep_outcome(self) -> None:
        """Records what the searcher says of itself, and why it stopped ahead of its budget."""
        stopped = None if self.spending.is_spent() else self.stopped
        self.study.store.set_meta("stopped", stopped)
        self.study.store.set_meta("searcher", dict(self.searcher.report()))
        if stopped is not None:
            self._report(stopped)

    def _catch_up(self) -> None:
        """Lets the clocks go on from where they stopped, once all that is recorded was replayed."""
        recorded = self._recorded
        is_behind = (
            len(self.ledger.rows) < recorded.n_rows
            or self._n_tells < len(recorded.tells)
            or len(self.ledger.beside) < len(recorded.beside)
        )
        if self.is_replay and not is_behind:
            self.is_replay = False
            self.spending.go_on_from(*recorded.spent)

    def _report(self, stopped: str | None = None) -> None:
        if self._listener is None:
            return
        ledger = self.ledger
        succeeded = ledger.n_trained > ledger.n_failed
        share = min(self.spending.share(), 1.0)
        gained = share - (self._share_before or 0.0)
        seconds = time.monotonic() - self._began
        self._listener(
            Progress(
                phase="search",
                done=ledger.n_trained,
                share=share,
                feasible=ledger.n_feasible,
                infeasible=ledger.n_infeasible,
                failed=ledger.n_failed,
                hypervolume=ledger.hypervolume,
                best_metric=ledger.best_metric if succeeded else None,
                smallest_params=ledger.smallest_params if succeeded else None,
                seconds=seconds,
                seconds_left=seconds * (1 - share) / gained if gained > 0.03 else None,
                stopped=stopped,
            )
        )


def searcher_of(study: Study) -> AbstractSearcher:
    """Returns the searcher that a study's config names, before it is asked anything."""
    config, space = study.config, study.problem.space
    size, is_spread = config.search.pop_size, config.search.sampling == "spread"
    searcher: AbstractSearcher = SEARCHERS.get(config.search.searcher)(
        genes=space.genes if is_spread else space.genes.without_logs(),
        n_obj=len(study.problem.objectives),
        n_con=len(study.problem.limits) + 1,
        pop_size=size,
        seed=config.study.seed,
        canonical=space.canonical,
        initial=first_population(study.problem, size, config.study.seed) if is_spread else None,
        known=KnownColumns(study.problem),
    )
    return searcher


def _row(problem: Problem, number: int, batch: int, genome: npt.NDArray[np.int64]) -> TrialRow:
    spec = problem.space.decode(genome)
    costs, reason = problem.known_costs(spec)
    state: State = "waiting" if problem.needs_training else "complete"
    if reason is not None or not problem.is_feasible(costs):
        state = "infeasible"
    values = tuple(int(v) for v in genome)
    return TrialRow(number, batch, values, spec.digest, costs, state, reason)
