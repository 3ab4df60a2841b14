"""ResNet8, MLPerf Tiny's network for image classification."""

from __future__ import annotations

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import MLPERF_TINY, Reference
from evonas.references.separable import add_conv, add_head

BLOCKS = ((16, 1), (32, 2), (64, 2))
"""Channels and stride of each residual block."""


def resnet8(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns ResNet8: a 3x3 convolution, three residual blocks, average, dense.

    A block that changes the shape projects its shortcut by a 1x1 convolution without batch norm.
    """
    b = SpecBuilder()
    x = add_conv(b, b.input(input_shape), BLOCKS[0][0], 3)
    for channels, stride in BLOCKS:
        y = add_conv(b, x, channels, 3, stride)
        y = b.batch_norm(b.conv2d(y, channels, 3, 1, "same"))
        shortcut = x if stride == 1 else b.conv2d(x, channels, 1, stride, "same")
        x = b.relu(b.add(shortcut, y))
    return b.finish(add_head(b, x, num_outputs))


RESNET8 = Reference(
    name="resnet8",
    title="ResNet8 (CIFAR-10, MLPerf Tiny)",
    citation=f"He et al. 2016 <https://arxiv.org/abs/1512.03385>, as in {MLPERF_TINY}",
    input_shape=(3, 32, 32),
    num_outputs=10,
    network=resnet8,
    published_params=77_706,
    published_macs=12_501_632,
    convention="deployed",
)
