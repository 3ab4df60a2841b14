"""Data sets: one file per family, each loads raw arrays that one function splits."""

from evonas.registry import Registry

TASKS = Registry(
    "task",
    "evonas.tasks",
    {
        "aeon": "evonas.tasks.aeon:AeonTask",
        "csv": "evonas.tasks.csv:CsvTask",
        "digits": "evonas.tasks.digits:DigitsTask",
        "npz": "evonas.tasks.npz:NpzTask",
        "synthetic": "evonas.tasks.synthetic:SyntheticTask",
    },
)
"""Kinds of tasks: what stands in a config's [task] kind."""
