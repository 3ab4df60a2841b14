"""The one door from a config's [task] table to the parts that a study trains and scores on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evonas.config_table import validate_table
from evonas.tasks import TASKS
from evonas.tasks.split import split
from evonas.tasks.splits import Splits


def load_splits(
    kind: str, settings: Mapping[str, Any], validation: float, seed: int, where: str = "[task]"
) -> Splits:
    """Returns a task's data: loaded, checked, split and normalised.

    Args:
        kind: A name in TASKS.
        settings: The keys of that kind, as in the config's table.
        validation: Share of the training part that becomes the validation part.
        seed: Decides which samples those are.
        where: What to name in messages about the settings.

    Raises:
        ConfigError: The kind or a setting is unknown or invalid.
        DataError: The data is missing, malformed or cannot be split.
    """
    task_class = TASKS.get(kind)
    table = validate_table(task_class.Settings, settings, where)
    return split(task_class(table).load(), validation, seed)
