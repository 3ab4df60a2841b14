import pytest

from evonas.errors import ConfigError
from evonas.proxy.recipe import Recipe


def test_steps_are_those_asked_for_or_whole_epochs():
    assert Recipe(steps=100, batch_size=32).n_steps(401) == 100
    assert Recipe(epochs=2, batch_size=32).n_steps(401) == 2 * 13  # 12 whole batches and 17 left


def test_a_single_sample_left_over_makes_no_batch_of_its_own():
    recipe = Recipe(batch_size=4)

    assert [recipe.steps_per_epoch(n) for n in (2, 4, 5, 6, 8, 9)] == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule", "linear"),
        ("loss", "hinge"),
        ("epochs", 0),
        ("steps", 0),
        ("batch_size", 1),
        ("learning_rate", 0.0),
        ("weight_decay", -1.0),
        ("clip", 0.0),
        ("label_smoothing", 1.0),
        ("dropout", 1.0),
        ("shift", 1.0),
        ("mask", -0.1),
        ("data_fraction", 0.0),
        ("data_fraction", 1.5),
    ],
)
def test_values_outside_their_range_are_refused_by_name(key, value):
    with pytest.raises(ConfigError, match=key):
        Recipe(**{key: value})
