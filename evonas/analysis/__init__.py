"""What a finished search shows: fronts, indicators, statistics. Arrays in, numbers out."""

from evonas.analysis.front import front_indices, spread_indices
from evonas.analysis.indicators import hypervolume_over_trials
from evonas.analysis.statistics import mean_pairwise_spearman, ranks, spearman

__all__ = [
    "front_indices",
    "hypervolume_over_trials",
    "mean_pairwise_spearman",
    "ranks",
    "spearman",
    "spread_indices",
]
