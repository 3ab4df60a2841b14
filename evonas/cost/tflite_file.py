"""Size of a .tflite file as evonas writes it (evonas.export.tflite), from the deployed graph alone.

A flatbuffer is tables, vectors and strings, of which the writer shares equal ones. What depends on
trained numbers is taken as it mostly is: every scale differs, and the zero points of all tensors
but those behind a ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from evonas.arch.graph import LoweredGraph, LoweredOp, LoweredTensor
from evonas.cost.tflite_parts import FILE_OPTIONS, file_axes, file_constants

HEADER_BYTES = 8
"""Offset of the root and the identifier."""

BUFFER_ALIGNMENT = 16
PLAN_NAME = "OfflineMemoryAllocation"
PLAN_HEADER = 3
"""Numbers before the offsets of an embedded memory plan: version, subgraph and their count."""

KEEPS_QUANTISATION = (
    "average_pool",
    "max_pool",
    "pad",
    "relu",
    "reshape",
    "axes",
    "stack",
    "strided_slice",
)
"""Operators whose output is quantised as their input, so that one table serves both."""


LSTM_INPUTS = 24
"""Inputs of UNIDIRECTIONAL_SEQUENCE_LSTM, some of which are absent."""

RESHAPES = ("reshape", "axes", "stack")
"""Operators that a file holds as RESHAPE."""


class _Size:
    """Bytes so far, and what was counted already."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self._known: set[Hashable] = set()

    def add(self, n_bytes: int, key: Hashable = None) -> bool:
        """Adds bytes, those with a key once; returns whether they were new."""
        if key is not None and key in self._known:
            return False
        self._known.add(key)
        self.n_bytes += n_bytes
        return True

    def vector(self, count: int, element_bytes: int = 4, key: Hashable = None) -> None:
        """Adds a vector of numbers: their count and they, to full words."""
        self.add(4 + _ceil(count * element_bytes, 4), None if key is None else ("vector", key))

    def table(self, slots: tuple[int, ...], small: int = 0, key: Hashable = None) -> bool:
        """Adds a table, and its list of slots if it is the first of its form.

        Args:
            slots: Those that it holds.
            small: How many of them take one byte instead of four.
            key: What equal ones share.
        """
        n_bytes = _ceil(4 + 4 * (len(slots) - small) + small, 4)
        is_new = self.add(n_bytes, None if key is None else ("table", key))
        if is_new:
            self.add(_ceil(4 + 2 * (max(slots, default=-1) + 1), 4), ("slots", slots, small))
        return is_new


