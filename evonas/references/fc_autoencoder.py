"""The fully connected autoencoder, MLPerf Tiny's network for anomaly detection."""

from __future__ import annotations

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import MLPERF_TINY, Reference

WIDTHS = (128, 128, 128, 128, 8, 128, 128, 128, 128)


def fc_autoencoder(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns nine dense layers with batch norm and ReLU around a code of 8, and a last one.

    Inputs of several axes are flattened first.
    """
    b = SpecBuilder()
    x = b.input(input_shape)
    if len(input_shape) > 1:
        x = b.flatten(x)
    for width in WIDTHS:
        x = b.relu(b.batch_norm(b.dense(x, width)))
    return b.finish(b.dense(x, num_outputs))


FC_AUTOENCODER = Reference(
    name="fc_autoencoder",
    title="FC autoencoder (machine sounds, MLPerf Tiny)",
    citation=f"Koizumi et al. 2020 <https://arxiv.org/abs/2006.05822>, as in {MLPERF_TINY}",
    input_shape=(640,),
    num_outputs=640,
    network=fc_autoencoder,
    published_params=265_864,
    published_macs=264_192,
    convention="deployed",
)
