from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from evonas import pareto
from evonas.genes import Gene, Genes
from evonas.searchers import SEARCHERS, SurrogateNSGA2, surrogate_share
from evonas.searchers.record import Record
from evonas.searchers.searcher import Known
from evonas.searchers.surrogate_forecasts import Forecasts
from evonas.searchers.surrogate_gain import REFERENCE, GainBox, best_batch, front_of, gain
from evonas.searchers.surrogate_gp import GaussianProcess
from evonas.searchers.surrogate_inner import survivors
from evonas.searchers.surrogate_model import SurrogateModel
from evonas.searchers.surrogate_share import LEAST_SHARE, MOST_SHARE, Shares
from evonas.searchers.surrogate_targets import Margin, Warp

GENES = Genes(
    tuple(Gene(f"width{i}", (4, 8, 16, 32, 64), "log") for i in range(4))
    + tuple(Gene(f"op{i}", tuple("abc")) for i in range(4))
)
N_CHOICES = np.array(GENES.n_choices)


def random_genomes(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, N_CHOICES, (n, len(N_CHOICES)))


def values(X: np.ndarray) -> np.ndarray:
    """Returns an error that falls with width, with an interaction of two operators, and a cost."""
    error = np.exp(-X[:, :4] / 2.0).sum(axis=1) + (X[:, 4] == X[:, 5]) + 0.5 * (X[:, 6] == 1)
    return np.column_stack([error, (2.0 ** X[:, :4]).sum(axis=1)])


def known_cost(X: np.ndarray) -> Known:
    F = values(X)
    F[:, 0] = np.nan
    return Known(F, np.empty((len(X), 0)), np.log(values(X)[:, 1:]))


def known_of_eight(X: np.ndarray) -> Known:
    return known_cost(X[:, :8])


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(v)) for v in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def searched(searcher, n_batches: int) -> np.ndarray:
    asked = []
    for _ in range(n_batches):
        X = searcher.ask()
        asked.append(X)
        searcher.tell(X, values(X))
    return np.vstack(asked)


@pytest.mark.parametrize("n_obj", [1, 2, 3, 5])
def test_a_points_gain_is_the_difference_of_two_hypervolumes(n_obj):
    rng = np.random.default_rng(n_obj)
    for _ in range(20):
        points, new = rng.random((12, n_obj)) * 1.2, rng.random(n_obj) * 1.2
        ref_point = np.full(n_obj, REFERENCE)

        difference = pareto.hypervolume(np.vstack([points, new]), ref_point)
        difference -= pareto.hypervolume(points, ref_point)

        assert gain(front_of(points), new) == pytest.approx(difference, abs=1e-12)


@pytest.mark.parametrize("n_obj", [1, 2, 3, 5])
def test_the_lazy_batch_is_that_of_measuring_every_gain_every_time(n_obj):
    rng = np.random.default_rng(n_obj)
    for _ in range(5):
        front, points = rng.random((10, n_obj)), rng.random((30, n_obj))
        ref_point, so_far, greedy = np.full(n_obj, REFERENCE), front, []
        for _ in range(6):
            base = pareto.hypervolume(so_far, ref_point)
            added = [pareto.hypervolume(np.vstack([so_far, p]), ref_point) - base for p in points]
            if max(added) < 1e-12:
                break
            greedy.append(int(np.argmax(added)))
            so_far = np.vstack([so_far, points[greedy[-1]]])

        assert best_batch(front, points, 6) == greedy


def test_gains_are_measured_anew_only_where_they_may_lead():
    calls = []

    def counted(front, point):
        calls.append(1)
        return gain(front, point)

    points = np.column_stack([np.linspace(0, 1, 50), np.linspace(1, 0, 50)])

    best_batch(np.empty((0, 2)), points, 8, counted)

    assert len(calls) < 50 + 7 * 25  # all every time: 50 + 49 + ... + 43 = 372


def test_the_box_spans_the_front_and_is_logarithmic_over_more_than_two_decades():
    F = np.array([[0.1, 1000.0], [0.3, 1.0], [0.5, 2000.0]])  # the last is dominated

    expected = [[0, 1], [1, 0], [2, np.log(2000) / np.log(1000)]]
    assert GainBox(F).normalise(F) == pytest.approx(np.array(expected))


def test_a_warp_goes_there_and_back_and_keeps_the_order():
    for raw in (np.linspace(-3, 50, 40), np.geomspace(1e-3, 1e6, 40)):
        warp = Warp(raw)
        learned = warp(raw)

        assert (np.diff(learned) > 0).all()
        assert [learned.mean(), learned.std()] == pytest.approx([0, 1], abs=1e-9)
        assert warp.back(learned) == pytest.approx(raw, rel=1e-6)


