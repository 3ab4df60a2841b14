"""MobileNetV1 at a quarter of its width, MLPerf Tiny's network for visual wake words."""

from __future__ import annotations

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import MLPERF_TINY, Reference
from evonas.references.separable import add_conv, add_head, add_separable

STEM = 8
BLOCKS = (
    (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1), (128, 1),
    (128, 1), (256, 2), (256, 1),
)  # fmt: skip
"""Channels and stride of each separable convolution."""


def mobilenet_025(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns MobileNetV1-0.25: a 3x3 convolution with stride 2, thirteen separable ones, dense.

    With plain ReLUs, as MLPerf Tiny has it.
    """
    b = SpecBuilder()
    x = add_conv(b, b.input(input_shape), STEM, 3, 2)
    for channels, stride in BLOCKS:
        x = add_separable(b, x, channels, stride)
    return b.finish(add_head(b, x, num_outputs))


MOBILENET_025 = Reference(
    name="mobilenet_025",
    title="MobileNetV1-0.25 (visual wake words, MLPerf Tiny)",
    citation=f"Howard et al. 2017 <https://arxiv.org/abs/1704.04861>, as in {MLPERF_TINY}",
    input_shape=(3, 96, 96),
    num_outputs=2,
    network=mobilenet_025,
    published_params=210_850,
    published_macs=7_489_664,
    convention="deployed",
)
