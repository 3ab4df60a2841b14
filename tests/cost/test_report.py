import dataclasses
import subprocess
import sys
import time

import pytest

from evonas.arch.lower import lower
from evonas.cost import (
    cost_report,
    count_macs,
    count_params,
    flash_bytes,
    model_bytes,
    peak_ram_bytes,
)
from evonas.cost.latency import (
    ADD_INSTRUCTIONS,
    INSTRUCTIONS,
    MAC_CLASSES,
    OP_OVERHEAD_CYCLES,
)
from evonas.errors import ConfigError
from evonas.references import reference

RUNTIMES = ("tflm", "tflm_offline", "tflm_reference")


def test_latency_is_cycles_per_mac_and_a_dispatch_each(builder, device):
    x = builder.conv1d(builder.input((4, 64)), 8, kernel=1)
    spec = builder.finish(builder.dense(builder.last_step(x), 3))

    conv, _, dense = cost_report(spec, device).layers

    assert conv.latency_s * 120e6 == pytest.approx(3.7 * 4 * 8 * 64 + OP_OVERHEAD_CYCLES)
    assert dense.latency_s * 120e6 == pytest.approx(3.9 * 8 * 3 + OP_OVERHEAD_CYCLES)


def test_operators_without_macs_are_paid_by_their_instructions(builder, device):
    x = builder.input((4, 64))
    spec = builder.finish(builder.add(x, x))

    (add,) = cost_report(spec, device).layers

    instructions = ADD_INSTRUCTIONS[0] * 256 + ADD_INSTRUCTIONS[1]
    assert add.latency_s * 120e6 == pytest.approx(1.62 * instructions + OP_OVERHEAD_CYCLES)


def test_reference_kernels_are_slower_than_cmsis_nn(ds_cnn, device):
    fast, slow = (cost_report(ds_cnn, device, name) for name in ("tflm", "tflm_reference"))

    assert (fast.kernel_library, slow.kernel_library) == ("cmsis_nn", "tflm_reference")
    assert slow.latency_s > 1.5 * fast.latency_s


def test_energy_is_power_times_latency(ds_cnn, device):
    report = cost_report(ds_cnn, device)

    assert report.energy_j == pytest.approx(0.0462 * report.latency_s)


def test_totals_are_the_sums_of_the_layers_and_those_of_each_cost_alone(random_specs, device):
    for spec in random_specs(40):
        for runtime in RUNTIMES:
            report = cost_report(spec, device, runtime)

            assert report.latency_s == pytest.approx(sum(x.latency_s for x in report.layers))
            assert report.params == count_params(spec) == sum(x.params for x in report.layers)
            assert report.macs == count_macs(spec) == sum(x.macs for x in report.layers)
            assert report.model_bytes == model_bytes(spec, runtime)
            assert report.flash_bytes == flash_bytes(spec, runtime)
            assert report.peak_ram_bytes == peak_ram_bytes(spec, runtime)
            assert len(report.layers) == len(lower(spec).ops)
            assert report.peak_ram_bytes > max(x.ram_bytes for x in report.layers)


def test_a_layer_names_its_kind_and_node_and_gives_its_live_bytes(builder, device):
    x = builder.conv1d(builder.input((4, 64)), 8, kernel=3, padding="causal")
    spec = builder.finish(x)

    pad, conv = cost_report(spec, device).layers

    assert (pad.name, conv.name) == ("pad 1", "conv 1")
    assert pad.ram_bytes == 256 + 272
    assert conv.ram_bytes == 272 + 512 + 48
    assert conv.shape == (1, 64, 8)


def test_every_kind_of_operator_has_one_latency_model(random_specs):
    assert not set(MAC_CLASSES) & set(INSTRUCTIONS)
    found = {op.kind for spec in random_specs(200) for op in lower(spec).ops}
    assert found <= set(MAC_CLASSES) | set(INSTRUCTIONS)


def test_the_report_says_what_its_latency_is_worth(builder, device):
    spec = builder.finish(builder.relu(builder.input((1, 1))))
    unknown = dataclasses.replace(device, validation="uncalibrated")

    assert cost_report(spec, unknown).accuracy == "cycles per MAC, uncalibrated"


def test_no_power_no_energy(builder, device):
    spec = builder.finish(builder.relu(builder.input((1, 1))))

    assert cost_report(spec, dataclasses.replace(device, power_w=None)).energy_j is None


def test_a_library_that_the_device_does_not_state_is_an_error(builder, device):
    spec = builder.finish(builder.relu(builder.input((1, 1))))
    bare = dataclasses.replace(device, kernels={"cmsis_nn": device.kernels["cmsis_nn"]})

    with pytest.raises(ConfigError, match="no cycles of the kernel library 'tflm_reference'"):
        cost_report(spec, bare, "tflm_reference")


def test_a_report_of_a_ten_layer_network_takes_about_half_a_millisecond(device):
    spec = reference("ecgtcn")
    seconds = []
    for _ in range(30):
        lower.cache_clear()
        start = time.process_time()
        cost_report(spec, device)
        seconds.append(time.process_time() - start)

    assert min(seconds) < 2e-3  # goal 0.5 ms; the margin is the machine's


def test_costs_import_neither_torch_nor_numpy():
    code = (
        "import sys, evonas.cost, evonas.devices, evonas.objectives, evonas.references\n"
        "from evonas.objectives import OBJECTIVES\n"
        "for name in OBJECTIVES.names(): OBJECTIVES.get(name)\n"
        "print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "[]"
