"""The files of the catalogue: what they must hold together, and that writing them loses nothing."""

import dataclasses

import pytest

from evonas.cost import cost_report
from evonas.cost.runtimes import device_runtimes
from evonas.devices import device_names, load_device
from evonas.devices.write import device_toml
from evonas.references import reference

SHIPPED = {
    "stm32l4r5", "stm32f446", "stm32f746", "stm32h743", "stm32h7a3", "stm32u575", "nrf52832",
    "nrf52840", "nrf5340", "rp2040", "esp32s3", "gap8", "gap9", "tda2x",
}  # fmt: skip


def test_the_promised_devices_are_there():
    assert set(device_names()) >= SHIPPED


@pytest.mark.parametrize("name", device_names())
def test_a_device_that_is_written_is_read_back_equal(name, tmp_path):
    device = load_device(name)
    path = tmp_path / f"{name}.toml"
    path.write_text(device_toml(device, ("a comment",)), encoding="utf-8")

    again = load_device(path)

    for field in dataclasses.fields(device):
        assert getattr(again, field.name) == getattr(device, field.name), field.name


def test_texts_with_quotes_and_other_letters_are_written_so_that_they_are_read_back(tmp_path):
    device = load_device("stm32l4r5")
    odd = dataclasses.replace(device, title='a "board"\\ of µ\n')
    path = tmp_path / "odd.toml"
    path.write_text(device_toml(odd), encoding="utf-8")

    assert load_device(path).title == odd.title


@pytest.mark.parametrize("name", device_names())
def test_a_network_costs_plausibly_much_on_every_runtime_of_a_device(name):
    device = load_device(name)
    assert device_runtimes(device)
    for runtime in device_runtimes(device):
        report = cost_report(reference("ds_cnn"), device, runtime)
        per_mac = report.latency_s * device.clock_hz / report.macs
        assert 0.02 < per_mac < 20, (runtime, per_mac)


def test_one_network_is_slower_on_the_slower_core():
    ds_cnn = reference("ds_cnn")
    latency = {
        name: cost_report(ds_cnn, load_device(name)).latency_s
        for name in ("stm32h743", "stm32f746", "stm32f446", "nrf52840", "rp2040")
    }
    assert list(latency.values()) == sorted(latency.values())


@pytest.mark.parametrize(
    ("name", "runtime", "network", "published_s", "within"),
    [  # MLPerf Tiny v1.0 as logged; the fits of these figures are described in the devices' files
        ("gap9", "gap8", "ds_cnn", 0.4755e-3, 0.1),
        ("gap9", "gap8", "mobilenet_025", 1.1248e-3, 0.1),
        ("gap9", "gap8", "resnet8", 0.6162e-3, 0.1),
        ("gap9", "gap8", "fc_autoencoder", 0.1757e-3, 0.1),
        ("nrf5340", "tflm", "ds_cnn", 76.0861e-3, 0.1),
        ("nrf5340", "tflm", "mobilenet_025", 232.0186e-3, 0.1),
        ("nrf5340", "tflm", "resnet8", 316.1555e-3, 0.1),
        ("nrf5340", "tflm", "fc_autoencoder", 6.2665e-3, 0.1),
    ],
)
def test_published_latencies_are_met(name, runtime, network, published_s, within):
    report = cost_report(reference(network), load_device(name), runtime)

    assert report.latency_s == pytest.approx(published_s, rel=within)