def _ceil(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def tflite_file_bytes(graph: LoweredGraph, offline_plan: bool = False) -> int:
    """Returns the size of a deployed graph's .tflite file, without metadata of a study.

    Args:
        graph: The deployed network.
        offline_plan: Whether a memory plan is embedded.
    """
    size = _Size()
    n_constants, n_buffers = _add_constants(size, graph)
    _add_activations(size, graph)
    codes = {_code(op) for op in graph.ops}
    for op in graph.ops:
        _add_operator(size, op, len(file_constants(graph, op)))
    for code in codes:
        size.table((0, 2, 3), small=1, key=("code", code))
    n_tensors = len(graph.tensors) + n_constants
    if offline_plan:
        _add_plan(size, n_tensors)
    n_buffers += offline_plan
    # Empty buffer, subgraph, model, and the vectors that list what these hold.
    size.table(())
    size.table((0, 1, 2, 3))
    size.table((0, 1, 2, 4, 6) if offline_plan else (0, 1, 2, 4))
    size.vector(1, key=("list", (0,)))
    size.vector(1, key=("list", (graph.output,)))
    for count in (n_tensors, len(graph.ops), len(codes), 1, 1 + n_buffers):
        size.vector(count)
    return _ceil(HEADER_BYTES + size.n_bytes, BUFFER_ALIGNMENT)


def _add_constants(size: _Size, graph: LoweredGraph) -> tuple[int, int]:
    """Returns how many tensors and buffers the operators' constants are."""
    constants = [
        (c.value or (index, i), c)
        for index, op in enumerate(graph.ops)
        for i, c in enumerate(file_constants(graph, op))
    ]
    n_buffers = 0
    distinct = dict(constants)
    for constant in distinct.values():
        n_bytes = math.prod(constant.shape) * constant.element_bytes
        key = None if constant.data is None else ("buffer", constant.data)
        if n_bytes and size.add(_ceil(4 + n_bytes, BUFFER_ALIGNMENT), key):
            n_buffers += 1
            size.table((0,))
        size.vector(len(constant.shape), key=constant.shape)
        slots: tuple[int, ...] = (0, 1, 2) if n_bytes else (0, 1)
        if constant.quantised_as is not None:
            owner = constant.quantised_as
            _add_quantisation(size, owner, zero_point=f"of {owner}")
            slots = (*slots, 4)
        elif constant.n_scales:
            size.table((2, 3, 6) if constant.axis else (2, 3))
            size.vector(constant.n_scales)
            size.vector(1, 8, key=("zero point", 0))
            slots = (*slots, 4)
        if constant.is_variable:
            slots = (*slots, 5)
        size.table(slots, small=1 + constant.is_variable)
    return len(distinct), n_buffers


def _add_activations(size: _Size, graph: LoweredGraph) -> None:
    owners: dict[int, Hashable] = {0: 0}
    values: dict[int, Hashable] = {0: 0}
    _add_quantisation(size, 0, zero_point="of 0")
    _add_activation(size, graph.tensors[0], 0)
    for op in graph.ops:
        # Branches that compute the same, as pools of one input do, have equal scales too.
        same = (op.kind, op.kernel, op.stride, op.pads, *(values[i] for i in op.inputs))
        values[op.output] = op.output if op.biases else hash((same, op.activation))
        owner = owners[op.inputs[0]] if op.kind in KEEPS_QUANTISATION else values[op.output]
        owners[op.output] = owner
        relu = op.activation is not None
        _add_quantisation(size, owner, zero_point="lowest" if relu else f"of {owner}")
        _add_activation(size, graph.tensors[op.output], owner)


def _add_activation(size: _Size, tensor: LoweredTensor, owner: Hashable) -> None:
    """Adds a tensor; those of one shape and one quantisation share their table."""
    shape = ("activation", tensor.is_sequence, tensor.shape)
    size.vector(file_axes(tensor), key=shape)
    size.table((0, 1, 4), small=1, key=(owner, shape))


def _add_quantisation(size: _Size, owner: Hashable, zero_point: str) -> None:
    if size.table((2, 3), key=("quantisation", owner)):
        size.vector(1)
        size.vector(1, 8, key=("zero point", zero_point))


def _code(op: LoweredOp) -> str:
    if op.kind == "relu":
        return op.activation or "relu"
    return {"scale": "depthwise", **dict.fromkeys(RESHAPES, "reshape")}.get(op.kind, op.kind)


def _add_operator(size: _Size, op: LoweredOp, n_constants: int) -> None:
    n_inputs = LSTM_INPUTS if op.kind == "lstm" else len(op.inputs) + n_constants
    # What one operator writes is what another reads: both lists are [its index].
    size.vector(n_inputs, key=None if n_constants else ("list", op.inputs))
    size.vector(1, key=("list", (op.output,)))
    if op.kind == "relu":
        size.table((0, 1, 2))
        return
    size.table((0, 1, 2, 3, 4), small=1)
    slots, small = FILE_OPTIONS[op.kind](op)
    if op.kind in RESHAPES:
        size.table(slots)
    else:
        size.table(slots, small, key=("options", _code(op), _options_key(op)))


def _options_key(op: LoweredOp) -> Hashable:
    pads = op.pads if op.kind != "pad" else ()
    kernel = op.kernel if op.kind.endswith("pool") else ()
    return (op.activation, op.stride, op.dilation, bool(pads and any(map(any, pads))), kernel)


def _add_plan(size: _Size, n_tensors: int) -> None:
    size.add(_ceil(4 + 4 * (PLAN_HEADER + n_tensors), BUFFER_ALIGNMENT))
    size.table((0,))
    size.table((0, 1))
    size.vector(1)
    size.add(4 + _ceil(len(PLAN_NAME) + 1, 4))
