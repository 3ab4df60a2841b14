import pytest

from evonas.cost import RUNTIMES, load_runtime
from evonas.cost.runtimes import kernel_library
from evonas.devices import load_device
from evonas.errors import ConfigError


def test_a_pair_that_does_not_exist_names_those_that_do():
    with pytest.raises(ConfigError, match=r"this device: tflm, tflm_offline, .*xcubeai"):
        kernel_library(load_device("stm32l4r5"), load_runtime("gap8"))


def test_a_runtime_takes_the_first_of_its_libraries_that_the_device_has():
    device = load_device("stm32l4r5")

    assert kernel_library(device, load_runtime("tflm")) == "cmsis_nn"
    assert kernel_library(device, load_runtime("tflm_reference")) == "tflm_reference"
    assert kernel_library(device, load_runtime("c")) is None


def test_an_unknown_runtime_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="Unknown runtime 'tfml'. Did you mean 'tflm'"):
        load_runtime("tfml")


@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_runtimes_are_found_by_their_own_names(name):
    assert load_runtime(name).name == name
