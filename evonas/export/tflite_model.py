"""A .tflite file as plain data, and its bytes.

Slots of tables are those of TensorFlow Lite's schema, version 3
(tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evonas.arch.ops import Shape
from evonas.export.flatbuffer import Field, SharingBuilder
from evonas.quant.arithmetic import Array

SCHEMA_VERSION = 3
ALIGNMENT = 16
"""Bytes that the schema aligns a buffer's data to."""

TYPES = {"int32": 2, "int16": 7, "int8": 9}
"""TensorType of numpy's types."""

LAST_DEPRECATED_CODE = 127
"""Operators up to it stand in the old field as well."""


@dataclass(frozen=True)
class FileTensor:
    """One tensor.

    Attributes:
        shape: With the batch.
        dtype: A key of ``TYPES``.
        buffer: Index of its data in the file's buffers; 0 where it has none.
        scales: None where it is not quantised; one, or one for each channel.
        zero_point: Of all channels.
        axis: Of the channels.
        is_variable: Whether it keeps its value between inferences.
    """

    shape: Shape
    dtype: str
    buffer: int = 0
    scales: tuple[float, ...] = ()
    zero_point: int = 0
    axis: int = 0
    is_variable: bool = False


@dataclass(frozen=True)
class FileOperator:
    """One operator.

    Attributes:
        code: BuiltinOperator.
        version: Of the operator, the first that takes int8.
        inputs: Tensors of the file that it reads; -1 for an optional one that is absent.
        options: Kind of its option table (BuiltinOptions); 0 for none.
        fields: Of the option table.
        intermediates: Tensors that hold scales of its inner results.
    """

    code: int
    version: int
    inputs: tuple[int, ...]
    options: int = 0
    fields: tuple[Field, ...] = ()
    intermediates: tuple[int, ...] = ()


