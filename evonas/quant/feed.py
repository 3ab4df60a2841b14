"""Into a quantised network and out of it: natural units to int8, and back."""

from __future__ import annotations

import numpy as np

from evonas.quant.arithmetic import INT8_MAX, INT8_MIN, Array, Int8s
from evonas.quant.network import Floats, QuantizedNetwork
from evonas.tasks.splits import Normalisation


def feed(network: QuantizedNetwork, X: Array) -> Int8s:
    """Returns inputs in int8 as the deployed network reads them, channels last.

    One subtraction, product and addition an element in float32, as a microcontroller does it.

    Args:
        network: The network.
        X: (n, *input_shape) in natural units.

    Returns:
        (n, height, width, channels) or (n, features).
    """
    shape = (-1, *(1,) * (X.ndim - 2))
    mean = network.normalisation.mean.astype(np.float32).reshape(shape)
    scaled = (X.astype(np.float32) - mean) * network.input_gain.reshape(shape)
    q = np.clip(np.rint(scaled) + network.input.zero_point, INT8_MIN, INT8_MAX).astype(np.int8)
    return channels_last(q)


def channels_last(X: Array) -> Array:
    """Returns (n, height, width, channels) for (n, channels, ...); flat samples as they are."""
    if X.ndim == 2:
        return X
    images = X[:, :, None] if X.ndim == 3 else X
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def answers(network: QuantizedNetwork, q: Int8s) -> Floats:
    """Returns what int8 outputs stand for: logits, or numbers in the target's unit."""
    centred = q.astype(np.float32) - np.float32(network.output.zero_point)
    return centred * np.float32(network.output.scale)


def natural(X: Array, normalisation: Normalisation) -> Floats:
    """Returns normalised inputs (n, *input_shape) in natural units again."""
    shape = (-1, *(1,) * (X.ndim - 2))
    mean, std = (getattr(normalisation, name).reshape(shape) for name in ("mean", "std"))
    return np.asarray(X * std + mean, np.float32)


def normalised(X: Array, normalisation: Normalisation) -> Floats:
    """Returns inputs in natural units (n, *input_shape) normalised."""
    shape = (-1, *(1,) * (X.ndim - 2))
    mean, std = (getattr(normalisation, name).reshape(shape) for name in ("mean", "std"))
    return np.asarray((X - mean) / std, np.float32)
