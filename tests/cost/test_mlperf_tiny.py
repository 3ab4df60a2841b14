"""The four networks of MLPerf Tiny: latencies measured with microTVM and CMSIS-NN (v1.0)."""

import pytest

from evonas.cost import cost_report, count_macs, count_params
from evonas.devices import load_device
from evonas.references import REFERENCES, reference

SECONDS = {
    "fc_autoencoder": (8.605e-3, 6.27e-3),
    "resnet8": (389.6e-3, 316e-3),
    "ds_cnn": (99.81e-3, 76.1e-3),
    "mobilenet_025": (301.2e-3, 232e-3),
}
"""Network, seconds on an STM32L4R5 and on an nRF5340 at 128 MHz."""


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("fc_autoencoder", 265.9e3, 0.264e6),
        ("resnet8", 77.7e3, 12.50e6),
        ("ds_cnn", 22.6e3, 2.657e6),
        ("mobilenet_025", 210.9e3, 7.490e6),
    ],
)
def test_counts_are_the_published_ones_to_their_digits(name, params, macs):
    spec = reference(name)

    assert REFERENCES.get(name).convention == "deployed"
    assert count_params(spec) == pytest.approx(params, abs=51)
    assert count_macs(spec) == pytest.approx(macs, rel=1e-3)


@pytest.mark.parametrize("name", SECONDS)
def test_latency_on_the_l4r5_is_within_4_percent(name, device):
    assert cost_report(reference(name), device).latency_s == pytest.approx(
        SECONDS[name][0], rel=0.04
    )


@pytest.mark.parametrize("name", SECONDS)
def test_latency_on_an_nrf5340_is_within_7_percent(name):
    report = cost_report(reference(name), load_device("nrf5340"))

    assert report.latency_s == pytest.approx(SECONDS[name][1], rel=0.07)


def test_cycles_per_mac_differ_by_more_than_a_quarter_between_networks():
    per_mac = [SECONDS[name][0] / count_macs(reference(name)) for name in SECONDS]

    assert max(per_mac) / min(per_mac) > 1.25
