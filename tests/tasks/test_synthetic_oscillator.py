import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.tasks.load import load_splits
from evonas.tasks.synthetic_oscillator import Oscillator


def least_squares(pattern):
    """Returns weights (length,) and rmse of the best linear predictor, from the covariances."""
    turn, r = 2 * np.pi / pattern.period[0], 1 - pattern.drift

    def covariance(lag):
        return r ** np.abs(lag) * np.cos(turn * lag)

    t = np.arange(pattern.length)
    K = covariance(t[:, None] - t) + pattern.noise**2 * np.eye(pattern.length)
    k = covariance(pattern.length - 1 + pattern.horizon - t)
    weights = np.linalg.solve(K, k)
    return weights, np.sqrt(1 - k @ weights)


def test_without_noise_and_drift_the_target_continues_the_sine_wave(rng):
    X, y = Oscillator(noise=0, drift=0, horizon=3, period=(6, 20)).draw(200, rng)

    s = X[:, 0].astype(np.float64)
    double_cosine = np.sum((s[:, 2:] + s[:, :-2]) * s[:, 1:-1], axis=1) / np.sum(
        s[:, 1:-1] ** 2, axis=1
    )  # s(t + 1) + s(t - 1) = 2 cos(2 pi / period) s(t)
    before, last = s[:, -2], s[:, -1]
    for _ in range(3):
        before, last = last, double_cosine * last - before
    period = 2 * np.pi / np.arccos(double_cosine / 2)
    assert y == pytest.approx(last, abs=1e-3)
    assert (period > 6).all()
    assert (period < 20).all()
    assert period.std() == pytest.approx(14 / np.sqrt(12), rel=0.15)  # uniform


def test_four_steps_ahead_of_a_period_of_four_is_the_last_value_again(rng):
    X, y = Oscillator(noise=0, drift=0, horizon=4, period=(4, 4)).draw(20, rng)

    assert y == pytest.approx(X[:, 0, -1], abs=1e-5)


def test_the_oscillation_keeps_its_size_and_the_noise_comes_on_top(rng):
    X, y = Oscillator(drift=0.1, noise=0.5).draw(20000, rng)

    assert X.var(axis=0) == pytest.approx(1.25, rel=0.05)
    assert y.var() == pytest.approx(1, rel=0.05)


def test_drift_wears_the_likeness_of_past_and_future_off(rng):
    X, y = Oscillator(drift=0.1, noise=0, horizon=8, period=(8, 8)).draw(20000, rng)

    assert np.mean(X[:, 0, -1] * y) == pytest.approx(0.9**8, abs=0.03)  # one turn later


@pytest.mark.parametrize(
    "keys", [{}, {"drift": 0}, {"noise": 2, "length": 9}, {"drift": 0.3, "horizon": 1}]
)
def test_the_best_error_is_that_of_least_squares_and_is_reached_by_it(keys, rng):
    pattern = Oscillator(period=(11, 11), **keys)
    weights, rmse = least_squares(pattern)
    X, y = pattern.draw(20000, rng)

    assert pattern.best_rmse() == pytest.approx(rmse, rel=1e-9)
    assert np.sqrt(np.mean((X[:, 0] @ weights - y) ** 2)) == pytest.approx(rmse, rel=0.03)


def test_without_noise_and_drift_the_best_error_is_0():
    assert Oscillator(noise=0, drift=0).best_rmse() == pytest.approx(0, abs=1e-6)


def test_the_best_error_of_many_periods_is_that_of_their_mean_square():
    periods = np.linspace(5, 9, 401)
    each = [least_squares(Oscillator(period=(p, p), length=12))[1] for p in periods]

    best = Oscillator(period=(5, 9), length=12).best_rmse()
    assert best == pytest.approx(np.sqrt(np.mean(np.square(each))), rel=1e-3)


def test_the_best_error_stands_in_the_notes():
    splits = load_splits("synthetic", {"pattern": "oscillator", "train": 40}, 0.25, seed=0)

    assert splits.is_regression
    assert "No predictor has an rmse below 0.373, even one that knows each period." in splits.notes


@pytest.mark.parametrize("period", [[2, 8], [9, 8]])
def test_a_period_that_is_no_range_above_two_steps_is_refused(period):
    message = r"^\[task\] expected period = \[least, greatest\], both above 2 steps"

    with pytest.raises(ConfigError, match=message):
        load_splits("synthetic", {"pattern": "oscillator", "period": period}, 0.25, seed=0)
