"""ArchSpec: the one description of a network that every other part of evonas reads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evonas.arch.ops import OPS, Input, Op, Shape
from evonas.errors import SpecError, UnsupportedOpError, unknown_name

FORMAT = 1
"""Version of the JSON form."""


@dataclass(frozen=True)
class Node:
    """One operator in a network.

    Attributes:
        op: The operator.
        inputs: Indices of the nodes whose outputs it reads; all smaller than its own index.
    """

    op: Op
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class ArchSpec:
    """A network: operators in topological (execution) order; the last one is the output.

    Two specs are equal when their nodes are, and then share one digest.

    Attributes:
        nodes: Node 0 is the only Input; every other node but the last is read by a later one.

    Raises:
        SpecError: The nodes are not such an order, or a shape does not fit.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not self.nodes or not isinstance(self.nodes[0].op, Input):
            raise SpecError("A spec starts with an Input node.")
        read: set[int] = set()
        for index, node in enumerate(self.nodes):
            if index and isinstance(node.op, Input):
                raise SpecError(f"Node {index}: a spec has one Input, at index 0.")
            if len(node.inputs) != node.op.n_inputs:
                raise SpecError(
                    f"Node {index}: {type(node.op).__name__} reads {node.op.n_inputs} inputs, "
                    f"got {len(node.inputs)}."
                )
            if any(not 0 <= i < index for i in node.inputs):
                raise SpecError(f"Node {index}: inputs {node.inputs} must be earlier nodes.")
            read.update(node.inputs)
        unread = set(range(len(self.nodes) - 1)) - read
        if unread:
            raise SpecError(f"Nodes {sorted(unread)} are read by no later node.")
        _ = self.shapes

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Output shape of every node."""
        shapes: list[Shape] = []
        for index, node in enumerate(self.nodes):
            try:
                shapes.append(node.op.output_shape(*(shapes[i] for i in node.inputs)))
            except SpecError as error:
                raise SpecError(f"Node {index}: {error}") from None
        return tuple(shapes)

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, without the batch."""
        return self.shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, without the batch."""
        return self.shapes[-1]

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For every node the indices of the nodes that read it."""
        lists: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                lists[source].append(index)
        return tuple(tuple(readers) for readers in lists)

    @cached_property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the JSON form."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: format version and one object per node."""
        nodes = [
            {"op": type(node.op).__name__, "inputs": list(node.inputs), **_fields(node.op)}
            for node in self.nodes
        ]
        return {"format": FORMAT, "nodes": nodes}

    def to_json(self) -> str:
        """Returns the JSON form as text, one node a line."""
        lines = ",\n".join("  " + json.dumps(node) for node in self.to_dict()["nodes"])
        return f'{{"format": {FORMAT}, "nodes": [\n{lines}\n]}}\n'

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArchSpec:
        """Returns the spec of a JSON form.

        Raises:
            SpecError: The form is of another version, names an unknown operator or is no network.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("nodes"), list):
            raise SpecError("A spec's JSON form is an object with a list of nodes.")
        if data.get("format") != FORMAT:
            raise SpecError(f"Expected a spec of format {FORMAT}, got {data.get('format')!r}.")
        return cls(tuple(_node(index, entry) for index, entry in enumerate(data["nodes"])))

    @classmethod
    def from_json(cls, text: str) -> ArchSpec:
        """Returns the spec of a JSON text; see from_dict."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise SpecError(f"A spec's text is not JSON: {error}.") from None
        return cls.from_dict(data)


def _fields(op: Op) -> dict[str, Any]:
    # An empty field is left out: a spec written before the field was added keeps its digest.
    values = {field.name: getattr(op, field.name) for field in dataclasses.fields(op)}
    return {name: value for name, value in values.items() if value != ()}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _node(index: int, entry: Any) -> Node:
    if not isinstance(entry, Mapping):
        raise SpecError(f"Node {index}: expected an object, got {entry!r}.")
    values = {key: _tuples(value) for key, value in entry.items()}
    name, inputs = values.pop("op", None), values.pop("inputs", ())
    if name not in OPS:
        raise UnsupportedOpError(f"Node {index}: {unknown_name('operator', name, OPS)}")
    try:
        return Node(OPS[name](**values), tuple(int(i) for i in inputs))
    except (TypeError, ValueError) as error:
        raise SpecError(f"Node {index}: {name}: {error}.") from None
