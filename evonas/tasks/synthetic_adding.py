"""The adding problem: two of many numbers are marked; what is their sum?"""

from __future__ import annotations

from typing import Annotated, Literal, final

import numpy as np
from pydantic import Field

from evonas.tasks.synthetic_pattern import AbstractPattern, Samples


@final
class Adding(AbstractPattern):
    """The sum of the two marked of `length` numbers: pattern = "adding", a regression.

    Channel 0 holds independent numbers, uniform in [0, 1]; channel 1 is 1 at two steps, one in
    each half of the sample, and 0 elsewhere. To predict 1 always gives an rmse of sqrt(1/6) = 0.41.

    From Hochreiter and Schmidhuber 1997 <https://doi.org/10.1162/neco.1997.9.8.1735>, whose numbers
    lie in [-1, 1], whose sum is scaled and whose first and last step are flagged. Numbers and sum
    are plain here as in Le et al. 2015 <https://arxiv.org/abs/1504.00941>, and one mark lies in
    each half as in Arjovsky et al. 2016 <https://arxiv.org/abs/1511.06464>.

    Attributes:
        length: Steps; the first mark lies in the first length // 2 of them.
    """

    pattern: Literal["adding"] = "adding"
    length: Annotated[int, Field(ge=2)] = 50

    @property
    def class_names(self) -> tuple[str, ...]:
        """None: the target is a number."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """None."""
        return ()

    def draw(self, n: int, rng: np.random.Generator) -> Samples:
        """Returns X (n, 2, length) and the sums (n,)."""
        half = self.length // 2
        X = np.zeros((n, 2, self.length), np.float32)
        X[:, 0] = rng.uniform(size=(n, self.length))
        marked = np.stack(
            [rng.integers(half, size=n), rng.integers(half, self.length, size=n)], axis=1
        )
        np.put_along_axis(X[:, 1], marked, 1, axis=1)
        return X, np.take_along_axis(X[:, 0], marked, axis=1).sum(axis=1)
