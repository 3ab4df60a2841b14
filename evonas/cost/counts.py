"""Parameters and multiply-accumulates: one place, integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from evonas.arch.cells import recurrent_counts
from evonas.arch.lower import lower
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
    Pool,
    Recurrent,
    Shape,
    StackFrames,
)
from evonas.arch.spec import ArchSpec
from evonas.errors import UnsupportedOpError


def count_params(spec: ArchSpec) -> int:
    """Returns the number of parameters of the deployed network.

    Weights, one bias a channel of every convolution and dense layer (meta-kernels are merged), the
    biases and scalars of recurrent cells (evonas.arch.cells), and two numbers a channel
    for a batch norm that cannot be folded (evonas.arch.lower says which). Scales and zero points of
    the quantisation are not counted.

    Raises:
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    return sum(op.params for op in lower(spec).ops)


def count_macs(spec: ArchSpec) -> int:
    """Returns the multiply-accumulates of one inference of the deployed network.

    Convolutions, dense layers and the matrices of recurrent layers only (4 h (h + d) a step of an
    LSTM), taps on zero padding included, biases not: half of what PyTorch's FlopCounterMode counts
    on the meta device (of an LSTM it counts nothing on a CPU).

    Raises:
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    return sum(op.macs for op in lower(spec).ops)


def training_params(spec: ArchSpec) -> int:
    """Returns the number of parameters of the modules that are trained.

    Weights, the biases that the spec's layers train (two vectors for the gates of an LSTM, as in
    torch.nn.LSTM), and scale and shift of every batch norm, those of a meta-kernel's branches too:
    what most papers print. Running
    statistics are not counted.

    Raises:
        UnsupportedOpError: The spec holds an operator that this count does not know.
    """
    total = 0
    for index, node in enumerate(spec.nodes):
        count = TRAINING_PARAMS.get(type(node.op))
        if count is None:
            raise UnsupportedOpError(f"Node {index}: no count for {type(node.op).__name__}.")
        total += count(node.op, *(spec.shapes[i] for i in node.inputs))
    return total


def _none(op: Any, *shapes: Shape) -> int:
    return 0


def _conv(op: Any, x: Shape) -> int:
    weights: int = op.out_channels * (x[0] // op.groups) * math.prod(op.kernel)
    return weights + (op.out_channels if op.bias else 0)


def _dense(op: Any, x: Shape) -> int:
    weights: int = x[0] * op.out_features
    return weights + (op.out_features if op.bias else 0)


def _lstm(op: Any, x: Shape) -> int:
    weights: int = 4 * op.hidden * (x[0] + op.hidden)
    biases: int = 2 * 4 * op.hidden
    return weights + biases


def _meta_kernel(op: Any, x: Shape) -> int:
    taps = sum(math.prod(kernel) for kernel in op.kernels)
    weights: int = op.out_channels * (x[0] // op.groups) * taps
    norms: int = 2 * op.out_channels * len(op.kernels)
    return weights + norms


def _recurrent(op: Any, x: Shape) -> int:
    return recurrent_counts(op.cell, x[0], op.hidden, op.rank_w, op.rank_u).params


def _batch_norm(op: Any, x: Shape) -> int:
    return 2 * x[0]


TRAINING_PARAMS: dict[type[Op], Callable[..., int]] = {
    Input: _none,
    Conv: _conv,
    MetaKernel: _meta_kernel,
    Dense: _dense,
    LSTM: _lstm,
    Recurrent: _recurrent,
    StackFrames: _none,
    BatchNorm: _batch_norm,
    Activation: _none,
    Pool: _none,
    GlobalAveragePool: _none,
    LastStep: _none,
    Flatten: _none,
    Add: _none,
}
"""Trained parameters of each operator, from it and its input shapes."""
