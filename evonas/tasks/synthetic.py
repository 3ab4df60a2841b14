"""Small generated data sets: for tests, first steps, and to show what recurrence is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from evonas.config_table import OpenTable, Table, validate_table
from evonas.errors import ConfigError, unknown_name
from evonas.tasks.splits import RawData
from evonas.tasks.synthetic_adding import Adding
from evonas.tasks.synthetic_copy import Copy
from evonas.tasks.synthetic_oscillator import Oscillator
from evonas.tasks.synthetic_pattern import AbstractPattern
from evonas.tasks.synthetic_waves import Waves
from evonas.tasks.task import AbstractTask

PATTERNS: dict[str, type[AbstractPattern]] = {
    "adding": Adding,
    "copy": Copy,
    "oscillator": Oscillator,
    "waves": Waves,
}
"""What stands in [task] pattern -> its keys and samples."""


class SyntheticSettings(OpenTable):
    """Keys of [task] for kind = "synthetic"; all but this one belong to the pattern.

    Attributes:
        pattern: A name in PATTERNS.
    """

    pattern: str = "waves"


@final
@dataclass(frozen=True)
class SyntheticTask(AbstractTask):
    """Waves, the adding problem, copy memory or a noisy oscillator, drawn anew from a seed."""

    settings: SyntheticSettings
    Settings: ClassVar[type[Table]] = SyntheticSettings

    def load(self) -> RawData:
        """Returns the same samples at each call.

        Raises:
            ConfigError: The pattern is unknown, a key is not one of its keys, or a value is not
                what the key takes.
        """
        name = self.settings.pattern
        if name not in PATTERNS:
            raise ConfigError(f"[task] {unknown_name('pattern', name, PATTERNS)}")
        pattern = validate_table(PATTERNS[name], self.settings.model_dump(), "[task]")
        rng = np.random.default_rng(pattern.data_seed)
        X_train, y_train = pattern.draw(pattern.train, rng)
        X_test, y_test = pattern.draw(pattern.test, rng)
        return RawData(
            X_train=X_train,
            y_train=y_train,
            X_test=X_test,
            y_test=y_test,
            groups_train=_groups(pattern.train, pattern.groups),
            class_names=pattern.class_names,
            notes=pattern.notes,
        )


def _groups(n: int, n_groups: int) -> npt.NDArray[np.generic] | None:
    return np.arange(n) * n_groups // n if n_groups else None
