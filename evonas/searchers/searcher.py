"""The interface of every searcher, and the checks that its door makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Canonical = Callable[[IntArray], IntArray]
"""Maps a genome (n_var,) to the one genome of its network; idempotent, within bounds."""


class AbstractSearcher(ABC):
    """Proposes genomes, is told their values, proposes better ones.

    ``ask`` and ``tell`` alternate. Every searcher is constructed as
    ``Searcher(genes, n_obj, n_con=0, pop_size=24, seed=0, canonical=None, initial=None)``:

    - genes: The variables; entry i of a genome lies in ``0 .. genes.n_choices[i] - 1``.
    - n_obj, n_con: Columns of F and of G.
    - pop_size: Genomes that one ``ask`` returns.
    - seed: Two searchers with the same arguments that are told the same values ask the same
      genomes, in one process or in two; a search is resumed by telling it again what it was told.
    - canonical: Maps a genome to the one genome of its network; None if each is its own.
    - initial: Genomes (n, n_var) of the first ``ask``, made canonical and single, topped up with
      samples to pop_size; used whole where there are more. What they hold in genes without effect
      is handed on to descendants.

    Every asked genome is canonical, and none is asked twice in a searcher's life. Once the genes
    hold nothing new, ``ask`` returns fewer, in the end an empty array (0, n_var).
    """

    @abstractmethod
    def ask(self) -> IntArray:
        """Returns the genomes to evaluate next.

        Returns:
            X (n, n_var), at most pop_size rows (the first may have more, see initial).

        Raises:
            ValueError: The genomes of the last ask have not been told yet.
        """

    @abstractmethod
    def tell(self, X: npt.ArrayLike, F: npt.ArrayLike, G: npt.ArrayLike | None = None) -> None:
        """Takes the values of the genomes asked last.

        Args:
            X: The genomes as asked (n, n_var), in the same order.
            F: Objectives (n, n_obj), minimised, no NaN. Finite for every feasible row; an
                infeasible one, such as a candidate that was never trained or failed, may be inf.
            G: Constraints (n, n_con), ``G <= 0`` feasible, no NaN; needed if n_con > 0. A row's
                positive entries are summed, so give each relative to its limit.

        Raises:
            ValueError: Nothing is waiting to be told, other genomes were asked, or a shape or
                value is wrong.
        """


def check_sizes(n_obj: int, n_con: int, pop_size: int) -> None:
    """Raises ValueError unless a searcher can work with these numbers.

    Args:
        n_obj: Number of objectives, at least 1.
        n_con: Number of constraints, at least 0.
        pop_size: Genomes of one ask, at least 2.
    """
    for name, value, least in (("n_obj", n_obj, 1), ("n_con", n_con, 0), ("pop_size", pop_size, 2)):
        if value < least:
            raise ValueError(f"Expected {name} of at least {least}, got {value}.")


def check_may_ask(asked: IntArray | None) -> None:
    """Raises ValueError while asked genomes wait for their values.

    Args:
        asked: The genomes of the last ask; None once they have been told.
    """
    if asked is not None:
        raise ValueError(f"Expected tell() of the {len(asked)} genomes asked last before ask().")


def check_told(
    asked: IntArray | None,
    X: npt.ArrayLike,
    F: npt.ArrayLike,
    G: npt.ArrayLike | None,
    n_obj: int,
    n_con: int,
) -> tuple[FloatArray, FloatArray]:
    """Returns F and G as checked arrays, G with n_con columns even if it has none.

    Args:
        asked: The genomes of the last ask; None if they have been told.
        X: The genomes that came back (n, n_var).
        F: Their objectives (n, n_obj).
        G: Their constraints (n, n_con), or None if n_con is 0.
        n_obj: Number of objectives.
        n_con: Number of constraints.

    Raises:
        ValueError: See ``AbstractSearcher.tell``.
    """
    if asked is None:
        raise ValueError("Expected ask() before tell(), got values of genomes never asked.")
    told = np.asarray(X)
    if told.shape != asked.shape:
        raise ValueError(f"Expected X of shape {asked.shape}, got {told.shape}.")
    if not np.array_equal(told, asked):
        row = int(np.flatnonzero((told != asked).any(axis=1))[0])
        raise ValueError(f"Expected the genomes as asked, got another in row {row} of X.")
    constraints = np.empty((len(asked), 0)) if G is None and n_con == 0 else G
    objectives = _matrix(F, "F", len(asked), n_obj)
    violations = _matrix(constraints, "G", len(asked), n_con)
    is_feasible = (violations <= 0).all(axis=1)
    if not np.isfinite(objectives[is_feasible]).all():
        raise ValueError("Expected finite F where G <= 0; tell a failed evaluation with G > 0.")
    return objectives, violations


def _matrix(values: npt.ArrayLike | None, name: str, n: int, n_columns: int) -> FloatArray:
    came = None if values is None else np.array(values, dtype=np.float64)
    if came is None:
        raise ValueError(f"Expected {name} of shape (n, {n_columns}), got None.")
    if came.shape != (n, n_columns):
        rows = n if came.shape[1:] == (n_columns,) else "n"  # names what is wrong alone
        raise ValueError(f"Expected {name} of shape ({rows}, {n_columns}), got {came.shape}.")
    if np.isnan(came).any():
        raise ValueError(f"Expected {name} without NaN, got {int(np.isnan(came).sum())}.")
    return came
