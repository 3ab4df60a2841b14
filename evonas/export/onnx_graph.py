"""An ONNX graph as plain data, and the protobuf message that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.errors import ConfigError

INSTALL = "pip install 'evonas[onnx]'"

OPSET = 13
IR_VERSION = 7
"""ONNX 1.8 of November 2020: every operator used is in it, and old runtimes read it."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OnnxNode:
    """One operator.

    Attributes:
        op_type: Its name in ONNX.
        inputs: Names of the values that it reads; "" for an optional one that is absent.
        outputs: Names of the values that it writes; "" for one that nothing reads.
        attributes: Numbers, lists of them, strings; an OnnxGraph for a body.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass
class OnnxGraph:
    """A graph while it grows.

    Attributes:
        scope: What the names of new values begin with.
        nodes: Operators in order of execution.
        constants: Arrays by name.
    """

    scope: str
    nodes: list[OnnxNode] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def constant(self, name: str, values: npt.ArrayLike, dtype: Any = np.float32) -> str:
        """Returns the name of a new constant."""
        full = f"{self.scope}.{name}"
        self.constants[full] = np.array(values, dtype, order="C")
        return full

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Returns the name of a new constant of integers, such as axes or a shape."""
        return self.constant(name, values, np.int64)

    def add(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Adds an operator and returns the name of its first output.

        Args:
            op_type: Its name in ONNX.
            inputs: Names of values.
            outputs: How many values it writes; names of the others end in _1, _2, ...
            attributes: Of the operator.
        """
        alike = sum(node.outputs[0].startswith(f"{self.scope}.{op_type}") for node in self.nodes)
        first = f"{self.scope}.{op_type}" + (f"_{alike}x" if alike else "")
        names = (first, *(f"{first}_{i}" for i in range(1, outputs)))
        self.nodes.append(OnnxNode(op_type, inputs, names, attributes))
        return first


def import_onnx() -> Any:
    """Returns the package onnx.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise ConfigError(f"ONNX files need the package onnx: {INSTALL}.") from None
    return onnx


def graph_proto(
    graph: OnnxGraph,
    name: str,
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
) -> Any:
    """Returns a graph as onnx.GraphProto.

    Args:
        graph: The graph.
        name: Its name.
        inputs: Shapes by name, float32; a string is a size that may vary.
        outputs: Likewise.
    """
    onnx = import_onnx()

    def values(shapes: Mapping[str, Sequence[int | str]]) -> list[Any]:
        float32 = onnx.TensorProto.FLOAT
        return [
            onnx.helper.make_tensor_value_info(name, float32, list(shape))
            for name, shape in shapes.items()
        ]

    nodes = [
        onnx.helper.make_node(
            node.op_type, node.inputs, node.outputs, name=node.outputs[0], **node.attributes
        )
        for node in graph.nodes
    ]
    constants = [onnx.numpy_helper.from_array(a, name) for name, a in graph.constants.items()]
    return onnx.helper.make_graph(nodes, name, values(inputs), values(outputs), constants)
