"""Operators of a network description: one frozen dataclass each, which knows its output shape only.

Shapes are (channels, length) for 1-D signals, (channels, height, width) for images and (features,)
after flattening; the batch is never part of a shape. Sizes, strides and pads of a convolution or a
pooling window are tuples with one entry per spatial axis; pads are explicit, (before, after).
Operators on sequences stand in evonas.arch.ops_sequence, their shapes in evonas.arch.shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from evonas.arch.ops_sequence import LSTM, LastStep, Recurrent, StackFrames
from evonas.arch.shapes import Pads, Shape, window_lengths
from evonas.errors import SpecError

__all__ = [
    "ACTIVATIONS", "LSTM", "OPS", "POOLINGS", "Activation", "Add", "BatchNorm", "Conv", "Dense",
    "Flatten", "GlobalAveragePool", "Input", "LastStep", "MetaKernel", "Op", "Pads", "Pool",
    "Recurrent", "Shape", "StackFrames",
]  # fmt: skip

ACTIVATIONS = ("relu", "relu6")
POOLINGS = ("average", "max")


@dataclass(frozen=True)
class Input:
    """The network's input.

    Attributes:
        shape: (channels, length), (channels, height, width) or (features,).
    """

    n_inputs: ClassVar[int] = 0
    shape: Shape

    def output_shape(self) -> Shape:
        """Returns the shape of the input itself."""
        if not self.shape or min(self.shape) < 1:
            raise SpecError(f"Input: expected a shape of positive sizes, got {self.shape}.")
        return self.shape


@dataclass(frozen=True)
class Conv:
    """A convolution over one or two spatial axes, without activation.

    Attributes:
        out_channels: Number of filters.
        kernel: Taps per axis.
        stride: Step per axis.
        dilation: Distance between taps per axis.
        pads: Zeros (before, after) per axis.
        groups: Channel groups; equal to the input channels for a depthwise convolution.
        bias: Whether the training module has a bias; a deployed one always does.
    """

    n_inputs: ClassVar[int] = 1
    out_channels: int
    kernel: Shape
    stride: Shape
    dilation: Shape
    pads: Pads
    groups: int = 1
    bias: bool = True

    def output_shape(self, x: Shape) -> Shape:
        """Returns (out_channels, lengths...) for an input (channels, lengths...)."""
        if min(self.out_channels, self.groups) < 1:
            raise SpecError(
                f"Conv: out_channels and groups must be positive, got {self.out_channels} and "
                f"{self.groups}."
            )
        if x[0] % self.groups or self.out_channels % self.groups:
            raise SpecError(
                f"Conv: {self.groups} groups divide neither or only one of {x[0]} input and "
                f"{self.out_channels} output channels."
            )
        lengths = window_lengths("Conv", x, self.kernel, self.stride, self.dilation, self.pads)
        return (self.out_channels, *lengths)


@dataclass(frozen=True)
class MetaKernel:
    """Parallel convolutions whose batch-normalised outputs are added, merged into one to deploy.

    After E-DNAS (Garcia, Agudo, Moreno-Noguer 2021): convolutions of one stride, dilation and
    grouping are additive in their kernels. Every branch is a convolution without bias, followed by
    a batch norm of its own; its taps are centred in the merged kernel, which is their bounding box.

    Attributes:
        out_channels: Number of filters of every branch.
        kernels: Taps per axis of each branch, ascending, none twice; along each axis all odd or all
            even, so that they share a centre.
        stride: Step per axis, of all branches.
        dilation: Distance between taps per axis, of all branches.
        pads: Zeros (before, after) per axis of the merged kernel.
        groups: Channel groups, of all branches.
    """

    n_inputs: ClassVar[int] = 1
    out_channels: int
    kernels: tuple[Shape, ...]
    stride: Shape
    dilation: Shape
    pads: Pads
    groups: int = 1

    @property
    def kernel(self) -> Shape:
        """Taps per axis of the merged kernel."""
        return tuple(max(taps) for taps in zip(*self.kernels, strict=True))

    def output_shape(self, x: Shape) -> Shape:
        """Returns (out_channels, lengths...) for an input (channels, lengths...)."""
        if not self.kernels or len({len(kernel) for kernel in self.kernels}) != 1:
            raise SpecError(f"MetaKernel: expected kernels of one rank, got {self.kernels}.")
        if list(self.kernels) != sorted(set(self.kernels)):
            raise SpecError(f"MetaKernel: expected ascending kernels, got {self.kernels}.")
        if any(len({k % 2 for k in taps}) > 1 for taps in zip(*self.kernels, strict=True)):
            raise SpecError(
                f"MetaKernel: kernels {self.kernels} have no common centre and cannot be merged; "
                "along each axis all sizes must be odd, or all even."
            )
        return self.merged().output_shape(x)

    def merged(self) -> Conv:
        """Returns the convolution that computes the same once it is deployed."""
        return Conv(
            self.out_channels, self.kernel, self.stride, self.dilation, self.pads, self.groups
        )


@dataclass(frozen=True)
class Dense:
    """A fully connected layer on a flat input, without activation.

    Attributes:
        out_features: Number of outputs.
        bias: Whether the training module has a bias; a deployed one always does.
    """

    n_inputs: ClassVar[int] = 1
    out_features: int
    bias: bool = True

    def output_shape(self, x: Shape) -> Shape:
        """Returns (out_features,) for an input (features,)."""
        if len(x) != 1 or self.out_features < 1:
            raise SpecError(
                f"Dense: expected a flat input and positive out_features, got {x} and "
                f"{self.out_features}."
            )
        return (self.out_features,)


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation over the first axis, with scale and shift."""

    n_inputs: ClassVar[int] = 1

    def output_shape(self, x: Shape) -> Shape:
        """Returns the input's shape."""
        return x


