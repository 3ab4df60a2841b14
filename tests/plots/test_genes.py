import numpy as np
import pytest

from evonas.plots.genes import GenesData, genes_data, is_active, plot_genes


def data_of(n_genes: int, n_networks: int) -> GenesData:
    position = np.linspace(0, 1, n_genes * n_networks).reshape(n_genes, n_networks)
    position[::4] = np.nan
    words = tuple(tuple("" if np.isnan(p) else "projection" for p in row) for row in position)
    return GenesData(
        "hand-made", tuple(range(n_networks)), ("12.3 %",) * n_networks, "latency",
        tuple(f"block{i // 12}" for i in range(n_genes)), ("conv0.channels",) * n_genes,
        position, words,
    )  # fmt: skip


@pytest.mark.parametrize(("n_genes", "n_networks"), [(1, 1), (12, 5), (60, 30)])
def test_no_font_shrinks_below_8_points_and_the_figure_grows(n_genes, n_networks):
    ax = plot_genes(data_of(n_genes, n_networks))

    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels(), ax.title]
    assert min(text.get_fontsize() for text in texts if text.get_text()) >= 8
    assert ax.figure.get_figheight() > 0.15 * n_genes
    assert ax.figure.get_figwidth() > 0.3 * n_networks
    assert len(ax.get_yticks()) == n_genes
    assert len(ax.get_xticks()) == n_networks


@pytest.mark.parametrize(("n_networks", "has_words"), [(5, True), (30, False)])
def test_choices_are_written_where_there_is_room(n_networks, has_words):
    ax = plot_genes(data_of(12, n_networks))

    assert ("projection" in [text.get_text() for text in ax.texts]) == has_words


def test_inactive_genes_are_dashes_without_colour():
    data = data_of(8, 3)

    ax = plot_genes(data)

    assert sum(line.get_marker() == "_" for line in ax.lines) == np.isnan(data.position).sum() == 6


def test_blocks_are_named_once_and_parted_by_lines():
    ax = plot_genes(data_of(30, 2))

    texts = [text.get_text() for text in ax.texts]
    assert [texts.count(f"block{i}") for i in range(3)] == [1, 1, 1]


def test_an_empty_front_says_so():
    texts = [text.get_text() for text in plot_genes(data_of(8, 0)).texts]

    assert "no network on the front yet" in texts


def test_data_of_a_study_are_sorted_by_falling_cost_and_name_the_choices(study):
    data = genes_data(study)

    trials = {trial.number: trial for trial in study.front()}
    latencies = [trials[number].values["latency"] for number in data.networks]
    assert latencies == sorted(latencies, reverse=True)
    assert len(data.genes) == len(study.problem.space.genes)
    assert list(dict.fromkeys(data.blocks)) == ["block0", "block1", "head"]
    assert np.nanmin(data.position) >= 0
    assert np.nanmax(data.position) <= 1
    for position, words in zip(data.position, data.choices, strict=True):
        assert [word == "" for word in words] == np.isnan(position).tolist()


def test_genes_of_a_missing_block_are_inactive_and_its_existence_is_not(study):
    names = study.problem.space.genes.names
    trial = next(t for t in study.trials() if t.genome[names.index("block1.exists")] == 0)

    active = [name for i, name in enumerate(names) if is_active(study, trial, i)]

    assert "block1.exists" in active
    assert "head.pooling" in active
    assert not [n for n in active if n.startswith("block1.") and n != "block1.exists"]


def test_an_empty_study_has_rows_and_no_columns(empty_study):
    data = genes_data(empty_study)

    assert data.position.shape == (len(empty_study.problem.space.genes), 0)
