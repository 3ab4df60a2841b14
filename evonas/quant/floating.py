"""The operators of a lowered graph in floating point: what calibration observes.

Every kernel takes an operator, its parameters, the shape of its output and its inputs, float32
(batch, height, width, channels) or (batch, features), and returns the output before the fused
activation; the caller reshapes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from evonas.arch.graph import LoweredOp
from evonas.arch.ops import Shape
from evonas.quant.arithmetic import Array
from evonas.quant.windows import columns, inside_counts, padded, taps

Parameters = Mapping[str, Array]
"""Arrays of one operator by name: "weight" and "bias" of those with weights, in TFLite's layout."""


def activate(op: LoweredOp, x: Array) -> Array:
    """Returns x after the operator's activation."""
    if op.activation is None:
        return x
    highest = 6 if op.activation == "relu6" else np.inf
    return np.asarray(np.clip(x, 0, highest), x.dtype)


def conv(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns a convolution, of groups of channels too."""
    weight = parameters["weight"]
    x = padded(x, op)
    parts = [
        columns(inputs, op) @ kernels.reshape(len(kernels), -1).T
        for inputs, kernels in zip(
            np.split(x, op.groups, axis=3), np.split(weight, op.groups), strict=True
        )
    ]
    return np.asarray(np.concatenate(parts, axis=3) + parameters["bias"])


def depthwise(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns a depthwise convolution."""
    weight = parameters["weight"]
    kernels: Array = weight.reshape(-1, weight.shape[3])
    multiplier = weight.shape[3] // x.shape[3]
    views = taps(padded(np.repeat(x, multiplier, axis=3), op), op)
    total = sum(view * kernel for view, kernel in zip(views, kernels, strict=True))
    return np.asarray(total + parameters["bias"])


def scale(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns a factor and an offset a channel."""
    return x * parameters["weight"].reshape(-1) + parameters["bias"]


def dense(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns a fully connected layer."""
    return x @ parameters["weight"].T + parameters["bias"]


def add(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array, y: Array) -> Array:
    """Returns the sum."""
    return x + y


def average_pool(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the mean of the positions of each window that lie inside."""
    total = np.asarray(sum(taps(padded(x, op), op)))
    return (total / inside_counts(x.shape[1:], op)).astype(x.dtype)


def max_pool(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the largest of each window."""
    return np.asarray(np.maximum.reduce(taps(padded(x, op, -np.inf), op)))


def pad(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the input with zeros around it."""
    return padded(x, op)


def same(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns the input: reshapes move nothing, activations come later."""
    return x


def last_positions(op: LoweredOp, parameters: Parameters, shape: Shape, x: Array) -> Array:
    """Returns as many positions, from the end, as the output holds."""
    return x[:, :, -(math.prod(shape) // x.shape[3]) :]
