"""The genes of a meta-kernel space: what is on offer around a seed network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evonas.arch.ops import Shape
from evonas.genes import Gene
from evonas.spaces.metakernel_block import PROJECTION, SKIPS, Block, expand, output_shape
from evonas.spaces.metakernel_network import MetaKernelNetwork, pooled
from evonas.spaces.metakernel_sets import KernelSet, by_size, cut, set_name

STRIDES = (1, 2)
EXPANSIONS = (1, 2, 3)
DENSE_WIDTH = 64
"""Widest hidden dense layer on offer where the seed has none."""
MIN_POOLED = 8
"""Shortest axis of an input that may be averaged by 2."""


def space_genes(
    input_shape: Shape,
    network: MetaKernelNetwork,
    blocks: Sequence[Block],
    offered: Sequence[KernelSet],
    granularity: int,
) -> tuple[Gene, ...]:
    """Returns the genes: the input's pooling, the stem's three, eight a block, the head's two.

    Args:
        input_shape: Of the space.
        network: The seed; its first step is the stem.
        blocks: Of the seed.
        offered: Sets of kernels on offer everywhere; those of the seed join them where they are.
        granularity: Channels come in multiples of it.
    """
    poolings = {1, network.pooling, 2 if min(input_shape[1:]) >= MIN_POOLED else 1}
    lengths = {pooled(input_shape, pooling)[1:] for pooling in poolings}
    stem = network.steps[0]
    strides = {*STRIDES, stem.stride}
    genes = [
        Gene("input.pooling", tuple(sorted(poolings)), "log"),
        _channels("stem", stem.channels, granularity),
        _kernels("stem", {*offered, stem.kernels}, lengths),
        Gene("stem.stride", tuple(sorted(strides)), "log"),
    ]
    lengths = _strided(lengths, strides)
    shape = stem.output_shape(pooled(input_shape, network.pooling))
    for number, block in enumerate(blocks):
        strides = {*STRIDES, block.stride}
        steps = expand(block, shape)
        skips = (*SKIPS, PROJECTION) if steps[-1].projection == 1 else SKIPS
        genes += _block_genes(
            f"block{number}", block, {*offered, block.kernels}, skips, lengths, granularity
        )
        lengths |= _strided(lengths, strides)
        shape = output_shape(steps, shape)
    return (*genes, *_head_genes(network))


def _block_genes(
    prefix: str,
    block: Block,
    sets: set[KernelSet],
    skips: tuple[str, ...],
    lengths: set[Shape],
    granularity: int,
) -> list[Gene]:
    strides, expansions = {*STRIDES, block.stride}, {*EXPANSIONS, block.expansion}
    return [
        Gene(f"{prefix}.exists", (False, True), "linear"),
        _kernels(prefix, sets, lengths),
        Gene(f"{prefix}.separable", (False, True)),
        Gene(f"{prefix}.expansion", tuple(sorted(expansions)), "linear"),
        _channels(prefix, block.channels, granularity),
        Gene(f"{prefix}.repeats", tuple(range(1, block.repeats + 1)), "linear"),
        Gene(f"{prefix}.stride", tuple(sorted(strides)), "log"),
        Gene(f"{prefix}.skip", skips),
    ]


def _channels(prefix: str, most: int, granularity: int) -> Gene:
    choices = {*range(granularity, most + 1, granularity), most}
    return Gene(f"{prefix}.channels", tuple(sorted(choices)), "log")


def _kernels(prefix: str, sets: set[KernelSet], lengths: Iterable[Shape]) -> Gene:
    """Returns the gene of sets on offer, with what is left of them on tensors of these lengths."""
    left = {cut(kernels, each) for kernels in sets for each in lengths}
    return Gene(f"{prefix}.kernels", tuple(set_name(kernels) for kernels in by_size(left)))


def _strided(lengths: set[Shape], strides: set[int]) -> set[Shape]:
    return {tuple(-(-n // stride) for n in each) for each in lengths for stride in strides}


def _head_genes(network: MetaKernelNetwork) -> list[Gene]:
    top = network.dense[0] if network.dense else DENSE_WIDTH
    powers = {2**p for p in range(1, top.bit_length()) if 2**p <= top}
    return [
        Gene("head.dense_layers", (0, 1), "linear"),
        Gene("head.dense0", tuple(sorted({*powers, top})), "log"),
    ]
