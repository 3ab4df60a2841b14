"""Random genomes, spread over the range of a network's costs."""

from __future__ import annotations

import numpy as np

from evonas.genes import Genes
from evonas.searchers.scales import Scales
from evonas.searchers.searcher import IntArray

SHARE_TOGETHER = 0.5
"""Share of the genomes whose log-scaled genes are pulled to one common size."""

SPREAD_TOGETHER = 0.4
"""How far those genes still differ within a genome, as a share of their log range."""


def sample_genes(genes: Genes, rng: np.random.Generator, n: int) -> IntArray:
    """Returns random genomes.

    Categorical genes are uniform, "linear" ones uniform over their indices, "log" ones uniform in
    the log of their values. In half of the genomes the log genes share one size: independent
    widths of many layers would add up to much the same cost in every genome, and leave the
    smallest and largest networks out. The shared sizes of one call are stratified over 0..1.

    Args:
        genes: The variables.
        rng: Source of randomness; the same state gives the same genomes.
        n: Number of genomes.

    Returns:
        X (n, n_var); repeats are possible.
    """
    return sample(Scales(genes), rng, n)


def sample(scales: Scales, rng: np.random.Generator, n: int) -> IntArray:
    """Returns random genomes as ``sample_genes`` does, of genes whose scales are at hand.

    Args:
        scales: The genes' scales.
        rng: Source of randomness.
        n: Number of genomes.
    """
    positions = rng.random((n, scales.n_var))
    together = np.flatnonzero(rng.random(n) < SHARE_TOGETHER)
    size = (rng.permutation(len(together)) + rng.random(len(together))) / max(1, len(together))
    cells = np.ix_(together, np.flatnonzero(scales.is_log))
    positions[cells] = size[:, None] + SPREAD_TOGETHER * (positions[cells] - 0.5)
    return scales.choice(positions)
