import numpy as np
import pytest

from evonas.proxy.recipe import Recipe
from evonas.proxy.schedule import learning_rates


def test_cosine_starts_at_the_peak_and_would_reach_zero_after_the_last_step():
    rates = learning_rates(Recipe(learning_rate=0.4, schedule="cosine"), 4)

    # 0.4 * (1 + cos(k pi / 4)) / 2 for k = 0, 1, 2, 3
    assert rates == pytest.approx([0.4, 0.2 * (1 + 0.5**0.5), 0.2, 0.2 * (1 - 0.5**0.5)])


def test_one_cycle_rises_by_a_line_and_falls_by_a_cosine():
    rates = learning_rates(Recipe(learning_rate=1.0, schedule="one-cycle"), 10)

    # three steps of rise (0.3 * 10), then seven of fall from the peak
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[4:] == pytest.approx([(1 + np.cos(np.pi * k / 7)) / 2 for k in range(1, 7)])


def test_constant_is_constant():
    rates = learning_rates(Recipe(learning_rate=0.3, schedule="constant"), 3)

    assert rates.tolist() == [0.3] * 3


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 17])
def test_every_step_has_a_positive_rate(schedule, n_steps):
    rates = learning_rates(Recipe(learning_rate=0.1, schedule=schedule), n_steps)

    assert rates.shape == (n_steps,)
    assert (rates > 0).all()
    assert rates.max() == pytest.approx(0.1)
