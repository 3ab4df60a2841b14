import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.tasks.load import load_splits
from evonas.tasks.synthetic_copy import Copy


@pytest.mark.parametrize(("length", "symbols", "items"), [(20, 4, 3), (4, 2, 3), (2, 5, 1)])
def test_the_label_is_the_symbol_at_the_position_that_the_last_step_asks_for(
    length, symbols, items, rng
):
    X, y = Copy(length=length, symbols=symbols, items=items).draw(300, rng)

    asked = X[:, symbols:, -1].argmax(axis=1)
    shown = X[:, :symbols, :items].argmax(axis=1)  # (n, items)
    assert X.shape == (300, symbols + items, length)
    assert np.array_equal(y, shown[np.arange(300), asked])
    assert set(asked) == set(range(items))


def test_a_step_shows_one_symbol_one_question_or_nothing(rng):
    X, _ = Copy(length=6, symbols=3, items=2).draw(50, rng)

    symbols, question = X[:, :3].sum(axis=1), X[:, 3:].sum(axis=1)
    assert (symbols == [1, 1, 0, 0, 0, 0]).all()
    assert (question == [0, 0, 0, 0, 0, 1]).all()
    assert set(np.unique(X)) == {0, 1}


def test_the_answers_are_balanced_and_the_other_symbols_say_nothing(rng):
    X, y = Copy(symbols=4, items=2).draw(8000, rng)

    asked = X[:, 4:, -1].argmax(axis=1)
    other = X[:, :4, :2].argmax(axis=1)[np.arange(8000), 1 - asked]
    assert np.bincount(y).tolist() == [2000] * 4
    assert np.mean(other == y) == pytest.approx(1 / 4, abs=0.02)


def test_its_classes_are_the_symbols():
    settings = {"pattern": "copy", "symbols": 5, "items": 2, "train": 40}
    splits = load_splits("synthetic", settings, 0.25, seed=0)

    assert splits.class_names == ("symbol0", "symbol1", "symbol2", "symbol3", "symbol4")
    assert (splits.input_shape, splits.num_outputs) == ((7, 20), 5)


def test_a_length_without_room_for_the_question_is_refused():
    message = r"^\[task\] expected a length of at least 5, for 4 items and the question; got 4\.$"

    with pytest.raises(ConfigError, match=message):
        load_splits("synthetic", {"pattern": "copy", "items": 4, "length": 4}, 0.25, seed=0)
