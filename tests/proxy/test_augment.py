import numpy as np
import pytest

from evonas.proxy.augment import augmented
from evonas.proxy.recipe import Recipe


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_shift_moves_a_sample_as_a_whole_and_lets_zeros_in(rng):
    X = np.tile(np.arange(1, 11, dtype=np.float32), (400, 2, 1))
    shifted = augmented(X, Recipe(shift=0.2), rng)

    expected = {by: np.roll(X[0], by, axis=1) for by in range(-2, 3)}
    for by in (1, 2):
        expected[by][:, :by] = 0
        expected[-by][:, -by:] = 0
    found = [
        next(by for by, row in expected.items() if (row == sample).all()) for sample in shifted
    ]
    assert set(found) == {-2, -1, 0, 1, 2}
    assert shifted.dtype == np.float32


def test_a_mask_covers_one_stretch_of_an_axis_in_all_channels(rng):
    X = np.ones((400, 3, 10), np.float32)
    masked = augmented(X, Recipe(mask=0.3), rng)

    assert (masked == masked[:, :1]).all()
    widths = (masked[:, 0] == 0).sum(axis=1)
    assert set(widths) == {0, 1, 2, 3}
    edges = np.abs(np.diff(masked[:, 0], axis=1, prepend=1, append=1)).sum(axis=1)
    assert set(edges) == {0, 2}


def test_an_image_is_changed_along_both_axes_on_its_own(rng):
    X = np.ones((500, 1, 8, 8), np.float32)
    masked = augmented(X, Recipe(mask=0.5), rng)[:, 0]

    rows, columns = (masked == 0).all(axis=2).sum(axis=1), (masked == 0).all(axis=1).sum(axis=1)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 25


def test_the_batch_itself_stays_as_it_is(rng):
    X = np.ones((4, 1, 8, 8), np.float32)
    augmented(X, Recipe(mask=0.5, shift=0.5), rng)
    assert (X == 1).all()


def test_flat_inputs_have_nothing_to_change(rng):
    X = np.ones((4, 8), np.float32)
    assert augmented(X, Recipe(mask=0.5, shift=0.5), rng) is X
