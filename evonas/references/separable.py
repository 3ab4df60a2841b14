"""The layers that MLPerf Tiny's convolutional networks share; all zeros are TFLite's SAME."""

from __future__ import annotations

from evonas.arch.builder import SpecBuilder


def add_conv(
    b: SpecBuilder, x: int, channels: int, kernel: int | tuple[int, int], stride: int = 1
) -> int:
    """Adds a convolution, batch norm and ReLU."""
    return b.relu(b.batch_norm(b.conv2d(x, channels, kernel, stride, "same")))


def add_separable(b: SpecBuilder, x: int, channels: int, stride: int = 1) -> int:
    """Adds a depthwise 3x3 and a 1x1 convolution, each with batch norm and ReLU."""
    groups = b.shape(x)[0]
    x = b.relu(b.batch_norm(b.conv2d(x, groups, 3, stride, "same", groups=groups)))
    return add_conv(b, x, channels, 1)


def add_head(b: SpecBuilder, x: int, num_outputs: int) -> int:
    """Adds an average pooling over all positions, a flattening and a dense layer.

    As the reference models write it: the flattening is a RESHAPE of its own when deployed. Their
    softmax is left out; over 2 to 12 classes it takes less than 0.1 % of the time.
    """
    x = b.flatten(b.pool(x, "average", b.shape(x)[1:]))
    return b.dense(x, num_outputs)
