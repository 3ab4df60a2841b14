import dataclasses

import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.cost import cost_report, load_runtime
from evonas.cost.runtimes import device_runtimes, kernel_library
from evonas.devices import device_names, load_device
from evonas.devices.catalogue import FIGURES


def network(width: int) -> ArchSpec:
    b = SpecBuilder()
    x = b.relu(b.conv1d(b.input((2, 64)), width, 5, padding="causal"))
    x = b.conv1d(x, width, 3, padding="same", groups=width)
    return b.finish(b.dense(b.flatten(b.pool(x, "max")), 4))


@pytest.mark.parametrize("name", device_names())
def test_a_device_is_named_as_its_file_and_its_limits_hold_together(name):
    device = load_device(name)

    assert device.name == name
    assert 0 < device.largest_ram_block_bytes <= device.ram_bytes
    assert device.flash_bytes is None or device.flash_bytes > 0
    assert all(tier.bytes > 0 for tier in device.memory)


@pytest.mark.parametrize("name", device_names())
def test_every_figure_has_a_source(name):
    device = load_device(name)

    stated = {key for key in FIGURES if getattr(device, key) is not None} | {"flash_bytes"}
    assert set(device.sources) == stated | ({"memory"} if device.memory else set())
    assert all(device.sources.values())


@pytest.mark.parametrize("name", device_names())
def test_every_library_has_a_runtime_a_source_and_an_error_or_the_word_uncalibrated(name):
    device = load_device(name)
    used = {kernel_library(device, load_runtime(runtime)) for runtime in device_runtimes(device)}

    assert used == set(device.kernels)
    for kernels in device.kernels.values():
        assert kernels.source
        assert ("median error" in kernels.accuracy) != ("uncalibrated" in kernels.accuracy)


@pytest.mark.parametrize("name", device_names())
def test_costs_are_positive_and_grow_with_the_work(name):
    device = load_device(name)
    for runtime in device_runtimes(device):
        small, large = (cost_report(network(w), device, runtime) for w in (4, 16))
        for field in dataclasses.fields(small):
            if isinstance(getattr(small, field.name), (int, float)):
                assert 0 < getattr(small, field.name) < getattr(large, field.name)