@dataclass(frozen=True)
class Activation:
    """An element-wise nonlinearity.

    Attributes:
        function: One of ``ACTIVATIONS``.
    """

    n_inputs: ClassVar[int] = 1
    function: str = "relu"

    def output_shape(self, x: Shape) -> Shape:
        """Returns the input's shape."""
        if self.function not in ACTIVATIONS:
            raise SpecError(
                f"Activation: expected one of {', '.join(ACTIVATIONS)}, got {self.function!r}."
            )
        return x


@dataclass(frozen=True)
class Pool:
    """Pooling by a sliding window; what lies outside the input counts for nothing.

    Attributes:
        kind: One of ``POOLINGS``.
        kernel: Window per axis.
        stride: Step per axis.
        pads: Positions (before, after) per axis that windows may reach beyond the input; an average
            is over the positions inside alone. Empty for none.
    """

    n_inputs: ClassVar[int] = 1
    kind: str
    kernel: Shape
    stride: Shape
    pads: Pads = ()

    def output_shape(self, x: Shape) -> Shape:
        """Returns (channels, lengths...) for an input (channels, lengths...)."""
        if self.kind not in POOLINGS:
            raise SpecError(f"Pool: expected one of {', '.join(POOLINGS)}, got {self.kind!r}.")
        if any(max(pad) >= k for pad, k in zip(self.pads, self.kernel, strict=False)):
            raise SpecError(f"Pool: pads {self.pads} leave a window of {self.kernel} empty.")
        ones, pads = (1,) * len(self.kernel), self.pads or ((0, 0),) * len(self.kernel)
        return (x[0], *window_lengths("Pool", x, self.kernel, self.stride, ones, pads))


@dataclass(frozen=True)
class GlobalAveragePool:
    """The mean over all spatial axes: (channels, ...) -> (channels,)."""

    n_inputs: ClassVar[int] = 1

    def output_shape(self, x: Shape) -> Shape:
        """Returns (channels,)."""
        if len(x) < 2:
            raise SpecError(f"GlobalAveragePool: expected a spatial input, got shape {x}.")
        return (x[0],)


@dataclass(frozen=True)
class Flatten:
    """All elements in one axis, channels outermost: (channels, ...) -> (features,)."""

    n_inputs: ClassVar[int] = 1

    def output_shape(self, x: Shape) -> Shape:
        """Returns (features,)."""
        return (math.prod(x),)


@dataclass(frozen=True)
class Add:
    """The element-wise sum of two inputs of one shape."""

    n_inputs: ClassVar[int] = 2

    def output_shape(self, x: Shape, y: Shape) -> Shape:
        """Returns the shape of both inputs."""
        if x != y:
            raise SpecError(f"Add: expected two inputs of one shape, got {x} and {y}.")
        return x


Op = (
    Input
    | Conv
    | MetaKernel
    | Dense
    | LSTM
    | Recurrent
    | StackFrames
    | BatchNorm
    | Activation
    | Pool
    | GlobalAveragePool
    | LastStep
    | Flatten
    | Add
)

OPS: dict[str, type[Op]] = {
    op.__name__: op
    for op in (
        Input,
        Conv,
        MetaKernel,
        Dense,
        LSTM,
        Recurrent,
        StackFrames,
        BatchNorm,
        Activation,
        Pool,
        GlobalAveragePool,
        LastStep,
        Flatten,
        Add,
    )
}
"""Every operator by its name in a spec's JSON; tests hold each reader against this table."""
