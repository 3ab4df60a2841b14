"""Which range of numbers an int8 tensor covers, and the scales that follow from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError, unknown_name
from evonas.quant.arithmetic import INT8_MAX, INT8_MIN, Array, round_away
from evonas.quant.network import Floats, Quantization

WEIGHT_MAX = 127
"""Weights are symmetric: -127 .. 127, so that a product with an input fits 16 bits."""

SMALLEST_RANGE = 1e-6
"""A tensor that never leaves 0 still has a scale."""

CLIPPED = 1e-4
"""Share of a tensor's values that "percentile" leaves beyond each end of the range."""

SHARES = np.linspace(0.3, 1, 36)
"""Shares of the observed range that "mse" tries."""

MSE_VALUES = 20_000
"""Values of a tensor that "mse" looks at, evenly spaced."""

Range = tuple[float, float]


def _min_max(values: Array) -> Range:
    return float(values.min()), float(values.max())


def _percentile(values: Array) -> Range:
    low, high = np.quantile(values, (CLIPPED, 1 - CLIPPED))
    return float(low), float(high)


def _mse(values: Array) -> Range:
    """Returns the share of the observed range that int8 represents with the least square error."""
    low, high = _min_max(values)
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // MSE_VALUES)].astype(np.float64)
    best, found = np.inf, (low, high)
    for share in SHARES:
        tried = affine((share * low, share * high))
        q = np.clip(np.rint(sample / tried.scale) + tried.zero_point, INT8_MIN, INT8_MAX)
        error = float(np.mean(np.square((q - tried.zero_point) * tried.scale - sample)))
        if error < best:
            best, found = error, (share * low, share * high)
    return found


METHODS: dict[str, Callable[[Array], Range]] = {
    "minmax": _min_max,
    "percentile": _percentile,
    "mse": _mse,
}
"""How the range of a tensor is taken from the values that it has on calibration data.

Of twelve trained networks on four tasks the test metric of "percentile" was nearer to that of
floating point than the one of "minmax" on six and farther on three."""


def observed_range(values: Array, method: str) -> Range:
    """Returns (low, high) of a tensor's values by one of ``METHODS``.

    Raises:
        ConfigError: The method is unknown.
    """
    if method not in METHODS:
        raise ConfigError(unknown_name("calibration method", method, METHODS))
    return METHODS[method](values)


def affine(span: Range, floor: float = 0.0) -> Quantization:
    """Returns the int8 quantisation that covers a range and 0, which it represents exactly.

    Args:
        span: (low, high) of the numbers.
        floor: Smallest scale allowed.
    """
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    steps = INT8_MAX - INT8_MIN
    scale = float(np.float32(max((high - low), SMALLEST_RANGE) / steps))
    scale = max(scale, float(np.float32(floor)))
    zero_point = round_away(INT8_MIN - low / scale)
    return Quantization(scale, min(max(zero_point, INT8_MIN), INT8_MAX))


def channel_scales(weights: npt.ArrayLike, biases: npt.ArrayLike, input_scale: float) -> Floats:
    """Returns the symmetric weight scale of each output channel, (channels,).

    The largest weight of a channel becomes 127; where its weights are so small that its bias would
    leave 30 bits, the scale is larger.

    Args:
        weights: (channels, ...).
        biases: (channels,).
        input_scale: Of the layer's input.
    """
    wide = np.abs(np.asarray(weights, np.float64))
    largest = wide.reshape(len(wide), -1).max(axis=1, initial=0)
    for_bias = np.abs(np.asarray(biases, np.float64)) / (input_scale * (1 << 30))
    scales = np.maximum(largest / WEIGHT_MAX, for_bias)
    return np.where(scales > 0, scales, 1.0).astype(np.float32)
