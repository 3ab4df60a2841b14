"""The lowered graph in floating point: what calibration observes.

Every handler reads float32 tensors (batch, height, width, channels) or (batch, features) and the
operator's float parameters, and returns its output with the fused activation applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from evonas.arch.graph import LoweredOp
from evonas.quant.arithmetic import Array
from evonas.quant.windows import columns, inside_counts, padded, taps

Parameters = Mapping[str, Array]
"""Arrays of one operator by name: "weight" and "bias" of those with weights, in TFLite's layout."""


def activate(op: LoweredOp, x: Array) -> Array:
    """Returns x after the operator's activation."""
    if op.activation is None:
        return x
    return np.clip(x, 0, 6 if op.activation == "relu6" else None)


def _conv(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    weight = parameters["weight"]
    x = padded(x, op)
    parts = [
        columns(inputs, op) @ kernels.reshape(len(kernels), -1).T
        for inputs, kernels in zip(
            np.split(x, op.groups, axis=3), np.split(weight, op.groups), strict=True
        )
    ]
    return np.concatenate(parts, axis=3) + parameters["bias"]


def _depthwise(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    weight = parameters["weight"]
    kernels = weight.reshape(-1, weight.shape[3])
    multiplier = weight.shape[3] // x.shape[3]
    views = taps(padded(np.repeat(x, multiplier, axis=3), op), op)
    total = sum(view * kernel for view, kernel in zip(views, kernels, strict=True))
    return np.asarray(total + parameters["bias"])


def _scale(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    return x * parameters["weight"].reshape(-1) + parameters["bias"]


def _dense(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    return x @ parameters["weight"].T + parameters["bias"]


def _add(op: LoweredOp, parameters: Parameters, x: Array, y: Array) -> Array:
    return x + y


def _average_pool(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    total = np.asarray(sum(taps(padded(x, op), op)))
    return (total / inside_counts(x.shape[1:], op)).astype(x.dtype)


def _max_pool(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    return np.maximum.reduce(taps(padded(x, op, -np.inf), op))


def _pad(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    return padded(x, op)


def _same(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    return x


def _last_step(op: LoweredOp, parameters: Parameters, x: Array) -> Array:
    return x[:, 0, -1]


FLOAT_KERNELS: dict[str, Callable[..., Array]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "scale": _scale,
    "add": _add,
    "average_pool": _average_pool,
    "max_pool": _max_pool,
    "pad": _pad,
    "relu": _same,
    "reshape": _same,
    "strided_slice": _last_step,
}
"""Kind of operator -> its output before activation, from operator, parameters and inputs. Results
of another shape of as many elements are reshaped to the tensor's."""
