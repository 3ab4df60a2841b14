"""Genes on their own scales: choices as equal-probability cells of the interval 0..1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.genes import Gene, Genes
from evonas.searchers.searcher import FloatArray, IntArray


class Scales:
    """The genes' coordinates, in which sampling is uniform and steps mean the same anywhere.

    Each choice owns a cell of 0..1: equal ones for categorical and linear genes; for log genes
    the log-values nearer to it than to its neighbours (the outer cells as wide outward as
    inward), so a uniform draw is log-uniform in value.

    Attributes:
        n_choices: Choices of each gene (n_var,).
        is_ordered: Which genes are ordered (n_var,).
        is_log: Which genes are on a log scale (n_var,).
    """

    def __init__(self, genes: Genes) -> None:
        self.n_choices: IntArray = np.array(genes.n_choices, dtype=np.int64)
        self.is_ordered = np.array([gene.is_ordered for gene in genes], dtype=bool)
        self.is_log = np.array([gene.scale == "log" for gene in genes], dtype=bool)
        centres, edges = zip(*map(_cells, genes), strict=True)
        self._first = np.concatenate([[0], np.cumsum(self.n_choices)[:-1]])
        self._offset = 2.0 * np.arange(len(genes))  # keeps the genes' cells apart in one array
        self._centres = np.concatenate(centres)
        self._edges = np.concatenate(
            [edge + offset for edge, offset in zip(edges, self._offset, strict=True)]
        )
        self._first_edge = self._first - np.arange(len(genes))  # one edge fewer than choices

    @property
    def n_var(self) -> int:
        """Length of a genome."""
        return len(self.n_choices)

    def position(self, X: IntArray) -> FloatArray:
        """Returns the centres of the choices' cells.

        Args:
            X: Genomes (n, n_var).

        Returns:
            Positions (n, n_var) within 0..1.
        """
        return np.asarray(self._centres[X + self._first])

    def choice(self, positions: npt.ArrayLike) -> IntArray:
        """Returns the choices whose cells hold the positions.

        Args:
            positions: Positions (n, n_var); beyond 0..1 they mean the outermost choices.

        Returns:
            Genomes (n, n_var).
        """
        places = np.clip(positions, 0.0, 1.0) + self._offset
        edges_below: IntArray = np.searchsorted(self._edges, places, side="right")
        return np.asarray(edges_below - self._first_edge)


def _cells(gene: Gene) -> tuple[FloatArray, FloatArray]:
    if gene.scale == "log" and gene.n_choices > 1:
        logs = np.log([float(choice) for choice in gene.choices])
        inner = (logs[1:] + logs[:-1]) / 2
        ends = 2 * logs[[0, -1]] - inner[[0, -1]]
    else:
        logs = np.arange(gene.n_choices, dtype=np.float64)
        inner = (logs[1:] + logs[:-1]) / 2
        ends = np.array([-0.5, gene.n_choices - 0.5])
    width = ends[1] - ends[0]
    return (logs - ends[0]) / width, (inner - ends[0]) / width
