from __future__ import annotations

import math

import numpy as np
import pytest

from evonas.analysis import mean_pairwise_spearman, ranks, spearman


def test_equal_values_share_their_mean_rank():
    assert ranks([30, 10, 20, 20]).tolist() == [4.0, 1.0, 2.5, 2.5]


def test_any_growing_relation_has_correlation_one_and_any_falling_minus_one():
    x = np.array([3.0, 1.0, 2.0, 5.0])

    assert spearman(x, np.exp(x)) == pytest.approx(1.0)
    assert spearman(x, -(x**3)) == pytest.approx(-1.0)


def test_spearman_without_ties_is_the_textbook_formula():
    # d = (0, 1, -1, 1, -1): 1 - 6 * 4 / (5 * 24) = 0.8.
    assert spearman([1, 2, 3, 4, 5], [1, 3, 2, 5, 4]) == pytest.approx(0.8)


def test_spearman_with_ties_is_pearson_of_the_mean_ranks():
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    assert spearman([0, 7, 7, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(22.5))


@pytest.mark.parametrize(("a", "b"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3])])
def test_spearman_is_nan_where_it_is_not_defined(a, b):
    assert math.isnan(spearman(a, b))


def test_nan_and_unpaired_values_are_errors():
    with pytest.raises(ValueError, match="without NaN"):
        spearman([1, np.nan], [1, 2])
    with pytest.raises(ValueError, match=r"Expected b of shape \(2,\), got \(3,\)"):
        spearman([1, 2], [1, 2, 3])


def test_agreement_of_seeds_is_the_mean_over_their_pairs():
    # Columns 1 and 2 agree (1), 3 reverses both (-1, -1): mean -1/3.
    values = [[1, 10, 3], [2, 20, 2], [3, 30, 1]]

    assert mean_pairwise_spearman(values) == pytest.approx(-1 / 3)
    assert math.isnan(mean_pairwise_spearman([[1], [2]]))