def test_outliers_at_the_bad_end_leave_the_good_end_its_resolution():
    good = np.linspace(0.05, 0.15, 30)
    errors = np.concatenate([good, np.full(10, 0.9)])  # chance level

    learned = Warp(errors)(errors)

    plain = np.ptp(good) / errors.std()
    assert np.ptp(learned[:30]) > 2.5 * plain


def test_a_constraint_that_is_always_met_is_expected_to_be():
    model = SurrogateModel(GENES, 2, 1)
    X = random_genomes(40)
    model.fit(X, values(X), np.zeros((40, 1)))

    assert (model.expect(random_genomes(50, 1)).violation == 0).all()


def test_a_constraint_on_one_choice_is_learned_from_failures_alone():
    X, other = random_genomes(80), random_genomes(200, 1)
    G = (X[:, 7:8] == 2).astype(float)  # 1 failed, 0 trained
    model = SurrogateModel(GENES, 2, 1)
    model.fit(X, np.where(G > 0, np.inf, values(X)), G)

    expected = model.expect(other)

    assert np.isfinite(expected.F).all()
    assert ((expected.violation > 0) == (other[:, 7] == 2)).mean() > 0.95


def test_a_margin_keeps_the_limit_where_it_is():
    G = np.array([-5.0, -0.1, 0.0, 0.1, 7.0, np.inf])
    margin = Margin(G)

    assert ((margin.back(margin(G)) > 0) == (G > 0)).all()
    assert np.isfinite(margin(G)).all()


def test_a_process_predicts_a_function_from_few_values_and_finds_what_is_noise():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(120, 6))
    y = np.sin(Z[:, 0]) + 0.5 * Z[:, 1]  # four inputs say nothing
    found = {}
    for noise in (0.0, 0.5):
        process = GaussianProcess(np.arange(6))
        noisy = (y + noise * rng.normal(size=120))[:, None]
        process.fit(Z[:80], noisy[:80], 60)
        found[noise] = (process.noise, np.abs(process.predict(Z[80:])[:, 0] - y[80:]).mean())

    assert found[0.0][1] < 0.1
    assert found[0.0][0] < 0.15
    assert 0.2 < found[0.5][0] < 0.6
    assert found[0.5][1] < 0.3


def test_the_model_ranks_genomes_it_has_not_seen_better_than_their_size_does():
    model = SurrogateModel(GENES, 2, 0)
    X, other = random_genomes(100), random_genomes(300, 1)
    model.fit(X, values(X), np.empty((100, 0)))

    expected, true = model.expect(other).F, values(other)

    assert rank_correlation(expected[:, 0], true[:, 0]) > 0.9
    assert rank_correlation(expected[:, 1], true[:, 1]) > 0.97
    assert rank_correlation(-other[:, :4].sum(axis=1), true[:, 0]) < 0.8


def test_known_values_are_never_predicted_where_they_were_looked_up():
    model = SurrogateModel(GENES, 2, 0)
    X, other = random_genomes(60), random_genomes(40, 1)
    model.fit(X, values(X), np.empty((60, 0)), known_cost(X))

    exact, guessed = model.expect(other, known_cost(other)), model.expect(other)

    assert model.predicted_objectives.tolist() == [0]
    assert np.array_equal(exact.F[:, 1], values(other)[:, 1])
    assert rank_correlation(guessed.F[:, 1], values(other)[:, 1]) > 0.97


def test_survivors_are_the_front_then_the_next_then_the_least_infeasible():
    F = np.array([[2.0, 2.0], [1.0, 3.0], [3.0, 1.0], [3.0, 3.0], [0.0, 0.0], [0.0, 0.0]])
    violation = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 1.0])

    assert sorted(survivors(F, violation, 3)) == [0, 1, 2]
    assert survivors(F, violation, 6)[3:].tolist() == [3, 5, 4]


def test_the_share_follows_what_each_way_gains_within_its_bounds():
    shares = Shares()
    assert shares.by_model == 0.5
    for _ in range(20):
        shares.gained(True, 0.2)
        shares.gained(False, 0.3)
    assert shares.by_model == pytest.approx(0.4, abs=0.02)
    for _ in range(200):
        shares.gained(True, 0.0)
        shares.gained(False, 0.1)
    assert shares.by_model == LEAST_SHARE
    for _ in range(400):
        shares.gained(True, 0.1)
        shares.gained(False, 0.0)
    assert shares.by_model == MOST_SHARE


def test_batches_of_one_are_split_as_a_large_one_is():
    shares = Shares()

    assert [shares.split(1) for _ in range(8)] == [1, 0] * 4
    assert shares.split(8) == 4


