"""The arena of TensorFlow Lite Micro: where its planner puts buffers, and what none can beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 16
"""Bytes to which TensorFlow Lite Micro aligns every buffer (MicroArenaBufferAlignment)."""


@dataclass(frozen=True)
class Buffer:
    """A stretch of the arena.

    Attributes:
        n_bytes: Its size, not yet aligned.
        first: First step at which it is in use; operator i runs at step i + 1, the input is there
            from step 0.
        last: Last step at which it is in use.
    """

    n_bytes: int
    first: int
    last: int

    @property
    def aligned_bytes(self) -> int:
        """Its size rounded up to a multiple of ``ALIGNMENT``."""
        return -(-self.n_bytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class ArenaPlan:
    """Where each buffer lies.

    Attributes:
        offsets: Offset of each buffer in bytes, in the order in which they were given.
        head_bytes: End of the highest buffer.
    """

    offsets: tuple[int, ...]
    head_bytes: int


def plan_greedy(buffers: Sequence[Buffer]) -> ArenaPlan:
    """Returns the plan of TensorFlow Lite Micro's greedy planner.

    Buffers are placed by decreasing aligned size, those of one size in reverse order, each in the
    first gap, from offset 0, between the buffers placed before whose lifetimes overlap its own
    (GreedyMemoryPlanner in tensorflow/lite/micro/memory_planner).
    """
    order = sorted(range(len(buffers) - 1, -1, -1), key=lambda i: -buffers[i].aligned_bytes)
    offsets = [0] * len(buffers)
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, first, last)
    for index in order:
        buffer = buffers[index]
        size, first, last = buffer.aligned_bytes, buffer.first, buffer.last
        offset = 0
        for start, end, its_first, its_last in placed:
            if its_first > last or its_last < first:
                continue
            if start - offset >= size:
                break
            offset = max(offset, end)
        offsets[index] = offset
        placed.append((offset, offset + size, first, last))
        placed.sort()
    head = max((end for _, end, _, _ in placed), default=0)
    return ArenaPlan(tuple(offsets), head)


def live_bytes(buffers: Sequence[Buffer], n_steps: int) -> tuple[int, ...]:
    """Returns the aligned bytes in use at each step; no plan can do with less than the largest."""
    change = [0] * (n_steps + 1)
    for buffer in buffers:
        change[buffer.first] += buffer.aligned_bytes
        change[buffer.last + 1] -= buffer.aligned_bytes
    total, live = 0, []
    for step in change[:n_steps]:
        total += step
        live.append(total)
    return tuple(live)
