"""Copy memory: symbols, a long pause, then the question which symbol stood at a position."""

from __future__ import annotations

from typing import Annotated, Literal, Self, final

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from evonas.tasks.synthetic_pattern import AbstractPattern, Samples


@final
class Copy(AbstractPattern):
    """The symbol that stood at the position asked for: pattern = "copy", a classification.

    Steps 0 .. items - 1 hold random symbols, one-hot in the first `symbols` channels; the last
    step asks for a position, one-hot in the other `items` channels; all between is 0. The answers
    are balanced: a guess is wrong in 1 - 1 / symbols of the cases. Whoever does better for
    position 0 has the first and the last step in view at once.

    The copy memory task of Arjovsky et al. 2016 <https://arxiv.org/abs/1511.06464> adapted to one
    answer a sample: there the whole sequence of 10 symbols of an alphabet of 8 is to be written
    out after a delimiter; here the delimiter says which symbol is wanted, so all of them have
    to be remembered all the same. The blank is 0 and no symbol of its own.

    Attributes:
        length: Steps, of which length - items - 1 are blank.
        symbols: Size of the alphabet: the classes.
        items: Symbols to be remembered.
    """

    pattern: Literal["copy"] = "copy"
    length: PositiveInt = 20
    symbols: Annotated[int, Field(ge=2)] = 4
    items: PositiveInt = 3

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.length < self.items + 1:
            raise ValueError(
                f"expected a length of at least {self.items + 1}, for {self.items} items and the "
                f"question; got {self.length}"
            )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the symbols."""
        return tuple(f"symbol{k}" for k in range(self.symbols))

    @property
    def notes(self) -> tuple[str, ...]:
        """None."""
        return ()

    def draw(self, n: int, rng: np.random.Generator) -> Samples:
        """Returns X (n, symbols + items, length) and the symbols asked for, (n,)."""
        y = rng.permutation(np.arange(n) % self.symbols)
        asked = rng.integers(self.items, size=n)
        shown = rng.integers(self.symbols, size=(n, self.items))
        sample = np.arange(n)
        shown[sample, asked] = y
        X = np.zeros((n, self.symbols + self.items, self.length), np.float32)
        X[sample[:, None], shown, np.arange(self.items)] = 1
        X[sample, self.symbols + asked, -1] = 1
        return X, y
