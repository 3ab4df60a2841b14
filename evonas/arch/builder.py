"""SpecBuilder: writes a network description as a few readable lines."""

from __future__ import annotations

import math

from evonas.arch.ops import (
    LSTM,
    Activation,
    Add,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    Input,
    LastStep,
    MetaKernel,
    Op,
    Pads,
    Pool,
    Recurrent,
    Shape,
    StackFrames,
)
from evonas.arch.spec import ArchSpec, Node

Pair = int | tuple[int, int]


def causal_pads(kernel: int, dilation: int) -> tuple[int, int]:
    """Returns the (left, right) zeros that keep the length and never look ahead."""
    return ((kernel - 1) * dilation, 0)


def same_pads(kernel: int, dilation: int) -> tuple[int, int]:
    """Returns the (left, right) zeros that keep the length, an odd one on the left."""
    total = (kernel - 1) * dilation
    return (total - total // 2, total // 2)


def same_padding(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Returns the zeros (before, after) of TFLite's SAME padding, an odd one after."""
    field = (kernel - 1) * dilation + 1
    total = max((math.ceil(length / stride) - 1) * stride + field - length, 0)
    return (total // 2, total - total // 2)


def _pair(value: Pair) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


class SpecBuilder:
    """Builds an ArchSpec node by node; every method returns the index of the node it added.

    Example:
        b = SpecBuilder()
        x = b.input((1, 140))
        x = b.relu(b.batch_norm(b.conv1d(x, out_channels=8, kernel=5, padding="causal")))
        spec = b.finish(b.dense(b.global_average_pool(x), 5))
    """

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._shapes: list[Shape] = []

    def shape(self, node: int) -> Shape:
        """Returns the output shape of a node added before."""
        return self._shapes[node]

    def add_op(self, op: Op, *inputs: int) -> int:
        """Adds any operator."""
        self._shapes.append(op.output_shape(*(self._shapes[i] for i in inputs)))
        self._nodes.append(Node(op, tuple(inputs)))
        return len(self._nodes) - 1

    def input(self, shape: Shape) -> int:
        """Adds the input; always the first call."""
        return self.add_op(Input(tuple(shape)))

    def conv1d(
        self,
        x: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        padding: str | tuple[int, int] = "valid",
        groups: int = 1,
        bias: bool = True,
    ) -> int:
        """Adds a 1-D convolution; padding is "valid", "same", "causal" or explicit zeros."""
        rules = {"causal": causal_pads, "same": same_pads}
        if isinstance(padding, tuple):
            pads = padding
        elif padding == "valid":
            pads = (0, 0)
        elif padding in rules:
            pads = rules[padding](kernel, dilation)
        else:
            raise ValueError(f"Expected padding valid, same, causal or a pair, got {padding!r}.")
        return self.add_op(
            Conv(out_channels, (kernel,), (stride,), (dilation,), (pads,), groups, bias), x
        )

    def conv2d(
        self,
        x: int,
        out_channels: int,
        kernel: Pair,
        stride: Pair = 1,
        pads: Pads | str = "valid",
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> int:
        """Adds a 2-D convolution; pads are "valid", "same" or ((top, bottom), (left, right)).

        "same" is TFLite's, with an odd zero behind: a kernel pads itself with it.
        """
        sizes = (_pair(kernel), _pair(stride), _pair(dilation))
        if pads == "same":
            axes = zip(self._shapes[x][1:], *sizes, strict=True)
            pads = tuple(same_padding(*axis) for axis in axes)
        elif pads == "valid":
            pads = ((0, 0), (0, 0))
        elif isinstance(pads, str):
            raise ValueError(f"Expected pads valid, same or a pair of pairs, got {pads!r}.")
        return self.add_op(Conv(out_channels, *sizes, pads, groups, bias), x)

    def batch_norm(self, x: int) -> int:
        """Adds a batch normalisation."""
        return self.add_op(BatchNorm(), x)

    def relu(self, x: int) -> int:
        """Adds a ReLU."""
        return self.add_op(Activation("relu"), x)

    def pool(
        self,
        x: int,
        kind: str,
        size: int | Shape = 2,
        stride: int | None = None,
        pads: Pads = (),
    ) -> int:
        """Adds pooling over all spatial axes, "max" or "average"; the stride defaults to size."""
        rank = len(self._shapes[x]) - 1
        kernel = size if isinstance(size, tuple) else (size,) * rank
        return self.add_op(Pool(kind, kernel, (stride,) * rank if stride else kernel, pads), x)

    def global_average_pool(self, x: int) -> int:
        """Adds the mean over all positions."""
        return self.add_op(GlobalAveragePool(), x)

    def last_step(self, x: int) -> int:
        """Adds the selection of the last position of a 1-D signal."""
        return self.add_op(LastStep(), x)

    def flatten(self, x: int) -> int:
        """Adds a flattening."""
        return self.add_op(Flatten(), x)

    def dense(self, x: int, out_features: int, bias: bool = True) -> int:
        """Adds a fully connected layer."""
        return self.add_op(Dense(out_features, bias), x)

    def lstm(self, x: int, hidden: int) -> int:
        """Adds an LSTM that gives its whole sequence; last_step behind it takes the last state."""
        return self.add_op(LSTM(hidden), x)

    def recurrent(self, x: int, cell: str, hidden: int, rank_w: int = 0, rank_u: int = 0) -> int:
        """Adds a recurrent layer that gives its whole sequence; "lstm" of full rank is an LSTM."""
        if cell == "lstm" and not (rank_w or rank_u):
            return self.lstm(x, hidden)
        return self.add_op(Recurrent(cell, hidden, rank_w, rank_u), x)

    def stack_frames(self, x: int, factor: int) -> int:
        """Adds the stacking of neighbouring positions into channels."""
        return self.add_op(StackFrames(factor), x)

    def meta_kernel(
        self,
        x: int,
        out_channels: int,
        kernels: tuple[Shape, ...],
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        pads: Pads | None = None,
    ) -> int:
        """Adds a meta-kernel over all spatial axes, padded as TFLite's SAME unless pads are given.

        Args:
            x: Input node.
            out_channels: Number of filters.
            kernels: Taps per axis of each branch, in any order.
            stride: Step along every axis.
            dilation: Distance between taps along every axis.
            groups: Channel groups.
            pads: Zeros (before, after) per axis of the merged kernel.
        """
        lengths = self._shapes[x][1:]
        merged = tuple(max(taps) for taps in zip(*kernels, strict=True))
        if pads is None:
            axes = zip(lengths, merged, strict=True)
            pads = tuple(same_padding(n, k, stride, dilation) for n, k in axes)
        ones = (1,) * len(lengths)
        sizes = (tuple(stride * n for n in ones), tuple(dilation * n for n in ones))
        return self.add_op(
            MetaKernel(out_channels, tuple(sorted(set(kernels))), *sizes, pads, groups), x
        )

    def add(self, x: int, y: int) -> int:
        """Adds the element-wise sum of two nodes."""
        return self.add_op(Add(), x, y)

    def finish(self, output: int) -> ArchSpec:
        """Returns the spec; output must be the last node added."""
        if output != len(self._nodes) - 1:
            raise ValueError(
                f"Expected the last node, {len(self._nodes) - 1}, as the output, got {output}."
            )
        return ArchSpec(tuple(self._nodes))
