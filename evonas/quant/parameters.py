"""The float parameters of each deployed operator, in TFLite's layout, from a network's weights."""

from __future__ import annotations

import numpy as np

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError, UnsupportedOpError
from evonas.proxy.weights import Weights, fold, initial_weights
from evonas.quant.floating import Parameters
from evonas.quant.kinds import kind_rules
from evonas.quant.layouts import Order


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
        parameters.append(kind_rules(op).layout(parts, order))
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
