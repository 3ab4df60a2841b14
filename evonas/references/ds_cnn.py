"""DS-CNN, MLPerf Tiny's network for keyword spotting."""

from __future__ import annotations

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import MLPERF_TINY, Reference
from evonas.references.separable import add_conv, add_head, add_separable

CHANNELS = 64
BLOCKS = 4


def ds_cnn(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns DS-CNN: a 10x4 convolution with stride 2, four separable ones, average, dense.

    Published with dropout 0.2 behind the first layer and 0.4 before the head.
    """
    b = SpecBuilder()
    x = add_conv(b, b.input(input_shape), CHANNELS, (10, 4), 2)
    for _ in range(BLOCKS):
        x = add_separable(b, x, CHANNELS)
    return b.finish(add_head(b, x, num_outputs))


DS_CNN = Reference(
    name="ds_cnn",
    title="DS-CNN (keyword spotting, MLPerf Tiny)",
    citation=f"Zhang et al. 2017 <https://arxiv.org/abs/1711.07128>, as in {MLPERF_TINY}",
    input_shape=(1, 49, 10),
    num_outputs=12,
    network=ds_cnn,
    published_params=22_604,
    published_macs=2_656_768,
    convention="deployed",
)
