"""A lowered graph while it grows: its tensors, its operators, and which node's value lies where."""

from __future__ import annotations

from typing import Any

from evonas.arch.graph import Kind, LoweredOp, LoweredTensor
from evonas.arch.ops import LSTM, Shape
from evonas.arch.spec import ArchSpec

FUSES_ACTIVATION = ("conv", "depthwise", "dense", "scale", "add", "average_pool", "max_pool")


class Lowering:
    """The graph while it grows.

    Args:
        spec: The network.

    Attributes:
        spec: The network.
        tensors: Of the graph so far.
        ops: Likewise.
        values: For every node so far the tensor that holds its value.
        producers: For every tensor the index of the operator that writes it; None for the input.
        copies: Tensor -> its copy with three axes instead of four, or with four instead of three.
    """

    def __init__(self, spec: ArchSpec) -> None:
        self.spec = spec
        self.tensors: list[LoweredTensor] = []
        self.ops: list[LoweredOp] = []
        self.values: list[int] = []
        self.producers: list[int | None] = []
        self.copies: dict[int, int] = {}

    def input_tensors(self, index: int) -> tuple[int, ...]:
        """Returns the tensors that a node reads."""
        return tuple(self.values[i] for i in self.spec.nodes[index].inputs)

    def source(self, index: int, is_sequence: bool) -> int:
        """Returns the tensor that a node reads, with three axes if it is a sequence, or four."""
        (tensor,) = self.input_tensors(index)
        return self.with_axes(tensor, index, is_sequence)

    def with_axes(self, tensor: int, index: int, is_sequence: bool) -> int:
        """Returns a tensor or its copy with other axes."""
        if self.tensors[tensor].is_sequence == is_sequence:
            return tensor
        if tensor not in self.copies:
            shape = self.tensors[tensor].shape
            copy = self.add_op("axes", (tensor,), shape, index, is_sequence)
            self.copies |= {tensor: copy, copy: tensor}
        return self.copies[tensor]

    def feeds_lstms(self, index: int) -> bool:
        """Returns whether LSTMs, and nothing else, read a node."""
        readers = self.spec.consumers[index]
        return bool(readers) and all(isinstance(self.spec.nodes[i].op, LSTM) for i in readers)

    def add_tensor(self, shape: Shape, producer: int | None, is_sequence: bool = False) -> int:
        """Adds a tensor and the operator that writes it; returns the tensor's index."""
        self.tensors.append(LoweredTensor(len(self.tensors), shape, is_sequence))
        self.producers.append(producer)
        return len(self.tensors) - 1

    def add_op(
        self,
        kind: Kind,
        inputs: tuple[int, ...],
        shape: Shape,
        index: int,
        is_sequence: bool = False,
        **fields: Any,
    ) -> int:
        """Adds an operator and its output, whose index it returns.

        Args:
            kind: Of the operator.
            inputs: Tensors that it reads.
            shape: Of its output.
            index: Of the node that it stems from.
            is_sequence: Whether its output has three axes.
            **fields: Further ones of LoweredOp.
        """
        output = self.add_tensor(shape, len(self.ops), is_sequence)
        self.ops.append(LoweredOp(kind, inputs, output, index, **fields))
        return output

    def sole_producer(self, index: int) -> int | None:
        """Returns the operator before a node, if the node alone reads it and could be fused."""
        source = self.spec.nodes[index].inputs[0]
        tensor = self.values[source]
        producer = self.producers[tensor]
        if producer is None or self.ops[producer].kind not in FUSES_ACTIVATION:
            return None
        while len(self.spec.consumers[source]) == 1:
            source = self.spec.nodes[source].inputs[0]
            if self.values[source] != tensor:
                return producer
        return None
