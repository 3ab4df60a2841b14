"""TEMPONet, a temporal convolutional network for heart rate from PPG, and PIT's seed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import Reference

DENSE = (256, 128)

CITATION = (
    "Zanghieri et al. 2020, TEMPONet <https://doi.org/10.1109/TBCAS.2019.2959160>, in the form of "
    "Risso et al. 2023, PIT <https://arxiv.org/abs/2301.10281>"
)
PIT_CITATION = "Risso et al. 2023, PIT <https://arxiv.org/abs/2301.10281>"


@dataclass(frozen=True)
class _Layer:
    channels: int
    kernel: int
    dilation: int = 1
    stride: int = 1
    pad: int | None = None
    pool: bool = False


HAND_DILATED = (
    _Layer(32, 3, dilation=2),
    _Layer(32, 3, dilation=2),
    _Layer(64, 5, pool=True),
    _Layer(64, 3, dilation=4),
    _Layer(64, 3, dilation=4),
    _Layer(128, 5, stride=2, pool=True),
    _Layer(128, 3, dilation=8),
    _Layer(128, 3, dilation=8),
    _Layer(128, 5, stride=4, pad=4, pool=True),
)

PIT_SEED = (
    _Layer(32, 11),
    _Layer(32, 11),
    _Layer(64, 11, pool=True),
    _Layer(64, 19),
    _Layer(64, 19),
    _Layer(128, 5, stride=2, pool=True),
    _Layer(128, 35),
    _Layer(128, 35),
    _Layer(128, 5, stride=4, pad=2, pool=True),
)
"""Fields of the stride-1 layers, 5, 9 and 17, doubled and made odd: 2 · field + 1 taps."""


def _write(layers: Sequence[_Layer], input_shape: Shape, num_outputs: int) -> ArchSpec:
    b = SpecBuilder()
    x = b.input(input_shape)
    for layer in layers:
        pad = (layer.kernel - 1) * layer.dilation // 2 if layer.pad is None else layer.pad
        x = b.conv1d(x, layer.channels, layer.kernel, layer.stride, layer.dilation, (pad, pad))
        if layer.pool:
            x = b.pool(x, "average", 2)
        x = b.batch_norm(b.relu(x))
    x = b.flatten(x)
    for width in DENSE:
        x = b.batch_norm(b.relu(b.dense(x, width)))
    return b.finish(b.dense(x, num_outputs))


def temponet(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns TEMPONet: nine convolutions, each ReLU before its batch norm, and three dense layers.

    Zeros on both sides keep the length; the last convolution has 4 on each, so that 32 samples
    become 9. No dropout: PIT's modules of it have none.
    """
    return _write(HAND_DILATED, input_shape, num_outputs)


def temponet_pit(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns PIT's seed: no dilation, doubled fields, 2 zeros around the last convolution.

    The strided layers keep 5 taps, as in PIT's code
    <https://github.com/EmbeddedML-EDAGroup/PIT>, whose search keeps them too.
    """
    return _write(PIT_SEED, input_shape, num_outputs)


TEMPONET = Reference(
    name="temponet",
    title="TEMPONet, hand-dilated (PPG heart rate)",
    citation=CITATION,
    input_shape=(4, 256),
    num_outputs=1,
    network=temponet,
    published_params=426_881,
    published_macs=13_320_000,
)

TEMPONET_PIT = Reference(
    name="temponet_pit",
    title="TEMPONet, seed of PIT with doubled fields (PPG heart rate)",
    citation=PIT_CITATION,
    input_shape=(4, 256),
    num_outputs=1,
    network=temponet_pit,
    published_params=1_629_268,
    published_macs=69_100_000,
    mask_params=1235,
)
