"""A temporal convolutional network as its designer sees it: blocks, shortcuts, pooling, head.

This is what the genes of the TCN space choose. `write` turns it into an ArchSpec, and
evonas.spaces.tcn_parse reads it back from one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evonas.arch.builder import SpecBuilder
from evonas.arch.spec import ArchSpec

SHORTCUTS = ("none", "identity", "projection")
POOLS = ("none", "max", "average")
HEADS = ("average", "last", "flatten")
NORMS = ("before", "after")


@dataclass(frozen=True)
class ConvLayer:
    """One convolution.

    Attributes:
        channels: Output channels.
        taps: Kernel size.
        pads: Zeros (left, right).
        dilation: Distance between taps; 1 when there is one tap.
        stride: Step.
        separable: A depthwise convolution, normalised and activated, then a 1x1 convolution.
    """

    channels: int
    taps: int
    pads: tuple[int, int]
    dilation: int = 1
    stride: int = 1
    separable: bool = False

    @property
    def field(self) -> int:
        """Receptive field in input samples."""
        return (self.taps - 1) * self.dilation + 1


@dataclass(frozen=True)
class Block:
    """Convolutions in a row, with at most one shortcut around them and pooling by 2 behind.

    Attributes:
        convs: At least one; only the first may have a stride.
        shortcut: One of ``SHORTCUTS``.
        pool: One of ``POOLS``.
    """

    convs: tuple[ConvLayer, ...]
    shortcut: str = "none"
    pool: str = "none"


@dataclass(frozen=True)
class Style:
    """What all layers of a network share.

    Attributes:
        norm: "before": convolution, batch norm, (add), ReLU, (pool); "after", TEMPONet's order:
            convolution, (add), (pool), ReLU, batch norm.
        conv_bias: Whether convolutions train a bias beside their batch norm, as some published
            networks do; the deployed network is the same.
    """

    norm: str = "before"
    conv_bias: bool = False


@dataclass(frozen=True)
class TCNNetwork:
    """A whole network.

    Attributes:
        blocks: In order; may be empty.
        head: One of ``HEADS``: the mean over time, the last step, or all of it.
        dense: Widths of the hidden dense layers.
    """

    blocks: tuple[Block, ...]
    head: str = "average"
    dense: tuple[int, ...] = ()


def separated(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Returns the same blocks with each convolution outside a shortcut as a block of its own."""
    found: list[Block] = []
    for block in blocks:
        if block.shortcut == "none":
            found += [Block((conv,)) for conv in block.convs[:-1]]
            block = Block(block.convs[-1:], "none", block.pool)
        found.append(block)
    return tuple(found)


def write(
    network: TCNNetwork, style: Style, input_shape: tuple[int, ...], num_outputs: int
) -> ArchSpec:
    """Returns the network's description.

    Args:
        network: The network.
        style: What its layers share.
        input_shape: (channels, length).
        num_outputs: Outputs of the last dense layer.

    Raises:
        SpecError: The shapes do not fit, such as pooling of a single position.
    """
    b = SpecBuilder()
    x = b.input(input_shape)
    for block in network.blocks:
        x = write_block(b, x, block, style)
    return b.finish(write_head(b, x, network, style, num_outputs))


def write_head(b: SpecBuilder, x: int, network: TCNNetwork, style: Style, num_outputs: int) -> int:
    """Adds a network's head behind node x; returns the last node."""
    x = {"average": b.global_average_pool, "last": b.last_step, "flatten": b.flatten}[network.head](
        x
    )
    for width in network.dense:
        x = _normalised(b, b.dense(x, width, bias=style.conv_bias or style.norm == "after"), style)
    return b.dense(x, num_outputs)


def _normalised(b: SpecBuilder, x: int, style: Style) -> int:
    if style.norm == "before":
        return b.relu(b.batch_norm(x))
    return b.batch_norm(b.relu(x))


def write_block(b: SpecBuilder, x: int, block: Block, style: Style) -> int:
    """Adds a block behind node x; returns its last node."""
    before = style.norm == "before"
    source = x
    for conv in block.convs[:-1]:
        x = _normalised(b, _write_conv(b, x, conv, style), style)
    x = _write_conv(b, x, block.convs[-1], style)
    x = b.batch_norm(x) if before else x
    if block.shortcut != "none":
        y = source
        if block.shortcut == "projection":
            stride = block.convs[0].stride
            y = b.conv1d(
                source, b.shape(x)[0], 1, stride=stride, bias=style.conv_bias or not before
            )
            y = b.batch_norm(y) if before else y
        x = b.add(x, y)
    x = b.relu(x) if before else x
    x = b.pool(x, block.pool) if block.pool != "none" else x
    return x if before else b.batch_norm(b.relu(x))


def _write_conv(b: SpecBuilder, x: int, conv: ConvLayer, style: Style) -> int:
    bias = style.conv_bias or style.norm == "after"
    if not conv.separable:
        return b.conv1d(x, conv.channels, conv.taps, conv.stride, conv.dilation, conv.pads, 1, bias)
    c_in = b.shape(x)[0]
    x = b.conv1d(x, c_in, conv.taps, conv.stride, conv.dilation, conv.pads, c_in, bias)
    return b.conv1d(_normalised(b, x, style), conv.channels, 1, bias=bias)
