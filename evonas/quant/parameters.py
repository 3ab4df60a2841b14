"""The float parameters of each deployed operator, in TFLite's layout, from a network's weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError, UnsupportedOpError
from evonas.proxy.weights import BATCH_NORM_EPS, Weights, fold, initial_weights
from evonas.quant.floating import Parameters

Order = npt.NDArray[np.int64] | None
"""Which element of the spec's flat tensor each element of the deployed one is; None if the same."""


def check_weights(spec: ArchSpec, weights: Weights) -> None:
    """Checks that weights are those of a spec's training module, and finite.

    Raises:
        SpecError: A name or a shape is not the spec's, or a value is NaN or infinite.
    """
    expected = {name: array.shape for name, array in initial_weights(spec, 0).items()}
    given = {name: array.shape for name, array in weights.items()}
    for name in sorted({*expected, *given}):
        if expected.get(name) != given.get(name):
            raise SpecError(
                f"Weights of another network: {name} is {given.get(name, 'absent')}, expected "
                f"{expected.get(name, 'absent')}."
            )
        if not np.isfinite(weights[name]).all():
            raise SpecError(f"Weights: {name} holds NaN or infinity; train the network again.")


def float_parameters(
    spec: ArchSpec, graph: LoweredGraph, weights: Weights
) -> tuple[Parameters, ...]:
    """Returns the parameters of each operator of a lowered graph; empty where it has none.

    Args:
        spec: The network.
        graph: Its lowered form.
        weights: Of its training module.

    Raises:
        UnsupportedOpError: Flattened tensors of several orders meet, or one is the output.
    """
    folded = fold(spec, weights)
    orders: list[Order] = [None] * len(graph.tensors)
    parameters = []
    for op in graph.ops:
        order = _input_order(op, orders)
        parts = _of_node(folded, op.node)
        parameters.append(LAYOUTS[op.kind](parts, order) if op.kind in LAYOUTS else {})
        orders[op.output] = _output_order(graph, op, order)
    if orders[graph.output] is not None:
        raise UnsupportedOpError(
            "A network that ends in the elements of a flattened signal is not deployed: its "
            "channels come last there. End it in a Dense or in a pooling."
        )
    return tuple(parameters)


def _of_node(folded: Weights, node: int) -> Weights:
    prefix = f"node{node}."
    return {
        name.removeprefix(prefix): array
        for name, array in folded.items()
        if name.startswith(prefix)
    }


def _input_order(op: LoweredOp, orders: list[Order]) -> Order:
    first, *others = (orders[i] for i in op.inputs)
    if any(not np.array_equal(first, other) for other in others):  # type: ignore[arg-type]
        raise UnsupportedOpError(
            f"Node {op.node}: {op.kind} reads a flattened signal and a tensor of another order; "
            f"channels come last where it is deployed. Put a Dense in between."
        )
    return first


def _output_order(graph: LoweredGraph, op: LoweredOp, order: Order) -> Order:
    if op.kind == "reshape":
        shape = graph.tensors[op.inputs[0]].shape
        if len(shape) == 3 and shape[2] > 1 and shape[0] * shape[1] > 1:
            height, width, channels = shape
            spec_order = np.arange(height * width * channels).reshape(channels, height, width)
            return spec_order.transpose(1, 2, 0).reshape(-1)
    return None if op.kind == "dense" else order


def _ordered(array: npt.NDArray[np.float32], order: Order) -> npt.NDArray[np.float32]:
    return array if order is None else array[..., order]


def _conv(parts: Weights, order: Order) -> Parameters:
    return {"weight": parts["weight"].transpose(0, 2, 3, 1), "bias": parts["bias"]}


def _depthwise(parts: Weights, order: Order) -> Parameters:
    return {"weight": parts["weight"].transpose(1, 2, 3, 0), "bias": parts["bias"]}


def _dense(parts: Weights, order: Order) -> Parameters:
    return {"weight": _ordered(parts["weight"], order), "bias": parts["bias"]}


def _scale(parts: Weights, order: Order) -> Parameters:
    """Returns a batch norm that did not fold as one factor and one offset a channel."""
    wide = {name: array.astype(np.float64) for name, array in parts.items()}
    gain = wide["weight"] / np.sqrt(wide["running_var"] + BATCH_NORM_EPS)
    shift = wide["bias"] - gain * wide["running_mean"]
    weight, bias = (_ordered(v.astype(np.float32), order) for v in (gain, shift))
    return {"weight": weight.reshape(1, 1, 1, -1), "bias": bias}


LAYOUTS: dict[str, Callable[[Weights, Order], Parameters]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "scale": _scale,
}
"""Kind of operator -> its parameters, from the folded arrays of its node and its input's order."""
