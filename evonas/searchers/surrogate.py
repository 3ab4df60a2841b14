"""NSGA-II on a surrogate, beside plain mutants of the archive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from evonas.genes import Genes
from evonas.searchers.archive_offspring import ArchiveOffspring, best_rows
from evonas.searchers.history import History
from evonas.searchers.opening import Opening
from evonas.searchers.record import Record
from evonas.searchers.searcher import AbstractSearcher, Canonical, IntArray, KnownValues
from evonas.searchers.surrogate_forecasts import Forecasts
from evonas.searchers.surrogate_gain import GainBox, best_batch, front_of, gain
from evonas.searchers.surrogate_inner import inner_search
from evonas.searchers.surrogate_model import Expected, SurrogateModel
from evonas.searchers.surrogate_share import Shares

BATCH = 8
"""Genomes of a batch by default, and values told after which the model is fitted anew."""

FEWEST_RECORDS = 20
"""Records from which on a model is fitted; before, batches are plain mutants."""

OPTIMISM = 1.0
"""Standard deviations by which half of the model's genomes are taken to be better than expected."""

MOST_RECORDS = 300
"""Records that a model is fitted to: the archive and the latest."""


class SurrogateNSGA2(AbstractSearcher):
    """Proposes what a model expects to add the most hypervolume, and plain mutants of the archive.

    After the opening, each batch of ``BATCH`` is shared by two ways. One fits Gaussian processes to
    what was told, searches them with NSGA-II from the archive on, and takes what it finds one by
    one by predicted hypervolume improvement, in the box of ``GainBox``: half of them as expected,
    half as hoped for, ``OPTIMISM`` standard deviations better. Genomes that still wait for their
    values count as if told what is expected of them. The other mutates one gene of members
    of the archive. The shares follow what the genomes of each really gained of late. While nothing
    is feasible, the first way takes what is expected to violate the least.

    The model is fitted anew after every ``BATCH`` values told, so that asking for one genome at a
    time costs no more. What is known without an evaluation is looked up for the records and for
    the inner search's last population, not for all it visits. The arguments are those of
    ``AbstractSearcher``.
    """

    def __init__(
        self,
        genes: Genes,
        n_obj: int,
        n_con: int = 0,
        pop_size: int = 24,
        seed: int = 0,
        canonical: Canonical | None = None,
        initial: npt.ArrayLike | None = None,
        known: KnownValues | None = None,
    ) -> None:
        self._record = Record(genes.n_var, n_obj, n_con)
        self._history = History(genes, canonical)
        self._pop_size = pop_size
        self._rng = np.random.default_rng(seed)
        self._opening = Opening(self._history, initial, pop_size, self._rng)
        self._mutants = ArchiveOffspring(
            self._record, self._history, pop_size, self._rng, is_crossing=False
        )
        self._model = SurrogateModel(genes, n_obj, n_con)
        self._known = known
        self._is_fitted = False
        self._n_told_since = BATCH
        self._pool: IntArray = np.empty((0, genes.n_var), dtype=np.int64)  # as bred
        self._shares = Shares()
        self._halves = Shares()  # never told a gain: one half
        self._is_by_model: dict[bytes, bool] = {}
        self._forecasts = Forecasts()
        self._libraries = ThreadpoolController()

    def ask(self, n: int | None = None) -> IntArray:
        """Returns the genomes to evaluate next (n, n_var), see ``AbstractSearcher.ask``."""
        first = self._opening.take(n)
        wanted = (0 if len(first) else BATCH) if n is None else n - len(first)
        # Matrices are small: a second thread only waits, and workers train beside.
        with self._libraries.limit(limits=1, user_api="blas"):
            rest = self._history.record(self._batch(wanted))
        return self._record.asked(self._history.canonical(np.concatenate([first, rest])))

    def tell(self, X: npt.ArrayLike, F: npt.ArrayLike, G: npt.ArrayLike | None = None) -> None:
        """Takes values of genomes asked before, see ``AbstractSearcher.tell``."""
        n_before = len(self._record.genomes)
        rows = self._record.told(X, F, G)
        self._n_told_since += len(rows)
        new = rows[rows >= n_before]
        self._credit(new)
        for row in new:
            self._forecasts.came(self._record.genomes[row], self._record.objectives[row])

    def report(self) -> Mapping[str, float]:
        """Returns how well the model ranked, and what each way of proposing gained.

        ``surrogate_rank_correlation`` is Spearman's, between what was expected of genomes before
        their evaluation and what came, the mean over the objectives that are predicted;
        ``surrogate_share`` the part of a batch that the model proposes now; ``surrogate_gain`` and
        ``mutant_gain`` the mean hypervolume that a genome of either way added of late.
        """
        if not self._is_fitted:
            return {}
        found = {
            "surrogate_share": self._shares.by_model,
            "surrogate_gain": self._shares.mean_gain(True),
            "mutant_gain": self._shares.mean_gain(False),
        }
        correlation = self._forecasts.rank_correlation(self._model.predicted_objectives)
        if correlation is not None:
            found["surrogate_rank_correlation"] = correlation
        return found

    def _batch(self, n: int) -> dict[bytes, IntArray]:
        """Returns n new genomes by canonical bytes; fewer at the end."""
        n_told = len(self._record.genomes)
        if n == 0 or n_told == 0:
            return self._history.add_samples({}, self._rng, n)
        if n_told >= FEWEST_RECORDS and self._n_told_since >= BATCH:
            self._fit()
        if not self._is_fitted:
            return self._mutants.add({}, n)
        picked = self._picked(self._shares.split(n))
        found = self._mutants.add(picked, n)
        self._is_by_model.update((key, key in picked) for key in found)
        if found:
            X = self._history.canonical(np.array(list(found.values())))
            self._forecasts.expected(X, self._expect(X).F)
        return found

    def _fit(self) -> None:
        """Fits the model to what was told and searches it for a pool of new genomes."""
        record, history = self._record, self._history
        archive = best_rows(record, self._pop_size)
        others = np.setdiff1d(np.arange(len(record.genomes)), archive)
        rows = np.sort(np.concatenate([others, archive])[-MOST_RECORDS:])
        X = record.genomes[rows]
        known = None if self._known is None else self._known(X)
        F, G = record.objectives[rows], record.constraints[rows]
        self._model.fit(X, F, G, known, n_told=len(record.genomes))
        self._pool = inner_search(
            history.scales,
            history.as_bred(record.genomes[archive]),
            self._model.expect,
            self._is_new,
            self._rng,
        )
        self._is_fitted, self._n_told_since = True, 0

    def _is_new(self, X: IntArray) -> npt.NDArray[np.bool_]:
        new = {genome.tobytes() for genome in self._history.fresh(X).values()}
        return np.array([genome.tobytes() in new for genome in X], dtype=bool)

    def _expect(self, X: IntArray, optimism: float = 0.0) -> Expected:
        """Returns what is expected of canonical genomes, exact where it is known."""
        known = self._known(X) if self._known is not None and len(X) else None
        return self._model.expect(X, known, optimism)

    def _picked(self, n: int) -> dict[bytes, IntArray]:
        """Returns up to n genomes of the pool that are expected to add the most hypervolume."""
        self._pool = self._pool[self._is_new(self._pool)]
        if n == 0 or len(self._pool) == 0:
            return {}
        X = self._history.canonical(self._pool)
        expected = self._expect(X)
        is_feasible = self._record.violation == 0
        if is_feasible.any():
            told = self._record.objectives[is_feasible]
            waiting = self._expect(self._record.waiting())
            believed = np.concatenate([told, waiting.F[waiting.violation == 0]])
            box = GainBox(told)
            allowed = np.flatnonzero(expected.violation == 0)
            points = box.normalise(expected.F[allowed])
            n_sober = self._halves.split(n)
            chosen = allowed[best_batch(box.normalise(believed), points, n_sober)]
            believed = np.concatenate([believed, expected.F[chosen]])
            rest = np.setdiff1d(allowed, chosen)
            hoped = box.normalise(self._expect(X[rest], OPTIMISM).F)
            more = best_batch(box.normalise(believed), hoped, n - len(chosen))
            chosen = np.concatenate([chosen, rest[more]])
        else:
            chosen = np.argsort(expected.violation, kind="stable")[:n]
        return self._history.fresh(self._pool[chosen])

    def _credit(self, rows: IntArray) -> None:
        """Notes what new genomes of either way gained over all that was told before them."""
        record = self._record
        feasible = record.violation == 0
        if not feasible.any():
            return
        box = GainBox(record.objectives[feasible])
        feasible[rows] = False
        front = front_of(box.normalise(record.objectives[feasible]))
        for row in rows:
            point = box.normalise(record.objectives[row])
            gained = gain(front, point) if record.violation[row] == 0 else 0.0
            by_model = self._is_by_model.get(record.genomes[row].tobytes())
            if by_model is not None:
                self._shares.gained(by_model, gained)
            if gained > 0:
                front = front_of(np.vstack([front, point]))