def test_the_rank_correlation_is_of_what_was_expected_before():
    forecasts = Forecasts()
    X = random_genomes(20)
    forecasts.expected(X, np.column_stack([np.arange(20.0), -np.arange(20.0)]))
    assert forecasts.rank_correlation(np.arange(2)) is None
    for i, genome in enumerate(X):
        forecasts.came(genome, np.array([i**3, i**3]))

    assert forecasts.rank_correlation(np.array([0])) == pytest.approx(1.0)
    assert forecasts.rank_correlation(np.array([0, 1])) == pytest.approx(0.0)


def test_a_search_reports_itself_once_there_is_a_model():
    searcher = SurrogateNSGA2(GENES, 2, pop_size=20)
    searched(searcher, 1)
    assert searcher.report() == {}

    searched(searcher, 8)

    report = searcher.report()
    assert sorted(report) == [
        "mutant_gain",
        "surrogate_gain",
        "surrogate_rank_correlation",
        "surrogate_share",
    ]
    assert report["surrogate_rank_correlation"] > 0.7
    assert LEAST_SHARE <= report["surrogate_share"] <= MOST_SHARE


def test_waiting_genomes_turn_the_model_to_other_places(monkeypatch):
    genes = Genes((*GENES, Gene("idle0", tuple("abcd")), Gene("idle1", tuple("abcd"))))
    monkeypatch.setattr(surrogate_share, "LEAST_SHARE", 1.0)  # no mutants
    monkeypatch.setattr(surrogate_share, "MOST_SHARE", 1.0)

    def twins() -> int:
        """Counts genomes that differ from some that waits in idle genes alone."""
        found = 0
        for seed in range(8):
            searcher = SurrogateNSGA2(genes, 2, pop_size=20, seed=seed, known=known_of_eight)
            for _ in range(3):
                X = searcher.ask()
                searcher.tell(X, values(X[:, :8]))
            waiting = {row[:8].tobytes() for row in searcher.ask(8)}
            found += sum(row[:8].tobytes() in waiting for row in searcher.ask(8))
        return found

    counted = twins()
    monkeypatch.setattr(Record, "waiting", lambda record: record.genomes[:0])
    ignored = twins()

    assert counted < 0.6 * ignored


def test_networks_beyond_the_ends_of_the_front_so_far_gain_too():
    F = np.array([[0.2, 10.0], [0.6, 5.0]])
    box = GainBox(F)

    dearer_and_better = box.normalise(np.array([0.19, 12.0]))
    far_too_dear = box.normalise(np.array([0.19, 13.0]))

    assert gain(front_of(box.normalise(F)), dearer_and_better) > 0
    assert gain(front_of(box.normalise(F)), far_too_dear) == 0


@pytest.mark.parametrize("known", [None, known_cost])
def test_a_search_finds_more_than_nsga2_with_as_many_evaluations(known):
    def reached(name: str, seed: int) -> float:
        searcher = SEARCHERS.get(name)(GENES, 2, pop_size=20, seed=seed, known=known)
        X = np.empty((0, 8), dtype=np.int64)
        while len(X) < 100:
            more = searcher.ask()
            searcher.tell(more, values(more))
            X = np.vstack([X, more])
        return pareto.hypervolume(values(X[:100]), (5.5, 40.0))

    gains = [reached("surrogate", seed) - reached("nsga2", seed) for seed in range(4)]

    assert min(gains) > 0


def test_looked_up_are_the_records_and_about_a_hundred_genomes_a_batch():
    looked_up: set[bytes] = set()

    def counted(X: np.ndarray) -> Known:
        looked_up.update(row.tobytes() for row in X)
        return known_cost(X)

    searcher = SurrogateNSGA2(GENES, 2, pop_size=20, known=counted)
    asked = searched(searcher, 11)

    assert len(looked_up) <= len(asked) + 10 * 100


def test_values_told_again_count_from_then_on():
    def proposed(second: float) -> np.ndarray:
        searcher = SurrogateNSGA2(GENES, 2, pop_size=20, seed=1)
        X = searcher.ask()
        searcher.tell(X, values(X))
        searcher.tell(X, values(X) * [second, 1.0])
        return searcher.ask()

    assert np.array_equal(proposed(1.0), proposed(1.0))
    flipped = SurrogateNSGA2(GENES, 2, pop_size=20, seed=1)
    X = flipped.ask()
    flipped.tell(X, values(X))
    flipped.tell(X, values(X) * [-1.0, 1.0])
    assert not np.array_equal(flipped.ask(), proposed(1.0))


def test_the_model_takes_one_thread_and_gives_the_others_back():
    def blas_threads() -> set[int]:
        return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

    seen: list[set[int]] = []

    def watched(X: np.ndarray) -> Known:
        seen.append(blas_threads())
        return known_cost(X)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        searcher = SurrogateNSGA2(GENES, n_obj=2, pop_size=24, known=watched)
        for _ in range(3):
            X = searcher.ask()
            searcher.tell(X, values(X))
        after = blas_threads()

    assert before == after == {2}
    assert seen
    assert all(threads == {1} for threads in seen)
