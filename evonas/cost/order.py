"""The order of a branched network's operators in which it needs the least RAM.

Operators are executed one at a time; which of two branches comes first decides what is alive at
once. The search walks the sets of executed operators (there are few where a network is a chain of
small branched parts, as cells and residual blocks are) from the one with the smallest peak so far,
so the first complete one is the best. Liberis and Lane 2019 <https://arxiv.org/abs/1910.05110>.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

from evonas.arch.graph import LoweredGraph
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec, Node
from evonas.cost.arena import ALIGNMENT
from evonas.cost.scratch import scratch_buffers

MAX_SETS = 50_000
"""Sets of executed operators that are looked at before the search becomes a beam. 100 of 100 random
branched networks of 16 to 32 operators, and the networks of NAS-Bench-201 with up to 168, need
less; so does any of 15."""

BEAM = 64


@dataclass(frozen=True)
class OperatorOrder:
    """What the search found.

    Attributes:
        spec: The network with its nodes in the best order; equal in what it computes.
        peak_bytes: Aligned bytes of tensors and scratch buffers alive at once, at most, in this
            order; what an offline plan can reach.
        given_bytes: The same in the order that was given.
        is_exact: Whether no order is better; False where the network has too many and the order is
            the best of a beam search.
    """

    spec: ArchSpec
    peak_bytes: int
    given_bytes: int
    is_exact: bool


def best_order(spec: ArchSpec, scratch: bool = True, max_sets: int = MAX_SETS) -> OperatorOrder:
    """Returns a network in the order of operators that needs the least RAM.

    Args:
        spec: The network; its given order stays where no other is better.
        scratch: Whether the kernels are CMSIS-NN's, which ask for scratch buffers.
        max_sets: Sets of executed operators to look at before the search becomes a beam.

    Raises:
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    steps = _Steps(lower(spec), scratch)
    given = steps.peak(range(len(steps.names)))
    found = _exact(steps, max_sets)
    order, peak = found or _beam(steps)
    if peak >= given:
        return OperatorOrder(spec, given, given, found is not None)
    return OperatorOrder(_reordered(spec, steps, order), peak, given, found is not None)


class _Steps:
    """The operators as the search sees them: those of one node of the spec are one step.

    Attributes:
        names: For every step the node of the spec that it stems from.
        reads: For every step the tensors that it reads and does not write itself.
        writes: For every step the tensor that outlives it.
        before: For every step the bytes that its first of two operators writes, such as the PAD
            before a convolution; mostly 0.
        scratch: For every step the bytes of its scratch buffers.
        readers: For every tensor a bit for each step that reads it.
        sizes: For every tensor its aligned bytes.
    """

    def __init__(self, graph: LoweredGraph, scratch: bool) -> None:
        self.sizes = [_aligned(t.n_bytes) for t in graph.tensors]
        self.names = list(dict.fromkeys(op.node for op in graph.ops))
        place = {name: i for i, name in enumerate(self.names)}
        self.output = graph.output
        self.reads: list[tuple[int, ...]] = [()] * len(self.names)
        self.writes = [0] * len(self.names)
        self.before = [0] * len(self.names)
        self.scratch = [0] * len(self.names)
        self.readers = [0] * len(graph.tensors)
        for op in graph.ops:
            step = place[op.node]
            if self.reads[step]:  # the node's second operator, which reads what its first wrote
                self.before[step] = self.sizes[self.writes[step]]
            else:
                self.reads[step] = tuple(dict.fromkeys(op.inputs))
            self.scratch[step] += sum(map(_aligned, scratch_buffers(graph, op, scratch)))
            self.writes[step] = op.output
        for step, tensors in enumerate(self.reads):
            for tensor in tensors:
                self.readers[tensor] |= 1 << step
        self.producer = {tensor: step for step, tensor in enumerate(self.writes)}

    @cached_property
    def needs(self) -> list[int]:
        """For every step a bit for each step that writes what it reads."""
        return [
            sum(1 << self.producer[t] for t in tensors if t in self.producer)
            for tensors in self.reads
        ]

    def run(self, step: int, done: int, live: int) -> tuple[int, int]:
        """Returns the bytes alive while a step runs, and those alive after it."""
        freed = sum(
            self.sizes[t]
            for t in self.reads[step]
            if t != self.output and not self.readers[t] & ~(done | 1 << step)
        )
        written = self.sizes[self.writes[step]]
        if self.before[step]:
            # PAD runs first and may free its input before the convolution writes
            padding = live + self.before[step]
            during = live - freed + self.before[step] + written + self.scratch[step]
            return max(padding, during), live - freed + written
        return live + written + self.scratch[step], live - freed + written

    def ready(self, done: int) -> list[int]:
        """Returns the steps whose inputs are there."""
        return [i for i, need in enumerate(self.needs) if not done >> i & 1 and need & done == need]

    def peak(self, order: range | list[int]) -> int:
        """Returns the largest number of bytes alive in an order."""
        done, live = 0, self.sizes[0]
        peak = live
        for step in order:
            during, live = self.run(step, done, live)
            peak, done = max(peak, during), done | 1 << step
        return peak


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def _exact(steps: _Steps, max_sets: int) -> tuple[list[int], int] | None:
    """Returns the best order and its peak; None where there are more sets than may be seen."""
    every = (1 << len(steps.names)) - 1
    came_from: dict[int, tuple[int, int]] = {}
    seen: set[int] = set()
    queue = [(steps.sizes[0], 0, 0, steps.sizes[0])]  # peak, fewest left first, set, live
    while queue:
        peak, left, done, live = heapq.heappop(queue)
        if done in seen:
            continue
        if done == every:
            return _walk(came_from, done), peak
        seen.add(done)
        if len(seen) > max_sets:
            return None
        for step, during, after in _moves(steps, done, live, peak):
            after_set = done | 1 << step
            if after_set not in seen:
                heapq.heappush(queue, (max(peak, during), left - 1, after_set, after))
                known = came_from.get(after_set)
                if known is None or max(peak, during) < known[1]:
                    came_from[after_set] = (step, max(peak, during))
    return None


