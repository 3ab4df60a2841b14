"""ECGTCN, a temporal convolutional network for heartbeats, and PIT's seed of it."""

from __future__ import annotations

from collections.abc import Sequence

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import Reference
from evonas.references.residual import ResidualBlock, add_block

KERNEL = 11
BLOCKS = tuple(ResidualBlock(11, (KERNEL, KERNEL), (d, d)) for d in (1, 2, 4))

CITATION = "Ingolfsson et al. 2021, ECG-TCN <https://arxiv.org/abs/2103.13740>"
PIT_CITATION = "Risso et al. 2023, PIT <https://arxiv.org/abs/2301.10281>"


def _write(blocks: Sequence[ResidualBlock], input_shape: Shape, num_outputs: int) -> ArchSpec:
    b = SpecBuilder()
    x = b.input(input_shape)
    x = b.conv1d(x, input_shape[0] + 1, KERNEL, padding="causal")
    x = b.relu(b.batch_norm(x))
    for block in blocks:
        x = add_block(b, x, block)
    return b.finish(b.dense(b.flatten(x), num_outputs))


def ecgtcn(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns ECGTCN: a stem with one channel more than the input, three blocks of 11 channels.

    Published with dropout 0.3 behind the ReLUs of a block.
    """
    return _write(BLOCKS, input_shape, num_outputs)


def ecgtcn_pit(input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns PIT's seed: no dilation, every tap of the same receptive fields."""
    return _write([block.undilated for block in BLOCKS], input_shape, num_outputs)


ECGTCN = Reference(
    name="ecgtcn",
    title="ECGTCN, hand-dilated (ECG5000)",
    citation=CITATION,
    input_shape=(1, 140),
    num_outputs=5,
    network=ecgtcn,
    published_params=15_191,
    published_macs=1_013_000,
)

ECGTCN_PIT = Reference(
    name="ecgtcn_pit",
    title="ECGTCN, seed of PIT (ECG5000)",
    citation=PIT_CITATION,
    input_shape=(1, 140),
    num_outputs=5,
    network=ecgtcn_pit,
    published_params=25_028,
    published_macs=2_369_000,
    mask_params=157,
)
