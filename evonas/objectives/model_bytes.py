"""The model_bytes objective."""

from __future__ import annotations

from evonas.cost.report import CostReport
from evonas.objectives.objective import AbstractObjective


class ModelBytes(AbstractObjective):
    """Size of the network's .tflite file."""

    name = "model_bytes"
    dimension = "byte"

    def value(self, result: CostReport) -> float:
        """Returns bytes of the .tflite file."""
        return float(result.model_bytes)


MODEL_BYTES = ModelBytes()
