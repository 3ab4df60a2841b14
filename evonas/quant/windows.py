"""Windows over images (batch, height, width, channels), for numbers of any type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import LoweredOp
from evonas.quant.arithmetic import Array


def padded(x: Array, op: LoweredOp, value: float = 0) -> Array:
    """Returns x with the zeros of an operator around it, or with another value."""
    if not any(map(any, op.pads)):
        return x
    return np.pad(x, ((0, 0), *op.pads, (0, 0)), constant_values=value)


def windows(x: Array, op: LoweredOp) -> Array:
    """Returns a view of each window: (batch, out height, out width, channels, *kernel).

    Args:
        x: Padded already.
        op: Whose kernel, stride and dilation are taken.
    """
    (k_h, k_w), (d_h, d_w), (s_h, s_w) = op.kernel, op.dilation, op.stride
    fields = ((k_h - 1) * d_h + 1, (k_w - 1) * d_w + 1)
    view: Array = np.lib.stride_tricks.sliding_window_view(x, fields, axis=(1, 2))  # type: ignore[call-overload]
    return view[:, ::s_h, ::s_w, :, ::d_h, ::d_w]


def columns(x: Array, op: LoweredOp) -> Array:
    """Returns each window as a row: (batch, out height, out width, taps * channels).

    Its entries are in the order of TFLite's convolution weights, (height, width, channels).
    """
    if op.kernel == (1, 1):
        return x[:, :: op.stride[0], :: op.stride[1]]
    view = np.moveaxis(windows(x, op), 3, 5)
    return view.reshape(*view.shape[:3], -1)


def taps(x: Array, op: LoweredOp) -> list[Array]:
    """Returns for each tap of the window what it reads: (batch, out height, out width, channels).

    Args:
        x: Padded already.
        op: Whose kernel, stride and dilation are taken.
    """
    view = windows(x, op)
    return [view[..., i, j] for i in range(op.kernel[0]) for j in range(op.kernel[1])]


def inside_counts(shape: tuple[int, ...], op: LoweredOp) -> npt.NDArray[np.int64]:
    """Returns how many positions of each window lie inside: (1, out height, out width, 1)."""
    ones = np.ones((1, *shape[:2], 1), np.int64)
    return np.asarray(sum(taps(padded(ones, op), op)))
