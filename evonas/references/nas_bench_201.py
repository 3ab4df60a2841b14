"""The networks of NAS-Bench-201: one searched cell, fifteen times, in a fixed skeleton."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError
from evonas.references.converted import as_converted

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Edges (from, to) between the four positions of a cell, in the order of its operations."""

STAGES = (16, 32, 64)
CELLS = 5
"""Channels of each stage and cells in each."""


def live_operations(operations: Sequence[int]) -> tuple[int, ...]:
    """Returns the operations of a cell, "none" on every edge that leads from no input to no output.

    An edge is alive when a chain of operations other than "none" joins the cell's input to it and
    it to the cell's output.

    Raises:
        SpecError: The operations are no cell.
    """
    if len(operations) != len(EDGES) or not all(0 <= o < len(OPERATIONS) for o in operations):
        raise SpecError(
            f"Expected {len(EDGES)} operations from 0 to {len(OPERATIONS) - 1}, got {operations}."
        )
    fed, read = {0}, {3}
    cell = list(zip(EDGES, operations, strict=True))
    for (source, target), operation in cell:
        if operation and source in fed:
            fed.add(target)
    for (source, target), operation in reversed(cell):
        if operation and target in read:
            read.add(source)
    return tuple(o if source in fed and target in read else 0 for (source, target), o in cell)


def nas_bench_201(
    operations: Sequence[int], input_shape: Shape = (3, 32, 32), num_outputs: int = 10
) -> ArchSpec:
    """Returns the network of a cell: Dong and Yang 2020 <https://arxiv.org/abs/2001.00326>.

    As it is deployed: operations whose result reaches no output are left out, equal ones on equal
    inputs are shared, the order is that of TFLite's converter and all zeros are its SAME. A cell
    without any path passes zeros on; a batch norm stands for the multiplication by zero that is
    deployed for it.

    Args:
        operations: For each of ``EDGES`` an index in ``OPERATIONS``.
        input_shape: (channels, height, width).
        num_outputs: Classes.

    Raises:
        SpecError: The operations are no cell.
    """
    live = live_operations(operations)
    b = SpecBuilder()
    x = _conv(b, b.input(input_shape), STAGES[0], 3)
    for index, channels in enumerate(STAGES):
        x = _reduction(b, x, channels) if index else x
        for _ in range(CELLS):
            x = _cell(b, x, live)
    x = b.relu(b.batch_norm(x))
    return as_converted(b.finish(b.dense(b.global_average_pool(x), num_outputs)))


def _conv(b: SpecBuilder, x: int, channels: int, kernel: int, stride: int = 1) -> int:
    return b.batch_norm(b.conv2d(x, channels, kernel, stride, "same", bias=False))


def _reduction(b: SpecBuilder, x: int, channels: int) -> int:
    y = _conv(b, b.relu(x), channels, 3, stride=2)
    y = _conv(b, b.relu(y), channels, 3)
    shortcut = b.conv2d(b.pool(x, "average", 2), channels, 1, bias=False)
    return b.add(shortcut, y)


def _cell(b: SpecBuilder, x: int, operations: Sequence[int]) -> int:
    if not any(operations):
        return b.batch_norm(x)
    positions = {0: x}
    for target in (1, 2, 3):
        terms = [
            _edge(b, positions[source], OPERATIONS[operation])
            for (source, its_target), operation in zip(EDGES, operations, strict=True)
            if its_target == target and operation
        ]
        if terms:
            positions[target] = functools.reduce(b.add, terms)
    return positions[3]


def _edge(b: SpecBuilder, x: int, operation: str) -> int:
    if operation == "skip_connect":
        return x
    if operation == "avg_pool_3x3":
        return b.pool(x, "average", 3, 1, ((1, 1), (1, 1)))
    return _conv(b, b.relu(x), b.shape(x)[0], 1 if operation == "nor_conv_1x1" else 3)
