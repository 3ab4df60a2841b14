import pytest

from evonas.cost import RUNTIMES, load_runtime
from evonas.errors import ConfigError


def test_a_runtime_to_come_says_so_and_names_those_that_are_built():
    with pytest.raises(
        ConfigError,
        match=r"Runtime 'gap8' is not built yet\. Built: tflm, tflm_offline, tflm_reference\.",
    ):
        load_runtime("gap8")


def test_an_unknown_runtime_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="Unknown runtime 'tfml'. Did you mean 'tflm'"):
        load_runtime("tfml")


@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_runtimes_are_found_by_their_own_names(name):
    assert load_runtime(name).name == name