def _moves(steps: _Steps, done: int, live: int, peak: int) -> list[tuple[int, int, int]]:
    """Returns (step, bytes while it runs, bytes after it) of those that may come next.

    One alone where it costs nothing: it frees no less than it writes and raises no peak.
    """
    moves = []
    for step in steps.ready(done):
        during, after = steps.run(step, done, live)
        if after <= live and during <= peak:
            return [(step, during, after)]
        moves.append((step, during, after))
    return moves


def _walk(came_from: dict[int, tuple[int, int]], done: int) -> list[int]:
    order = []
    while done:
        step, _ = came_from[done]
        order.append(step)
        done &= ~(1 << step)
    return order[::-1]


def _beam(steps: _Steps) -> tuple[list[int], int]:
    """Returns the best order that a beam search finds, and its peak."""
    start = steps.sizes[0]
    beam: list[tuple[int, int, int, list[int]]] = [(start, start, 0, [])]
    for _ in steps.names:
        found: dict[int, tuple[int, int, int, list[int]]] = {}
        for peak, live, done, order in beam:
            for step, during, after in _moves(steps, done, live, peak):
                entry = (max(peak, during), after, done | 1 << step, [*order, step])
                known = found.get(entry[2])
                if known is None or entry[:2] < known[:2]:
                    found[entry[2]] = entry
        beam = sorted(found.values(), key=lambda e: e[:3])[:BEAM]
    return beam[0][3], beam[0][0]


def _reordered(spec: ArchSpec, steps: _Steps, order: list[int]) -> ArchSpec:
    """Returns the spec with its nodes in an order of steps; folded ones follow their layer."""
    rank = {steps.names[step]: place for place, step in enumerate(order)}
    places = [-1]
    for index, node in enumerate(spec.nodes[1:], start=1):
        places.append(rank.get(index, max(places[i] for i in node.inputs)))
    by_place = sorted(range(len(spec.nodes)), key=lambda i: (places[i], i))
    new = {old: index for index, old in enumerate(by_place)}
    nodes = tuple(
        Node(spec.nodes[old].op, tuple(new[i] for i in spec.nodes[old].inputs)) for old in by_place
    )
    return ArchSpec(nodes)
