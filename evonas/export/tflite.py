"""The .tflite file of a quantised network, as TensorFlow Lite Micro reads it.

The file holds what that interpreter needs and no more: tensors have no names, the weights' zero
point is written once instead of for every channel and a convolution's biases have no scales of
their own (all are implied), equal tables are shared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.ops import Shape
from evonas.cost.arena import plan_offline
from evonas.cost.memory import arena_buffers
from evonas.errors import UnsupportedOpError
from evonas.export.flatbuffer import Field, SharingBuilder
from evonas.export.tflite_ops import OPERATORS, FileOperator
from evonas.quant.arithmetic import Array
from evonas.quant.network import Quantization, QuantizedNetwork

SCHEMA_VERSION = 3
ALIGNMENT = 16
"""Bytes that the schema aligns a buffer's data to."""

TYPES = {"int32": 2, "int16": 7, "int8": 9}
"""TensorType of numpy's types."""

PLAN_NAME = "OfflineMemoryAllocation"
METADATA_NAME = "evonas"
LAST_DEPRECATED_CODE = 127


def tflite_bytes(
    network: QuantizedNetwork,
    offline_plan: bool = False,
    scratch: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> bytes:
    """Returns the file.

    Args:
        network: The network.
        offline_plan: Whether the file says where each tensor lies in the arena, as
            evonas.cost.arena.plan_offline plans it.
        scratch: Whether that plan leaves room for CMSIS-NN's scratch buffers.
        metadata: What goes into the file as JSON beside the network; None for nothing.

    Raises:
        UnsupportedOpError: An operator has no form in the file.
    """
    writer = _Writer(network)
    for quantized in network.ops:
        if quantized.op.kind not in OPERATORS:
            raise UnsupportedOpError(
                f"Node {quantized.op.node}: a .tflite file cannot hold {quantized.op.kind!r}; "
                f"export the network as C."
            )
        operator = OPERATORS[quantized.op.kind](writer, quantized)
        writer.add_operator(operator, quantized.op.output)
    if offline_plan:
        writer.add_metadata(PLAN_NAME, _plan(network, len(writer.tensors), scratch))
    if metadata is not None:
        text = json.dumps(metadata, separators=(",", ":"), sort_keys=True)
        writer.add_metadata(METADATA_NAME, np.frombuffer(text.encode(), np.uint8))
    return writer.finish()


def _plan(network: QuantizedNetwork, n_tensors: int, scratch: bool) -> Array:
    """Returns [version, subgraph, n, offsets...]; -1 of tensors that are not in the arena."""
    plan = plan_offline(arena_buffers(network.graph, scratch))
    offsets = np.full(n_tensors, -1, np.int32)
    offsets[: len(network.graph.tensors)] = plan.offsets[: len(network.graph.tensors)]
    return np.concatenate([np.array([1, 0, n_tensors], np.int32), offsets])


class _Writer:
    """The file while it grows; its first tensors are those of the graph, in their order.

    TFLite Micro's planner breaks ties by the order of tensors.
    """

    def __init__(self, network: QuantizedNetwork) -> None:
        self._network = network
        self._builder = SharingBuilder()
        self._buffers = [self._builder.table()]  # buffer 0 is empty by the schema
        self._operators: list[int] = []
        self._codes: list[int] = []
        self._metadata: list[int] = []
        self._constants: dict[tuple[Any, ...], int] = {}
        self.tensors = [
            self._tensor(self.shape(t.index), "int8", quantization=self._affine(q))
            for t, q in zip(network.graph.tensors, network.tensors, strict=True)
        ]

    def shape(self, tensor: int) -> Shape:
        """Returns the shape of an activation: four axes, so that every operator can read it.

        The network's output has two where it is flat and comes from an operator that allows it.
        """
        graph = self._network.graph
        shape = graph.tensors[tensor].shape
        if len(shape) > 1:
            return (1, *shape)
        writers = [op.kind for op in graph.ops if op.output == tensor == graph.output]
        return (1, *shape) if writers in (["dense"], ["reshape"]) else (1, 1, 1, *shape)

    def constant(
        self, values: Array, scales: npt.ArrayLike = (), axis: int = 0, zero_point: int = 0
    ) -> int:
        """Returns the index of a tensor with data; equal ones share one."""
        floats = np.asarray(scales, np.float32)
        key = (values.tobytes(), values.shape, values.dtype, floats.tobytes(), axis, zero_point)
        if key not in self._constants:
            buffer = self._buffer(values)
            quantization = self._quantization(floats, zero_point, axis) if floats.size else None
            tensor = self._tensor(values.shape, values.dtype.name, buffer, quantization)
            self._constants[key] = self._add_tensor(tensor)
        return self._constants[key]

    def variable(self, shape: Shape, dtype: str, scale: float, zero_point: int) -> int:
        """Returns the index of a tensor that keeps its value between inferences."""
        quantization = self._quantization(np.array([scale]), zero_point, 0)
        return self._add_tensor(self._tensor(shape, dtype, 0, quantization, is_variable=True))

    def intermediate(self, scale: float, zero_point: int) -> int:
        """Returns the index of a tensor without data, which only carries a quantisation."""
        quantization = self._quantization(np.array([scale]), zero_point, 0)
        return self._add_tensor(self._tensor((), "int8", 0, quantization))

    def add_operator(self, operator: FileOperator, output: int) -> None:
        """Adds an operator that writes one activation."""
        builder = self._builder
        code = builder.table(
            (0, "i8", min(operator.code, LAST_DEPRECATED_CODE)),
            (2, "i32", operator.version),
            (3, "i32", operator.code),
        )
        if code not in self._codes:
            self._codes.append(code)
        fields: list[Field] = [
            (0, "u32", self._codes.index(code)),
            (1, "offset", builder.vector(operator.inputs, "<i4")),
            (2, "offset", builder.vector([output], "<i4")),
        ]
        if operator.options:
            options = builder.table(*operator.fields)
            fields += [(3, "u8", operator.options), (4, "offset", options)]
        if operator.intermediates:
            fields.append((8, "offset", builder.vector(operator.intermediates, "<i4")))
        self._operators.append(builder.table(*fields))

    def add_metadata(self, name: str, values: Array) -> None:
        """Adds an entry of metadata."""
        buffer = self._buffer(values)
        name_offset = self._builder.string(name)
        self._metadata.append(self._builder.table((0, "offset", name_offset), (1, "u32", buffer)))

    def finish(self) -> bytes:
        """Returns the file."""
        builder = self._builder
        subgraph = builder.table(
            (0, "offset", builder.offsets(self.tensors)),
            (1, "offset", builder.vector([0], "<i4")),
            (2, "offset", builder.vector([self._network.graph.output], "<i4")),
            (3, "offset", builder.offsets(self._operators)),
        )
        fields: list[Field] = [
            (0, "u32", SCHEMA_VERSION),
            (1, "offset", builder.offsets(self._codes)),
            (2, "offset", builder.offsets([subgraph])),
            (4, "offset", builder.offsets(self._buffers)),
        ]
        if self._metadata:
            fields.append((6, "offset", builder.offsets(self._metadata)))
        return builder.finish(builder.table(*fields), "TFL3")

    def _buffer(self, values: Array) -> int:
        data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        offset = self._builder.table((0, "offset", self._builder.vector(data, "u1", ALIGNMENT)))
        if offset not in self._buffers:
            self._buffers.append(offset)
        return self._buffers.index(offset)

    def _affine(self, quantization: Quantization) -> int:
        scales = np.array([quantization.scale], np.float32)
        return self._quantization(scales, quantization.zero_point, 0)

    def _quantization(self, scales: Array, zero_point: int, axis: int) -> int:
        builder = self._builder
        fields: list[Field] = [
            (2, "offset", builder.vector(scales, "<f4")),
            (3, "offset", builder.vector([zero_point], "<i8")),
        ]
        if axis:
            fields.append((6, "i32", axis))
        return builder.table(*fields)

    def _tensor(
        self,
        shape: Shape,
        dtype: str,
        buffer: int = 0,
        quantization: int | None = None,
        is_variable: bool = False,
    ) -> int:
        builder = self._builder
        fields: list[Field] = [(1, "i8", TYPES[dtype])]
        if is_variable:
            fields.append((5, "bool", True))
        fields.append((0, "offset", builder.vector(shape, "<i4")))
        if buffer:
            fields.append((2, "u32", buffer))
        if quantization is not None:
            fields.append((4, "offset", quantization))
        return builder.table(*fields)

    def _add_tensor(self, tensor: int) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1
