"""Objectives: what a search can minimise or bound."""

from evonas.objectives.objective import AbstractObjective
from evonas.registry import Registry

OBJECTIVES = Registry(
    "objective",
    "evonas.objectives",
    {
        "energy": "evonas.objectives.energy:ENERGY",
        "energy_per_step": "evonas.objectives.energy_per_step:ENERGY_PER_STEP",
        "error": "evonas.objectives.error:ERROR",
        "flash": "evonas.objectives.flash:FLASH",
        "int8_error": "evonas.objectives.int8_error:INT8_ERROR",
        "latency": "evonas.objectives.latency:LATENCY",
        "latency_per_step": "evonas.objectives.latency_per_step:LATENCY_PER_STEP",
        "macs": "evonas.objectives.macs:MACS",
        "model_bytes": "evonas.objectives.model_bytes:MODEL_BYTES",
        "params": "evonas.objectives.params:PARAMS",
        "peak_ram": "evonas.objectives.peak_ram:PEAK_RAM",
    },
)

__all__ = ["OBJECTIVES", "AbstractObjective"]
