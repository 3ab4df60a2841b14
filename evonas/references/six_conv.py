"""The six-convolution seed of the search studies on ECG5000."""

from __future__ import annotations

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import Reference

WIDTHS = (32, 32, 64, 64, 128, 128)
KERNEL = 9
POOLED = (1, 3)
"""Convolutions, from 0, that max pooling by 2 follows."""


def six_conv(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns six causal convolutions with batch norm and ReLU, global average, one dense layer.

    The convolutions train no bias: batch norm follows each. The count of 287 077 for (1, 140) and
    5 classes is that of the deployed network: 286 432 in the convolutions with one bias a channel,
    and 128 · 5 + 5 in the dense layer behind the global average.
    """
    b = SpecBuilder()
    x = b.input(input_shape)
    for index, width in enumerate(WIDTHS):
        x = b.conv1d(x, width, KERNEL, padding="causal", bias=False)
        x = b.relu(b.batch_norm(x))
        if index in POOLED:
            x = b.pool(x, "max", 2)
    return b.finish(b.dense(b.global_average_pool(x), num_outputs))


SIX_CONV = Reference(
    name="six_conv",
    title="Six convolutions, seed of the search studies (ECG5000)",
    citation="evonas, the seed network of its own search studies; published nowhere else",
    input_shape=(1, 140),
    num_outputs=5,
    network=six_conv,
    published_params=287_077,
    convention="deployed",
)
