import math

import pytest

from evonas.cost import cost_report
from evonas.devices import load_device
from evonas.objectives import OBJECTIVES, AbstractObjective
from evonas.proxy.result import TrainResult
from evonas.quant.int8 import Int8Report
from evonas.quant.score import Score
from evonas.references import reference
from evonas.units import UNITS


@pytest.fixture(params=OBJECTIVES.names())
def objective(request) -> AbstractObjective:
    found: AbstractObjective = OBJECTIVES.get(request.param)
    assert found.name == request.param
    return found


def value(objective: AbstractObjective) -> float:
    if objective.needs_int8:
        score = Score(0.26, 0.7)
        return objective.value(Int8Report(0.25, score, score, "percentile"))
    if objective.needs_training:
        return objective.value(TrainResult(0.25, 0.7, 8.0, 100, 1.0))
    runtime = "c_step" if objective.name.endswith("_per_step") else "tflm"
    return objective.value(cost_report(reference("ecgtcn"), load_device("stm32l4r5"), runtime))


def test_an_objective_is_finite_positive_and_deterministic(objective):
    first = value(objective)

    assert isinstance(first, float)
    assert math.isfinite(first)
    assert first > 0
    assert value(objective) == first


def test_an_objective_states_its_unit_and_what_it_is(objective):
    assert objective.dimension in UNITS
    assert objective.__doc__
