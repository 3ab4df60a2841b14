"""The seed network of a meta-kernel space, as a config names or writes it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field, PositiveInt

from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.config_table import Table
from evonas.errors import ConfigError
from evonas.spaces.metakernel_block import Block, expand, output_shape
from evonas.spaces.metakernel_network import MetaKernelNetwork, Step, write
from evonas.spaces.metakernel_sets import cut, read_set
from evonas.spaces.seed import named_seed

KERNEL = {1: 5, 2: 3}
"""Spatial axes -> the kernel of a seed that names none."""

MAX_REPEATS = 2
"""Equal layers in a row of a reference that become one block at most."""

T = TypeVar("T")


class MetaSeedNetwork(Table):
    """A seed network written in the config; a tuple has one entry for each width.

    Attributes:
        widths: Channels of every block.
        repeats: Layers of a block.
        kernel: Its kernel, or a set such as "1+3"; None for 5 along one axis, 3x3 along two.
        stride: Of its first layer.
        separable: Whether its layers are depthwise and 1x1 convolutions.
        expansion: Of separable layers.
        skip: Shortcuts around its layers, or around the whole block.
        stem: Channels of the first convolution; None for the first width.
        stem_kernel: As kernel.
        stem_stride: As stride.
        dense: Widths of the hidden dense layers.
    """

    widths: tuple[PositiveInt, ...] = (16, 32, 64)
    repeats: PositiveInt | tuple[PositiveInt, ...] = 1
    kernel: int | str | tuple[int | str, ...] | None = None
    stride: PositiveInt | tuple[PositiveInt, ...] = 2
    separable: bool | tuple[bool, ...] = False
    expansion: PositiveInt | tuple[PositiveInt, ...] = 1
    skip: Literal["none", "layer", "block"] = "none"
    stem: PositiveInt | None = None
    stem_kernel: int | str | None = None
    stem_stride: PositiveInt = 1
    dense: Annotated[tuple[PositiveInt, ...], Field(max_length=1)] = ()


class MetaKernelSettings(Table):
    """Keys of [space] when its kind is "metakernel".

    Attributes:
        seed_network: A reference, a spec's file, or a table.
        kernels: Numbers, whose subsets are on offer to every meta-kernel, and further sets by name,
            such as "1x3+3x1"; None for the subsets of 1, 3, 5 and 7 along one axis, and of 1, 3 and
            5 with some strips along two.
        granularity: Channels come in multiples of it; the seed's own count is always a choice.
    """

    seed_network: str | MetaSeedNetwork = MetaSeedNetwork()
    kernels: Annotated[tuple[int | str, ...], Field(min_length=1)] | None = None
    granularity: PositiveInt = 1

    @property
    def max_repeats(self) -> int:
        """Layers of the seed that become one block at most."""
        if isinstance(self.seed_network, str):
            return MAX_REPEATS
        repeats = self.seed_network.repeats
        return max((repeats,) if isinstance(repeats, int) else repeats, default=1)


def seed_spec(settings: MetaKernelSettings, input_shape: Shape, num_outputs: int) -> ArchSpec:
    """Returns the seed network of a [space] table for a task's input and outputs.

    Raises:
        ConfigError: The seed is neither a reference nor a spec's file, or does not fit the task.
    """
    seed = settings.seed_network
    if isinstance(seed, str):
        return named_seed(seed, input_shape, num_outputs)
    rank = len(input_shape) - 1
    kernel = KERNEL[rank] if seed.stem_kernel is None else seed.stem_kernel
    stem = Step(
        seed.stem or (seed.widths or (16,))[0],
        cut(read_set(kernel, rank, "seed_network: stem_kernel"), input_shape[1:]),
        seed.stem_stride,
    )
    steps, shape = [stem], stem.output_shape(input_shape)
    for block in _blocks(seed, rank):
        taken = expand(block, shape)
        steps += taken
        shape = output_shape(taken, shape)
    return write(MetaKernelNetwork(1, tuple(steps), seed.dense), input_shape, num_outputs)


def _blocks(seed: MetaSeedNetwork, rank: int) -> list[Block]:
    n = len(seed.widths)
    kernel = KERNEL[rank] if seed.kernel is None else seed.kernel
    kernels: tuple[int | str, ...] = _per_block("kernel", kernel, n)
    repeats = _per_block("repeats", seed.repeats, n)
    strides = _per_block("stride", seed.stride, n)
    separable = _per_block("separable", seed.separable, n)
    expansions = _per_block("expansion", seed.expansion, n)
    return [
        Block(
            channels=width,
            kernels=read_set(kernels[i], rank, "seed_network: kernel"),
            repeats=repeats[i],
            stride=strides[i],
            separable=separable[i],
            expansion=expansions[i],
            skip=seed.skip,
        )
        for i, width in enumerate(seed.widths)
    ]


def _per_block(name: str, value: T | tuple[T, ...], n: int) -> tuple[T, ...]:
    values = value if isinstance(value, tuple) else (value,) * n
    if len(values) != n:
        raise ConfigError(
            f"[space] seed_network: {name} needs one value or {n}, one for each width; "
            f"got {len(values)}."
        )
    return values
