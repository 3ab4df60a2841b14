"""The deployed network: tensors and operators as a runtime executes them.

Tensors are int8 in the order (height, width, channels); a 1-D signal has height 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from evonas.arch.ops import Pads, Shape

Kind = Literal[
    "conv",
    "depthwise",
    "dense",
    "lstm",
    "recurrent",
    "stack",
    "scale",
    "add",
    "average_pool",
    "max_pool",
    "pad",
    "relu",
    "reshape",
    "axes",
    "softmax",
    "strided_slice",
]

NO_PADS: Pads = ((0, 0), (0, 0))


@dataclass(frozen=True)
class LoweredTensor:
    """An activation in the arena.

    Attributes:
        index: Its place in the graph's tensors: the input first, then in order of execution.
        shape: (height, width, channels) or (features,).
        is_sequence: Whether TFLite holds it with three axes (batch, time, channels), as its LSTM
            reads and writes; all others have four.
    """

    index: int
    shape: Shape
    is_sequence: bool = False

    @property
    def n_bytes(self) -> int:
        """Size as int8."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class LoweredOp:
    """One operator that the runtime executes.

    Attributes:
        kind: What it does; "depthwise" is a convolution with one input channel a group, "recurrent"
            a cell of evonas.arch.cells other than TFLite's LSTM, "stack" makes neighbouring
            positions channels of one, "axes" copies a tensor between three and four axes; "softmax"
            is none that a spec has: an export appends it.
        inputs: Indices of the tensors that it reads.
        output: Index of the tensor that it writes.
        node: Index of the spec's node that it stems from.
        kernel: Window, (height, width).
        stride: Step, (height, width).
        dilation: Distance between taps, (height, width).
        pads: Zeros ((top, bottom), (left, right)): of "pad" those it writes, of a convolution those
            that the kernel supplies itself; of a pooling the positions that it skips.
        groups: Channel groups of a convolution.
        activation: "relu" or "relu6" where one is fused into it, or where it is one.
        cell: Name of a recurrent cell; empty for all other kinds.
        rank_w: Rank of the cell's input matrix; 0 for full.
        rank_u: Rank of the cell's recurrent matrix; 0 for full.
        weights: Number of weights.
        biases: Number of biases.
        macs: Multiply-accumulates of convolutions, dense layers and the matrices of recurrent
            layers, taps on zeros included; 0 for all others.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    node: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Pads = NO_PADS
    groups: int = 1
    activation: str | None = None
    cell: str = ""
    rank_w: int = 0
    rank_u: int = 0
    weights: int = 0
    biases: int = 0
    macs: int = 0

    @property
    def name(self) -> str:
        """Its kind, of a recurrent layer the cell, and the number of its node: "conv 3"."""
        return f"{self.cell or self.kind} {self.node}"

    @property
    def params(self) -> int:
        """Number of weights and biases."""
        return self.weights + self.biases

    @property
    def scaled_channels(self) -> int:
        """Channels with a quantisation of their own; dense and recurrent layers have none."""
        return 0 if self.kind in ("dense", "lstm", "recurrent") else self.biases


@dataclass(frozen=True)
class LoweredGraph:
    """A deployed network.

    Attributes:
        tensors: All activations; tensor 0 is the input.
        ops: Operators in order of execution.
        output: Index of the tensor that holds the result.
    """

    tensors: tuple[LoweredTensor, ...]
    ops: tuple[LoweredOp, ...]
    output: int
