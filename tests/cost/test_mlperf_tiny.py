"""The four networks of MLPerf Tiny: published counts, latencies measured with CMSIS-NN (v1.0)."""

import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.arch.builder import same_padding
from evonas.cost import cost_report, count_macs, count_params
from evonas.devices import load_device


def conv(b: SpecBuilder, x: int, channels: int, kernel: int, stride: int = 1, groups: int = 1):
    pads = tuple(same_padding(length, kernel, stride, 1) for length in b.shape(x)[1:])
    return b.conv2d(x, channels, kernel, stride, pads, groups=groups)


def autoencoder() -> ArchSpec:
    b = SpecBuilder()
    x = b.input((640,))
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = b.relu(b.dense(x, width))
    return b.finish(b.dense(x, 640))


def resnet8() -> ArchSpec:
    b = SpecBuilder()
    x = b.relu(conv(b, b.input((3, 32, 32)), 16, 3))
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        y = conv(b, b.relu(conv(b, x, channels, 3, stride)), channels, 3)
        x = b.relu(b.add(y, x if stride == 1 else conv(b, x, channels, 1, stride)))
    return b.finish(b.dense(b.global_average_pool(x), 10))


def mobilenet() -> ArchSpec:
    b = SpecBuilder()
    x = b.relu(conv(b, b.input((3, 96, 96)), 8, 3, 2))
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    widths = (16, 32, 32, 64, 64, *(128,) * 6, 256, 256)
    for channels, stride in zip(widths, strides, strict=True):
        x = b.relu(conv(b, x, b.shape(x)[0], 3, stride, groups=b.shape(x)[0]))
        x = b.relu(conv(b, x, channels, 1))
    return b.finish(b.dense(b.global_average_pool(x), 2))


NETWORKS = {
    "ad": (autoencoder, 265_864, 264_192, 8.605e-3, 6.27e-3),
    "ic": (resnet8, 77_706, 12_501_632, 389.6e-3, 316e-3),
    "vww": (mobilenet, 210_850, 7_489_664, 301.2e-3, 232e-3),
}
"""Network, params, MACs, seconds on the STM32L4R5 and on an nRF5340 (Cortex-M33, 128 MHz)."""


@pytest.fixture(params=["ad", "ic", "kws", "vww"])
def published(request, ds_cnn):
    if request.param == "kws":
        return ds_cnn, 22_604, 2_656_768, 99.81e-3, 76.1e-3
    build, *figures = NETWORKS[request.param]
    return build(), *figures


def test_counts_are_the_published_ones(published):
    spec, params, macs, *_ = published

    assert (count_params(spec), count_macs(spec)) == (params, macs)


def test_latency_on_the_l4r5_is_within_10_percent(published, device):
    spec, _, _, seconds, _ = published

    assert cost_report(spec, device).latency_s == pytest.approx(seconds, rel=0.10)


def test_cycles_of_the_m33_are_within_8_percent_of_an_nrf5340s(published):
    spec, *_, seconds = published

    cycles = cost_report(spec, load_device("stm32u575")).latency_s * 160e6

    assert cycles == pytest.approx(seconds * 128e6, rel=0.08)
