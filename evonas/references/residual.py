"""The residual block that ECGTCN and TCResNet14 share."""

from __future__ import annotations

from dataclasses import dataclass

from evonas.arch.builder import SpecBuilder


@dataclass(frozen=True)
class ResidualBlock:
    """Two causal convolutions beside a projection, as the published networks have it.

    Attributes:
        channels: Output channels.
        kernels: Taps of the two convolutions.
        dilations: Dilations of the two convolutions.
        stride: Step of the first convolution and of the projection.
    """

    channels: int
    kernels: tuple[int, int]
    dilations: tuple[int, int]
    stride: int = 1

    @property
    def undilated(self) -> ResidualBlock:
        """The block of a PIT seed: dilation 1 and as many taps as the field is long."""
        first, second = (
            (taps - 1) * dilation + 1
            for taps, dilation in zip(self.kernels, self.dilations, strict=True)
        )
        return ResidualBlock(self.channels, (first, second), (1, 1), self.stride)


def add_block(b: SpecBuilder, x: int, block: ResidualBlock) -> int:
    """Adds conv, batch norm, ReLU, conv, batch norm; plus 1x1 conv, batch norm; ReLU.

    The published modules also hold a ReLU at the end of one or both branches. They cost nothing in
    a deployed network (each is fused into its convolution) and hold no parameters; the block is
    written in the usual form, which spaces of residual networks contain.
    """
    (k0, k1), (d0, d1) = block.kernels, block.dilations
    y = b.conv1d(x, block.channels, k0, block.stride, d0, "causal")
    y = b.relu(b.batch_norm(y))
    y = b.batch_norm(b.conv1d(y, block.channels, k1, dilation=d1, padding="causal"))
    shortcut = b.batch_norm(b.conv1d(x, block.channels, 1, block.stride))
    return b.relu(b.add(y, shortcut))
