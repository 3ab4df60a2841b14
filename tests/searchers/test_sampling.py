from __future__ import annotations

import numpy as np
import pytest

from evonas.genes import Gene, Genes
from evonas.searchers.sampling import sample_genes
from evonas.searchers.scales import Scales


def one_gene(choices, scale) -> Genes:
    return Genes((Gene("x", tuple(choices), scale),))


def layers(n: int) -> Genes:
    return Genes(tuple(Gene(f"width{i}", tuple(range(1, 65)), "log") for i in range(n)))


def shares(X: np.ndarray, n_choices: int) -> np.ndarray:
    return np.bincount(X[:, 0], minlength=n_choices) / len(X)


@pytest.mark.parametrize(
    ("choices", "scale"),
    [("abc", "categorical"), ((1, 2, 50), "linear"), ((1, 2, 4), "log")],
)
def test_choices_are_uniform_over_the_indices_unless_their_logs_are_uneven(choices, scale):
    X = sample_genes(one_gene(choices, scale), np.random.default_rng(0), 6000)

    # The common size of log genes leaves the outer cells 1/3 too; four standard errors.
    assert shares(X, 3) == pytest.approx([1 / 3] * 3, abs=0.03)


def test_log_genes_are_uniform_in_the_log_of_their_values():
    genes = one_gene(range(1, 101), "log")

    X = sample_genes(genes, np.random.default_rng(0), 6000)

    # Cells end half way in the log: 1..10 covers sqrt(1/2) to sqrt(110) of sqrt(1/2) to 100.5.
    expected = np.log(110 / 0.5) / 2 / np.log(100.5 / np.sqrt(0.5))
    assert (X < 10).mean() == pytest.approx(expected, abs=0.03)


def test_costs_cover_the_log_range_where_independent_widths_would_gather_in_the_middle():
    X = sample_genes(layers(12), np.random.default_rng(0), 200)

    log_cost = np.log10(((X + 1.0) ** 2).sum(axis=1))
    low, high = np.log10(12), np.log10(12 * 64**2)
    share = (log_cost - low) / (high - low)

    assert np.histogram(share, bins=5, range=(0, 1))[0].min() >= 10
    assert share.min() < 0.1
    assert share.max() > 0.95


def test_samples_lie_within_bounds_and_follow_the_generator():
    genes = Genes((Gene("one", ("a",)), Gene("w", (1, 3, 9), "log"), Gene("k", (3, 5), "linear")))

    X = sample_genes(genes, np.random.default_rng(5), 50)

    assert X.shape == (50, 3)
    assert X.dtype == np.int64
    assert (X >= 0).all()
    assert (np.array(genes.n_choices) > X).all()
    assert np.array_equal(X, sample_genes(genes, np.random.default_rng(5), 50))


def test_no_samples_are_an_empty_matrix():
    assert sample_genes(layers(3), np.random.default_rng(0), 0).shape == (0, 3)


def test_positions_go_back_to_their_choices():
    genes = Genes(
        (
            Gene("a", tuple("abcd")),
            Gene("w", (1, 2, 3, 100), "log"),
            Gene("k", (1, 9), "linear"),
            Gene("one", (7,), "log"),
        )
    )
    scales = Scales(genes)
    X = np.array([[3, 3, 1, 0], [0, 0, 0, 0], [1, 2, 1, 0]])

    assert np.array_equal(scales.choice(scales.position(X)), X)
    assert scales.choice(np.full((1, 4), -9.0)).tolist() == [[0, 0, 0, 0]]
    assert scales.choice(np.full((1, 4), 9.0)).tolist() == [[3, 3, 1, 0]]
