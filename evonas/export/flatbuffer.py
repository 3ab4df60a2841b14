"""Content-addressed flatbuffers: equal vectors, strings and tables are written once.

A flatbuffer is a graph of offsets, so whatever is equal can be shared; files of small networks,
which consist of tables more than of weights, shrink by it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

Field = tuple[int, str, Any]
"""Slot of a table in its schema, type of the value, value. A value equal to the schema's default is
to be left out by the caller; offsets come from the builder."""


class SharingBuilder:
    """Writes one flatbuffer, its innermost parts first."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)
        self._known: dict[Hashable, int] = {}

    def vector(self, values: npt.ArrayLike, dtype: str, align: int = 0) -> int:
        """Returns the offset of a vector of numbers.

        Args:
            values: Any shape; written in order.
            dtype: numpy's name of the number, little-endian, such as "<i4".
            align: Bytes that its first number is aligned to; 0 for the number's own size.
        """
        array = np.ascontiguousarray(values, dtype=dtype).reshape(-1)
        data = array.tobytes()
        align = align or array.itemsize
        return self._shared(
            (data, dtype, align), lambda: self._write(data, array.itemsize, len(array), align)
        )

    def string(self, text: str) -> int:
        """Returns the offset of a string."""
        return self._shared(text, lambda: self._builder.CreateString(text))

    def offsets(self, items: Sequence[int]) -> int:
        """Returns the offset of a vector of tables or strings."""

        def write() -> int:
            self._builder.StartVector(4, len(items), 4)
            for item in reversed(items):
                self._builder.PrependUOffsetTRelative(item)
            return int(self._builder.EndVector())

        return self._shared(("offsets", *items), write)

    def table(self, *fields: Field) -> int:
        """Returns the offset of a table; a value of type "shape" becomes a vector of int32."""
        fields = tuple(
            (slot, "offset", self.vector(value, "<i4")) if kind == "shape" else (slot, kind, value)
            for slot, kind, value in fields
        )

        def write() -> int:
            slots = max((slot for slot, _, _ in fields), default=-1) + 1
            self._builder.StartObject(slots)
            for slot, kind, value in fields:
                _PREPEND[kind](self._builder, value)
                self._builder.Slot(slot)
            return int(self._builder.EndObject())

        return self._shared(("table", *fields), write)

    def finish(self, root: int, identifier: str) -> bytes:
        """Returns the file, from its root table and its identifier of four letters."""
        self._builder.Finish(root, identifier.encode())
        return bytes(self._builder.Output())

    def _shared(self, key: Hashable, write: Callable[[], int]) -> int:
        if key not in self._known:
            self._known[key] = write()
        return self._known[key]

    def _write(self, data: bytes, size: int, count: int, align: int) -> int:
        builder = self._builder
        builder.StartVector(size, count, align)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        return int(builder.EndVector())


_PREPEND: dict[str, Callable[[flatbuffers.Builder, Any], None]] = {
    "i8": flatbuffers.Builder.PrependInt8,
    "u8": flatbuffers.Builder.PrependUint8,
    "bool": flatbuffers.Builder.PrependBool,
    "i32": flatbuffers.Builder.PrependInt32,
    "u32": flatbuffers.Builder.PrependUint32,
    "f32": flatbuffers.Builder.PrependFloat32,
    "offset": flatbuffers.Builder.PrependUOffsetTRelative,
}
