"""NSGA-II by pymoo, behind the interface of the searchers; the only importer of pymoo."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pymoo.algorithms.moo import nsga2 as pymoo_nsga2
from pymoo.config import Config
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.termination import NoTermination
from pymoo.operators.selection.tournament import TournamentSelection

from evonas.genes import Genes
from evonas.searchers.history import History
from evonas.searchers.operators import vary
from evonas.searchers.searcher import (
    AbstractSearcher,
    Canonical,
    IntArray,
    check_may_ask,
    check_sizes,
    check_told,
)

MATING_ROUNDS = 10
"""Rounds of mating that may be needed for a generation of new genomes, before samples fill it."""


class NSGA2(AbstractSearcher):
    """The non-dominated sorting genetic algorithm of Deb et al. 2002.

    Parents win binary tournaments, survivors are chosen by rank and crowding distance
    <https://doi.org/10.1109/4235.996017>. A feasible genome beats an infeasible one, and of two
    infeasible ones the lesser violation (the sum of G's positive entries) wins, so a generation in
    which nothing is feasible moves towards the limits. Departures from the paper: variation is
    that of ``operators``, one offspring for each pair, and no genome is asked twice. The
    arguments are those of ``AbstractSearcher``.
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
    ) -> None:
        Config.warnings["not_compiled"] = False  # else pymoo prints it to stdout
        check_sizes(n_obj, n_con, pop_size)
        self._history = History(genes, canonical)
        self._shape = (n_obj, n_con)
        self._asked: IntArray | None = None
        self._offspring: Any = None  # the Population that pymoo waits for
        first_rng = np.random.default_rng(seed)
        found = self._history.fresh(self._history.checked(initial))
        first = self._history.add_samples(found, first_rng, pop_size)
        self._algorithm = pymoo_nsga2.NSGA2(
            pop_size=pop_size,
            sampling=self._history.record(first),
            mating=_Mating(self._history),
            eliminate_duplicates=False,  # the history does
            output=None,
            seed=first_rng.integers(2**32),
        )
        problem = Problem(n_var=genes.n_var, n_obj=n_obj, n_ieq_constr=n_con)
        self._algorithm.setup(problem, termination=NoTermination())

    def ask(self) -> IntArray:
        """Returns the genomes to evaluate next (n, n_var), see ``AbstractSearcher.ask``."""
        check_may_ask(self._asked)
        self._offspring = self._algorithm.ask()  # None once nothing is new
        rows = [] if self._offspring is None else self._offspring.get("X")
        self._asked = self._history.canonical(np.array(rows, dtype=np.int64))
        return self._asked.copy()

    def tell(self, X: npt.ArrayLike, F: npt.ArrayLike, G: npt.ArrayLike | None = None) -> None:
        """Takes the values of the genomes asked last, see ``AbstractSearcher.tell``."""
        objectives, violations = check_told(self._asked, X, F, G, *self._shape)
        self._asked = None
        if self._offspring is not None:
            self._offspring.set("F", objectives, "G", violations)
            self._algorithm.tell(infills=self._offspring)


class _Mating:
    """Parents to new genomes; takes the place of pymoo's mating."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._select = TournamentSelection(func_comp=pymoo_nsga2.binary_tournament)

    def do(
        self,
        problem: Any,
        pop: Any,
        n_offsprings: int,
        algorithm: Any,
        random_state: np.random.Generator,
    ) -> Any:
        """Returns a pymoo Population of new genomes; fewer than n_offsprings at the end."""
        found: dict[bytes, IntArray] = {}
        parents = np.array(pop.get("X"), dtype=np.int64)
        for _ in range(MATING_ROUNDS):
            n_missing = n_offsprings - len(found)
            if n_missing == 0:
                break
            pairs = self._select.do(
                problem,
                pop,
                n_missing,
                2,
                to_pop=False,
                algorithm=algorithm,
                random_state=random_state,
            )
            A, B = parents[pairs[:, 0]], parents[pairs[:, 1]]
            X = vary(self._history.scales, A, B, random_state)
            found |= self._history.fresh(X, found)
        found = self._history.add_samples(found, random_state, n_offsprings)
        return Population.new("X", self._history.record(found))
