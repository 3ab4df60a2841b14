"""What every kind of task is: settings of its own, and arrays that it loads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from evonas.config_table import Table
from evonas.tasks.splits import RawData


class AbstractTask(ABC):
    """A data set that can be loaded.

    Attributes:
        Settings: The keys that this kind of task takes in a config's [task] table, beside kind,
            validation and metric.
    """

    Settings: ClassVar[type[Table]]

    @abstractmethod
    def __init__(self, settings: Any) -> None:
        """Keeps its settings, an instance of Settings; reads nothing yet."""

    @abstractmethod
    def load(self) -> RawData:
        """Returns the arrays in natural units, unsplit and unnormalised; the same at each call.

        Raises:
            DataError: The data is missing or malformed; one line says what to do.
        """
