"""Blocks: what the genes of the meta-kernel space choose, as convolutions in a row and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from evonas.arch.ops import Shape
from evonas.errors import SpecError
from evonas.spaces.metakernel_network import Step
from evonas.spaces.metakernel_sets import KernelSet, cut, set_name

SKIPS = ("none", "layer", "block")
"""Shortcuts on offer everywhere."""
PROJECTION = "projection"
"""The shortcut on offer where the seed's widths may become equal around a projection."""


@dataclass(frozen=True)
class Block:
    """Layers of one kind in a row; a layer is a convolution, or two or three where separable.

    Attributes:
        channels: Output channels of every layer.
        kernels: Of every layer's meta-kernel.
        repeats: Number of layers; the first one alone has the stride.
        stride: Along every axis.
        separable: Whether a layer is a depthwise meta-kernel and a 1x1 convolution; one whose
            kernels are cut to a single tap is a 1x1 convolution.
        expansion: Of a separable layer: beyond 1, a 1x1 convolution to that many times the input's
            channels stands before it (an inverted bottleneck).
        skip: "layer": an identity around every layer that keeps its input's shape; "block": one
            shortcut around all layers, a 1x1 convolution where they change the shape;
            "projection": the same, with a 1x1 convolution everywhere.
    """

    channels: int
    kernels: KernelSet
    repeats: int = 1
    stride: int = 1
    separable: bool = False
    expansion: int = 1
    skip: str = "none"


def expand(block: Block, x: Shape) -> tuple[Step, ...]:
    """Returns the steps of a block that reads a tensor of shape x."""
    steps = [step for layer in layers(block, x) for step in layer]
    shape = output_shape(steps, x)
    if block.skip in ("block", PROJECTION):
        is_identity = shape == x and block.skip == "block"
        projection = 0 if is_identity else _stride(block, x)
        steps[-1] = replace(steps[-1], skip=len(steps), projection=projection)
    return tuple(steps)


def layers(block: Block, x: Shape) -> list[list[Step]]:
    """Returns the steps of each layer of a block, without a shortcut around the whole block."""
    found: list[list[Step]] = []
    shape = x
    for number in range(block.repeats):
        layer = _layer(block, shape, 1 if number else _stride(block, x))
        after = output_shape(layer, shape)
        if block.skip == "layer" and after == shape:
            layer[-1] = replace(layer[-1], skip=len(layer))
        found.append(layer)
        shape = after
    return found


def _stride(block: Block, x: Shape) -> int:
    return block.stride if max(x[1:]) > 1 else 1  # of one position there is nothing to leave out


def _layer(block: Block, x: Shape, stride: int) -> list[Step]:
    point = ((1,) * len(x[1:]),)
    kernels = cut(block.kernels, x[1:])
    if not block.separable or kernels == point:
        return [Step(block.channels, kernels, stride)]
    hidden = x[0] * block.expansion
    steps = [Step(hidden, point)] if block.expansion > 1 else []
    return [
        *steps,
        Step(hidden, kernels, stride, depthwise=hidden > 1),
        Step(block.channels, point),
    ]


def output_shape(steps: Sequence[Step], x: Shape) -> Shape:
    """Returns the shape behind steps that read a tensor of shape x."""
    for step in steps:
        x = step.output_shape(x)
    return x


def blocks_at(
    steps: Sequence[Step], x: Shape, max_repeats: int
) -> Iterator[tuple[Block, tuple[Step, ...]]]:
    """Yields every block that the next steps may be, the longest first, with the steps it takes.

    Args:
        steps: From the block's first one on.
        x: Shape of the tensor that it reads.
        max_repeats: Of a block.
    """
    for repeats, n in product(range(max_repeats, 0, -1), (3, 2, 1)):
        if len(steps) < n:
            continue
        hidden, middle, last = steps[0], steps[max(n - 2, 0)], steps[n - 1]
        if n == 3 and (hidden.channels <= x[0] or hidden.channels % x[0]):
            continue
        if n > 1 and middle.kernels == ((1,) * len(x[1:]),):
            continue  # a separable layer of one tap is written as a 1x1 convolution
        for skip in (*SKIPS, PROJECTION):
            block = Block(
                channels=last.channels,
                kernels=middle.kernels,
                repeats=repeats,
                stride=middle.stride,
                separable=n > 1,
                expansion=hidden.channels // x[0] if n == 3 else 1,
                skip=skip,
            )
            taken = expand(block, x)
            if taken == tuple(steps[: len(taken)]):
                yield block, taken


def arranged(
    steps: Sequence[Step], x: Shape, slots: Sequence[Callable[[Block], bool]], max_repeats: int
) -> list[Block | None] | None:
    """Returns for every slot its block or None, the earliest slots first that take the steps.

    Args:
        steps: All of them are to be in a block.
        x: Shape of the tensor that the first one reads.
        slots: Whether a place takes a block.
        max_repeats: Of a block.

    Returns:
        None where the slots cannot hold the steps.
    """
    failed: set[tuple[int, int]] = set()

    def place(at: int, shape: Shape, slot: int) -> list[Block | None] | None:
        if slot == len(slots) or (at, slot) in failed:
            return [] if at == len(steps) and slot == len(slots) else None
        for block, taken in blocks_at(steps[at:], shape, max_repeats):
            if slots[slot](block):
                rest = place(at + len(taken), output_shape(taken, shape), slot + 1)
                if rest is not None:
                    return [block, *rest]
        rest = place(at, shape, slot + 1)
        if rest is None:
            failed.add((at, slot))
            return None
        return [None, *rest]

    return place(0, x, 0)


def grouped(steps: Sequence[Step], x: Shape, max_repeats: int) -> list[Block]:
    """Returns the blocks that the steps of a seed make.

    Raises:
        SpecError: They make none, such as where a shortcut spans layers of two kinds, or where a
            kernel has taps that meet zeros alone, which the space does not write.
    """
    slots = [lambda block: True] * len(steps)
    found = arranged(steps, x, slots, max_repeats)
    if found is None:
        for step in steps:
            if step.kernels != cut(step.kernels, x[1:]):
                raise SpecError(
                    f"The seed's kernel {set_name(step.kernels)} reaches beyond all of a tensor of "
                    f"shape {x}; take a larger input or a seed with fewer strides."
                )
            x = step.output_shape(x)
        raise SpecError("The seed's convolutions and shortcuts make no blocks of equal layers.")
    return [block for block in found if block is not None]