@dataclass
class FileModel:
    """A file that grows; equal constants and buffers are kept once.

    Attributes:
        portable: Whether every channel has a zero point of its own and every bias a scale, as
            TensorFlow Lite and other tools want it; TFLite Micro does without.
        tensors: Activations first, in the graph's order: TFLite Micro's planner breaks ties by it.
        operators: Each with the tensor that it writes.
        buffers: Data of constants and metadata; buffer 0 is empty by the schema.
        metadata: Names, and the buffers of their values.
    """

    portable: bool = False
    tensors: list[FileTensor] = field(default_factory=list)
    operators: list[tuple[FileOperator, int]] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    metadata: list[tuple[str, int]] = field(default_factory=list)

    def shape(self, tensor: int) -> Shape:
        """Returns the shape of a tensor, with the batch."""
        return self.tensors[tensor].shape

    def constant(
        self, values: Array, scales: npt.ArrayLike = (), axis: int = 0, zero_point: int = 0
    ) -> int:
        """Returns the index of a tensor with data: int8, int16 or int32.

        Args:
            values: Its numbers.
            scales: One, or one for each channel; empty for a tensor that is not quantised.
            axis: Axis of the channels.
            zero_point: Of all channels.
        """
        numbers = tuple(np.asarray(scales, np.float32).tolist())
        buffer = self._buffer(values)
        dtype = values.dtype.name
        tensor = FileTensor(values.shape, dtype, buffer, numbers, zero_point, axis)
        if tensor in self.tensors:
            return self.tensors.index(tensor)
        return self.add(tensor)

    def variable(self, shape: Shape, dtype: str, scale: float, zero_point: int) -> int:
        """Returns the index of a tensor that keeps its value between inferences."""
        return self.add(FileTensor(shape, dtype, 0, (scale,), zero_point, is_variable=True))

    def intermediate(self, dtype: str, scale: float, zero_point: int) -> int:
        """Returns the index of a tensor without data, which carries a quantisation alone."""
        return self.add(FileTensor((0,), dtype, 0, (scale,), zero_point))

    def add(self, tensor: FileTensor) -> int:
        """Returns the index of a tensor of its own."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_metadata(self, name: str, values: Array) -> None:
        """Adds an entry of metadata."""
        self.metadata.append((name, self._buffer(values)))

    def _buffer(self, values: Array) -> int:
        data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
        if data not in self.buffers:
            self.buffers.append(data)
        return self.buffers.index(data)


def serialise(model: FileModel, inputs: list[int], outputs: list[int]) -> bytes:
    """Returns the file of a model.

    Args:
        model: The model.
        inputs: The tensors that it reads.
        outputs: The tensors that it writes.
    """
    builder = SharingBuilder()
    # Data first, side by side: each then takes its aligned size and no more.
    data = [builder.vector(np.frombuffer(b, "u1"), "u1", ALIGNMENT) for b in model.buffers[1:]]
    buffers = [builder.table(), *(builder.table((0, "offset", offset)) for offset in data)]
    codes = list(dict.fromkeys((op.code, op.version) for op, _ in model.operators))
    subgraph = builder.table(
        (
            0,
            "offset",
            builder.offsets([_tensor(builder, t, model.portable) for t in model.tensors]),
        ),
        (1, "offset", builder.vector(inputs, "<i4")),
        (2, "offset", builder.vector(outputs, "<i4")),
        (3, "offset", builder.offsets([_operator(builder, codes, *o) for o in model.operators])),
    )
    fields: list[Field] = [
        (0, "u32", SCHEMA_VERSION),
        (1, "offset", builder.offsets([_code(builder, *code) for code in codes])),
        (2, "offset", builder.offsets([subgraph])),
        (4, "offset", builder.offsets(buffers)),
    ]
    if model.metadata:
        entries = [
            builder.table((0, "offset", builder.string(name)), (1, "u32", buffer))
            for name, buffer in model.metadata
        ]
        fields.append((6, "offset", builder.offsets(entries)))
    return builder.finish(builder.table(*fields), "TFL3")


def _code(builder: SharingBuilder, code: int, version: int) -> int:
    old = min(code, LAST_DEPRECATED_CODE)
    return builder.table((0, "i8", old), (2, "i32", version), (3, "i32", code))


def _operator(
    builder: SharingBuilder, codes: list[tuple[int, int]], operator: FileOperator, output: int
) -> int:
    fields: list[Field] = [
        (0, "u32", codes.index((operator.code, operator.version))),
        (1, "offset", builder.vector(operator.inputs, "<i4")),
        (2, "offset", builder.vector([output], "<i4")),
    ]
    if operator.options:
        options = builder.table(*operator.fields)
        fields += [(3, "u8", operator.options), (4, "offset", options)]
    if operator.intermediates:
        fields.append((8, "offset", builder.vector(operator.intermediates, "<i4")))
    return builder.table(*fields)


def _tensor(builder: SharingBuilder, tensor: FileTensor, portable: bool) -> int:
    fields: list[Field] = [(1, "i8", TYPES[tensor.dtype])]
    if tensor.is_variable:
        fields.append((5, "bool", True))
    fields.append((0, "offset", builder.vector(tensor.shape, "<i4")))
    if tensor.buffer:
        fields.append((2, "u32", tensor.buffer))
    if tensor.scales:
        fields.append((4, "offset", _quantization(builder, tensor, portable)))
    return builder.table(*fields)


def _quantization(builder: SharingBuilder, tensor: FileTensor, portable: bool) -> int:
    # For TFLite Micro one zero point stands for those of all channels.
    zero_points = [tensor.zero_point] * (len(tensor.scales) if portable else 1)
    fields: list[Field] = [
        (2, "offset", builder.vector(tensor.scales, "<f4")),
        (3, "offset", builder.vector(zero_points, "<i8")),
    ]
    if tensor.axis:
        fields.append((6, "i32", tensor.axis))
    return builder.table(*fields)
