"""Operators of a network description: one frozen dataclass each, which knows its output shape only.

Shapes are (channels, length) for 1-D signals, (channels, height, width) for images and (features,)
after flattening; the batch is never part of a shape. Sizes, strides and pads of a convolution or a
pooling window are tuples with one entry per spatial axis; pads are explicit, (before, after).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from evonas.errors import SpecError

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

ACTIVATIONS = ("relu", "relu6")
POOLINGS = ("average", "max")


def _window_lengths(
    op: str, shape: Shape, kernel: Shape, stride: Shape, dilation: Shape, pads: Pads
) -> Shape:
    """Returns the spatial output lengths of a sliding window, floor((L + pads - field) / s) + 1."""
    rank = len(shape) - 1
    if rank < 1 or not len(kernel) == len(stride) == len(dilation) == len(pads) == rank:
        raise SpecError(
            f"{op}: expected kernel, stride, dilation and pads with one entry for each spatial "
            f"axis of shape {shape}, got {kernel}, {stride}, {dilation} and {pads}."
        )
    if min(kernel + stride + dilation) < 1 or any(min(pad) < 0 for pad in pads):
        raise SpecError(
            f"{op}: kernel {kernel}, stride {stride} and dilation {dilation} must be positive and "
            f"pads {pads} not negative."
        )
    lengths = []
    for length, k, s, d, pad in zip(shape[1:], kernel, stride, dilation, pads, strict=True):
        room = length + sum(pad) - ((k - 1) * d + 1)
        if room < 0:
            raise SpecError(
                f"{op}: a window of {k} taps and dilation {d} does not fit a length of {length} "
                f"padded by {pad}."
            )
        lengths.append(room // s + 1)
    return tuple(lengths)


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
        lengths = _window_lengths("Conv", x, self.kernel, self.stride, self.dilation, self.pads)
        return (self.out_channels, *lengths)


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
class LSTM:
    """A long short-term memory over a 1-D signal, forwards from a state of zeros.

    Gates and cell are those of torch.nn.LSTM: one layer, no peepholes, no projection.

    Attributes:
        hidden: Number of units.
    """

    n_inputs: ClassVar[int] = 1
    hidden: int

    def output_shape(self, x: Shape) -> Shape:
        """Returns (hidden, length), the whole sequence, for an input (channels, length)."""
        if len(x) != 2 or self.hidden < 1:
            raise SpecError(
                f"LSTM: expected a shape (channels, length) and positive hidden, got {x} and "
                f"{self.hidden}."
            )
        return (self.hidden, x[1])


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
        return (x[0], *_window_lengths("Pool", x, self.kernel, self.stride, ones, pads))


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
class LastStep:
    """The last position of a 1-D signal: (channels, length) -> (channels,)."""

    n_inputs: ClassVar[int] = 1

    def output_shape(self, x: Shape) -> Shape:
        """Returns (channels,)."""
        if len(x) != 2:
            raise SpecError(f"LastStep: expected a shape (channels, length), got {x}.")
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
    | Dense
    | LSTM
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
        Dense,
        LSTM,
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
