"""Random search: the yardstick of every other searcher."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.genes import Genes
from evonas.searchers.history import History
from evonas.searchers.searcher import (
    AbstractSearcher,
    Canonical,
    IntArray,
    check_may_ask,
    check_sizes,
    check_told,
)


class RandomSearch(AbstractSearcher):
    """Asks samples without looking at their values.

    It shares the first batch, the sampler and the memory of what was asked with the other
    searchers, so a comparison with one of them shows what its selection and variation bring.
    The arguments are those of ``AbstractSearcher``.
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
        check_sizes(n_obj, n_con, pop_size)
        self._history = History(genes, canonical)
        self._shape = (n_obj, n_con)
        self._pop_size = pop_size
        self._rng = np.random.default_rng(seed)
        self._initial = self._history.checked(initial)
        self._asked: IntArray | None = None

    def ask(self) -> IntArray:
        """Returns the genomes to evaluate next (n, n_var), see ``AbstractSearcher.ask``."""
        check_may_ask(self._asked)
        found = self._history.add_samples(
            self._history.fresh(self._initial), self._rng, self._pop_size
        )
        self._asked = self._history.canonical(self._history.record(found))
        return self._asked.copy()

    def tell(self, X: npt.ArrayLike, F: npt.ArrayLike, G: npt.ArrayLike | None = None) -> None:
        """Takes the values of the genomes asked last, see ``AbstractSearcher.tell``."""
        check_told(self._asked, X, F, G, *self._shape)
        self._asked = None
