"""Float arrays of a node of the spec -> those of its deployed operator, in TFLite's layout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evonas.proxy.weights import BATCH_NORM_EPS, Weights
from evonas.quant.floating import Parameters

Order = npt.NDArray[np.int64] | None
"""Which element of the spec's flat tensor each element of the deployed one is; None if the same."""


def none(parts: Weights, order: Order) -> Parameters:
    """Returns no parameters."""
    return {}


def _ordered(array: npt.NDArray[np.float32], order: Order) -> npt.NDArray[np.float32]:
    return array if order is None else array[..., order]


def conv(parts: Weights, order: Order) -> Parameters:
    """Returns kernels as (out, height, width, in / groups)."""
    return {"weight": parts["weight"].transpose(0, 2, 3, 1), "bias": parts["bias"]}


def depthwise(parts: Weights, order: Order) -> Parameters:
    """Returns kernels as (1, height, width, out)."""
    return {"weight": parts["weight"].transpose(1, 2, 3, 0), "bias": parts["bias"]}


def dense(parts: Weights, order: Order) -> Parameters:
    """Returns a matrix whose columns are in the deployed order of its input."""
    return {"weight": _ordered(parts["weight"], order), "bias": parts["bias"]}


def scale(parts: Weights, order: Order) -> Parameters:
    """Returns a batch norm that did not fold as one factor and one offset a channel."""
    wide = {name: array.astype(np.float64) for name, array in parts.items()}
    gain = wide["weight"] / np.sqrt(wide["running_var"] + BATCH_NORM_EPS)
    shift = wide["bias"] - gain * wide["running_mean"]
    weight, bias = (_ordered(v.astype(np.float32), order) for v in (gain, shift))
    return {"weight": weight.reshape(1, 1, 1, -1), "bias": bias}
