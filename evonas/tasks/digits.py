"""Handwritten digits of 8 x 8 pixels, which ship with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.holdout import stratified_mask
from evonas.tasks.splits import RawData
from evonas.tasks.task import AbstractTask

NOTE = (
    "The digits' writers are not named, so each may be in every part: errors are lower than for "
    "unseen writers, and not comparable with the published split."
)


class DigitsSettings(Table):
    """Keys of [task] for kind = "digits".

    Attributes:
        arrangement: "image" (1, 8, 8); "rows" (8, 8): the image's rows are channels, and its
            columns, from left to right, are steps; "pixels" (1, 64): row after row, one pixel a
            step.
        test: Share of the samples, of every class, that is the test part.
        test_seed: Decides which samples those are.
    """

    arrangement: Literal["image", "rows", "pixels"] = "image"
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test_seed: Annotated[int, Field(ge=0)] = 0


@final
@dataclass(frozen=True)
class DigitsTask(AbstractTask):
    """The 1797 digits in scikit-learn, with pixels of 0 .. 16, as images or as sequences.

    They are the test part of Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998
    <https://archive.ics.uci.edu/dataset/80>), whose training part, by other writers, does not ship
    with scikit-learn. The test part here is drawn from them, stratified by class. Their 13 writers
    are not named, so all parts share them: the nearest neighbour errs on 1.3 % of a tenth held out
    at random, and on 2.4 % of a tenth held out as one stretch of the file, which presumably shares
    few writers with the rest.
    """

    settings: DigitsSettings
    Settings: ClassVar[type[Table]] = DigitsSettings

    def load(self) -> RawData:
        """Returns the digits, split into training and test part.

        Raises:
            DataError: scikit-learn is not installed.
        """
        settings = self.settings
        images, y = _read()
        shape = {"image": (1, 8, 8), "rows": (8, 8), "pixels": (1, 64)}[settings.arrangement]
        X = images.reshape(len(y), *shape)
        is_test = stratified_mask(y, settings.test, np.random.default_rng(settings.test_seed))
        return RawData(
            X_train=X[~is_test],
            y_train=y[~is_test],
            X_test=X[is_test],
            y_test=y[is_test],
            class_names=tuple("0123456789"),
            notes=(NOTE,),
        )


def _read() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Returns images (1797, 8, 8), 0 for paper and 16 for ink, and what they show."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"The digits task needs the package scikit-learn ({error}); install it with:  "
            f"pip install 'evonas[data]'"
        ) from None
    data = load_digits()
    return data.images.astype(np.float32), data.target.astype(np.int64)
