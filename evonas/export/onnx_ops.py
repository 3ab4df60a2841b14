"""How each operator of a network stands in an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from evonas.export.onnx_cells import lstm, recurrent
from evonas.export.onnx_graph import OnnxGraph
from evonas.proxy.weights import BATCH_NORM_EPS, Weights

Handler = Callable[[OnnxGraph, Any, Weights, Shape, tuple[str, ...]], str]


def _conv(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    kernel = weights["weight"]
    arrays = (
        graph.constant("weight", kernel.reshape(*kernel.shape[:2], *op.kernel)),
        graph.constant("bias", weights["bias"]),
    )
    return graph.add(
        "Conv",
        *inputs,
        *arrays,
        kernel_shape=op.kernel,
        strides=op.stride,
        dilations=op.dilation,
        pads=_onnx_pads(op.pads),
        group=op.groups,
    )


def _onnx_pads(pads: Any) -> list[int]:
    """Returns pads as ONNX lists them: before on every axis, then after."""
    return [before for before, _ in pads] + [after for _, after in pads]


def _dense(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    arrays = (graph.constant(name, weights[name]) for name in ("weight", "bias"))
    return graph.add("Gemm", *inputs, *arrays, transB=1)


def _batch_norm(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    if not weights:  # folded into the layer before
        return inputs[0]
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = (graph.constant(name, weights[name]) for name in names)
    return graph.add("BatchNormalization", *inputs, *arrays, epsilon=BATCH_NORM_EPS)


def _activation(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    if op.function == "relu":
        return graph.add("Relu", *inputs)
    return graph.add("Clip", *inputs, graph.constant("low", 0), graph.constant("high", 6))


def _pool(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    op_type = "MaxPool" if op.kind == "max" else "AveragePool"
    pads = _onnx_pads(op.pads or ((0, 0),) * len(op.kernel))
    return graph.add(op_type, *inputs, kernel_shape=op.kernel, strides=op.stride, pads=pads)


def _global_average(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    return graph.add("Flatten", graph.add("GlobalAveragePool", *inputs), axis=1)


def _last_step(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    last = graph.constant("last", shape[1] - 1, dtype="int64")
    return graph.add("Gather", *inputs, last, axis=2)


def _flatten(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    return graph.add("Flatten", *inputs, axis=1)


def _add(graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]) -> str:
    return graph.add("Add", *inputs)


def _lstm(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    return lstm(graph, op.hidden, weights, *inputs)


def _recurrent(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    return recurrent(graph, op.cell, op.hidden, weights, *inputs)


def _stack(
    graph: OnnxGraph, op: Any, weights: Weights, shape: Shape, inputs: tuple[str, ...]
) -> str:
    channels, length = shape
    steps = length // op.factor
    (kept,) = inputs
    if length % op.factor:
        bounds = {"from": length % op.factor, "to": length, "axis": 2}
        kept = graph.add("Slice", kept, *(graph.integers(n, [v]) for n, v in bounds.items()))
    apart = graph.integers("apart", (0, channels, steps, op.factor))
    frames = graph.add("Transpose", graph.add("Reshape", kept, apart), perm=[0, 3, 1, 2])
    together = graph.integers("together", (0, op.factor * channels, steps))
    return graph.add("Reshape", frames, together)


HANDLERS: dict[type[Op], Handler] = {
    Conv: _conv,
    MetaKernel: _conv,
    Dense: _dense,
    LSTM: _lstm,
    Recurrent: _recurrent,
    StackFrames: _stack,
    BatchNorm: _batch_norm,
    Activation: _activation,
    Pool: _pool,
    GlobalAveragePool: _global_average,
    LastStep: _last_step,
    Flatten: _flatten,
    Add: _add,
}
"""Operator -> what it adds to a graph, from the operator, the deployed weights of its node, the
shape of its first input and the names of its inputs; an Input adds nothing."""

WITHOUT_NODE = (Input,)


def check_operators(spec: ArchSpec) -> None:
    """Checks that every operator of a network has a form in ONNX.

    Raises:
        UnsupportedOpError: One has none.
    """
    for index, node in enumerate(spec.nodes):
        if type(node.op) not in HANDLERS and not isinstance(node.op, WITHOUT_NODE):
            raise UnsupportedOpError(f"Node {index}: ONNX cannot hold {type(node.op).__name__}.")
