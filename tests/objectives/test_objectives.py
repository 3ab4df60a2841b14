import dataclasses
import math

import pytest

from evonas.cost import cost_report
from evonas.devices import load_device
from evonas.errors import ConfigError
from evonas.objectives import OBJECTIVES
from evonas.proxy.result import TrainResult
from evonas.references import reference


def test_cost_objectives_read_their_field_of_the_report():
    report = cost_report(reference("ecgtcn"), load_device("stm32l4r5"))

    assert OBJECTIVES.get("energy").value(report) == report.energy_j
    assert OBJECTIVES.get("params").value(report) == 14_989
    assert OBJECTIVES.get("macs").value(report) == 1_013_320
    assert OBJECTIVES.get("flash").value(report) == report.flash_bytes
    assert OBJECTIVES.get("model_bytes").value(report) == report.model_bytes
    assert OBJECTIVES.get("peak_ram").value(report) == report.peak_ram_bytes
    assert OBJECTIVES.get("latency").value(report) == report.latency_s


def test_energy_on_a_device_without_power_is_an_error():
    device = dataclasses.replace(load_device("stm32l4r5"), power_w=None)
    report = cost_report(reference("ecgtcn"), device)

    with pytest.raises(ConfigError, match="Device 'stm32l4r5' states no power"):
        OBJECTIVES.get("energy").value(report)


@pytest.mark.parametrize("name", ["latency", "energy"])
def test_what_needs_a_latency_model_is_an_error_without_one(name):
    report = cost_report(reference("ecgtcn"), load_device("rp2040"), "c")

    with pytest.raises(ConfigError, match="Device 'rp2040' has no instruction model of CMSIS-NN"):
        OBJECTIVES.get(name).value(report)


@pytest.mark.parametrize("name", ["latency", "energy"])
def test_generated_c_has_the_latency_and_energy_of_a_window(name):
    report = cost_report(reference("ecgtcn"), load_device("stm32l4r5"), "c")

    assert OBJECTIVES.get(name).value(report) > 0


def test_the_error_of_a_failed_run_is_nan():
    failed = TrainResult(math.nan, math.nan, 0.0, 3, 0.1, error="the loss is not finite")

    assert math.isnan(OBJECTIVES.get("error").value(failed))


def test_objectives_of_a_step_read_the_report_of_a_stream():
    report = cost_report(reference("ecgtcn"), load_device("stm32l4r5"), "c_step")

    assert OBJECTIVES.get("latency_per_step").value(report) == report.latency_per_step_s
    assert OBJECTIVES.get("energy_per_step").value(report) == report.energy_per_step_j


@pytest.mark.parametrize("name", ["latency_per_step", "energy_per_step"])
@pytest.mark.parametrize(
    ("device", "runtime", "message"),
    [
        ("stm32l4r5", "tflm", 'name runtime = "c_step"'),
        ("rp2040", "c_step", "Device 'rp2040' has no instruction model"),
    ],
)
def test_where_no_step_is_known_the_way_out_is_named(name, device, runtime, message):
    report = cost_report(reference("ecgtcn"), load_device(device), runtime)

    with pytest.raises(ConfigError, match=message):
        OBJECTIVES.get(name).value(report)


def test_energy_of_a_step_on_a_device_without_power_is_an_error():
    device = dataclasses.replace(load_device("stm32l4r5"), power_w=None)
    report = cost_report(reference("ecgtcn"), device, "c_step")

    with pytest.raises(ConfigError, match="states no power, so energy_per_step"):
        OBJECTIVES.get("energy_per_step").value(report)


@pytest.mark.parametrize("name", ["latency", "energy"])
def test_a_stream_has_no_window(name):
    report = cost_report(reference("ecgtcn"), load_device("stm32l4r5"), "c_step")

    with pytest.raises(ConfigError, match="name latency_per_step or energy_per_step"):
        OBJECTIVES.get(name).value(report)
