"""A sweep: its order, and the chances of its searches."""

import itertools
import math

import pytest

from evonas.baselines.baseline import sweep
from evonas.baselines.training import search_seed


def test_a_sweep_halves_what_is_left_between_its_strengths():
    first = list(itertools.islice(sweep(1.0, 16.0), 7))

    halves = [0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875]
    assert first == pytest.approx([16.0**share for share in halves])


def test_a_sweep_stays_between_its_ends():
    strengths = list(itertools.islice(sweep(0.01, 3.0), 200))

    assert 0.01 < min(strengths) < 0.0103
    assert 2.8 < max(strengths) < 3.0
    assert len(set(strengths)) == 200


@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)])
def test_a_sweep_without_a_range_is_refused(ends):
    with pytest.raises(ValueError, match="low < high"):
        next(sweep(*ends))


def test_searches_of_a_sweep_have_chances_of_their_own():
    strengths = list(itertools.islice(sweep(0.3, 20.0), 50))
    seeds = {search_seed(seed, strength) for seed in (0, 1) for strength in strengths}

    assert len(seeds) == 100
    assert search_seed(1, strengths[7]) == search_seed(1, strengths[7])
