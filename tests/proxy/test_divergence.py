import pytest

from evonas.proxy.divergence import DivergenceWatch


def verdicts(steps_per_epoch, losses):
    watch = DivergenceWatch(steps_per_epoch)
    return [watch.verdict(loss) for loss in losses]


def test_a_mean_loss_beyond_ten_times_the_first_has_diverged():
    # windows of two steps: means 2, 20 (at the limit of 10 * 2), 20.5
    given = verdicts(2, [2.0, 2.0, 39.0, 1.0, 40.0, 1.0])

    assert given == [None] * 5 + ["diverged: the mean loss is 20.5 at step 6"]


def test_a_first_loss_that_is_luckily_small_counts_as_one():
    assert verdicts(1, [0.01, 9.0]) == [None, None]


def test_a_long_pass_is_watched_every_25_steps():
    given = verdicts(1000, [1.0] + [30.0] * 24)

    assert given[:24] == [None] * 24
    assert given[24].endswith("at step 25")


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_has_diverged_at_once(loss):
    assert verdicts(10, [1.0, loss]) == [None, f"diverged: the loss is {loss} at step 2"]
