"""Costs of fractional widths and of choices, for searches that follow gradients.

There is no second cost model: every value is interpolated between costs of integer networks, so it
is exact at integers and has a gradient although rounding and remainders are inside. A layer of
fractional width w, with f = w - floor(w), costs (1 - f) · cost(floor(w)) + f · cost(floor(w) + 1),
and so on for each of the widths that it depends on (multilinear); a network the sum of its layers.
Of a choice the cost is the expectation. RAM is that of the buffers alive at the peak. At an integer
the gradient is that of the next interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.arena import ALIGNMENT
from evonas.cost.scratch import scratch_buffers

Widths = tuple[int, ...]
Write = Callable[[Widths], ArchSpec]
LayerCost = Callable[[LoweredGraph, LoweredOp], float]
"""A cost of one operator of a deployed network: its params, macs, cycles, ..."""

CACHED_NETWORKS = 512


@dataclass(frozen=True)
class Relaxed:
    """A cost at fractional widths.

    Attributes:
        value: The cost.
        gradient: Its derivative by each width.
    """

    value: float
    gradient: tuple[float, ...]


@dataclass(frozen=True)
class Expected:
    """The expected cost of a choice.

    Attributes:
        value: The cost.
        gradient: Its derivative by each width.
        by_probability: Its derivative by the probability of each option.
    """

    value: float
    gradient: tuple[float, ...]
    by_probability: tuple[float, ...]


def interpolate(cost: Callable[[Widths], float], widths: Sequence[float]) -> Relaxed:
    """Returns a cost of integer widths, interpolated multilinearly.

    Args:
        cost: The cost at integer widths; called at the 2^n corners around the point, less where a
            width is an integer: its upper corner is needed for the gradient alone.
        widths: At least 1 each.

    Raises:
        ValueError: A width is below 1 or not finite.
    """
    floors, shares = _split(widths)
    value = 0.0
    gradient = [0.0] * len(shares)
    for corner in itertools.product((0, 1), repeat=len(shares)):
        weights = [f if up else 1 - f for up, f in zip(corner, shares, strict=True)]
        others = [math.prod(weights[:i] + weights[i + 1 :]) for i in range(len(weights))]
        share = math.prod(weights)
        if not share and not any(others):
            continue
        at = cost(tuple(low + up for low, up in zip(floors, corner, strict=True)))
        value += share * at
        for i, up in enumerate(corner):
            gradient[i] += others[i] * at if up else -others[i] * at
    return Relaxed(value, tuple(gradient))


def expectation(options: Sequence[Relaxed], probabilities: Sequence[float]) -> Expected:
    """Returns the expected cost of a choice between options that share their widths.

    Raises:
        ValueError: There are not as many probabilities as options, or none.
    """
    if not options or len(options) != len(probabilities):
        raise ValueError(f"Expected {len(options)} probabilities, got {len(probabilities)}.")
    pairs = list(zip(options, probabilities, strict=True))
    columns = zip(*(option.gradient for option in options), strict=True)
    return Expected(
        value=sum(p * option.value for option, p in pairs),
        gradient=tuple(
            sum(p * slope for p, slope in zip(probabilities, column, strict=True))
            for column in columns
        ),
        by_probability=tuple(option.value for option in options),
    )


class RelaxedNetwork:
    """A network with widths that may be fractional.

    Args:
        write: Returns the network of integer widths, each at least 1; all have the same operators.
            Networks are kept, so a step of a search that stays in one interval builds none anew.
    """

    def __init__(self, write: Write) -> None:
        self._graph = lru_cache(maxsize=CACHED_NETWORKS)(lambda widths: lower(write(widths)))
        self._axes = lru_cache(maxsize=CACHED_NETWORKS)(self._find_axes)

    def cost(self, layer_cost: LayerCost, widths: Sequence[float]) -> Relaxed:
        """Returns the sum of a cost over all layers, each interpolated in its own widths.

        Args:
            layer_cost: Such as ``lambda graph, op: op.macs``.
            widths: At least 1 each.

        Raises:
            ValueError: A width is below 1, or the networks of two widths differ in their operators.
        """
        floors, _ = _split(widths)
        layers = [
            self._interpolated(partial(_of_op, layer_cost, step), axes, floors, widths)
            for step, axes in enumerate(self._axes(floors).of_ops)
        ]
        return _total(layers, len(widths))

    def peak_bytes(self, widths: Sequence[float], scratch: bool = True) -> Relaxed:
        """Returns the aligned bytes of the buffers alive at the peak, each interpolated.

        At integers this is the liveness bound, which an offline plan reaches.

        Args:
            widths: At least 1 each.
            scratch: Whether the kernels are CMSIS-NN's, which ask for scratch buffers.

        Raises:
            ValueError: As of cost.
        """
        floors, _ = _split(widths)
        graph, axes = self._graph(floors), self._axes(floors)
        sizes = [
            self._interpolated(partial(_tensor_bytes, index), its, floors, widths)
            for index, its in enumerate(axes.of_tensors)
        ]
        steps = []
        for step, alive in enumerate(_alive(graph)):
            buffers = [sizes[index] for index in alive]
            if step:
                cost = partial(_of_op, partial(_scratch, scratch), step - 1)
                buffers.append(self._interpolated(cost, axes.of_ops[step - 1], floors, widths))
            steps.append(_total(buffers, len(widths)))
        return max(steps, key=lambda live: live.value)

    def _interpolated(
        self,
        cost: Callable[[LoweredGraph], float],
        axes: tuple[int, ...],
        floors: Widths,
        widths: Sequence[float],
    ) -> Relaxed:
        """Returns a cost that depends on some of the widths, interpolated in these."""

        def at(own: Widths) -> float:
            corner = list(floors)
            for axis, width in zip(axes, own, strict=True):
                corner[axis] = width
            return cost(self._graph(tuple(corner)))

        local = interpolate(at, [widths[axis] for axis in axes])
        gradient = [0.0] * len(widths)
        for axis, slope in zip(axes, local.gradient, strict=True):
            gradient[axis] = slope
        return Relaxed(local.value, tuple(gradient))

    def _find_axes(self, floors: Widths) -> _Axes:
        """Returns on which widths each operator and tensor depends: those whose next changes it."""
        base = self._graph(floors)
        of_ops: list[tuple[int, ...]] = [()] * len(base.ops)
        of_tensors: list[tuple[int, ...]] = [()] * len(base.tensors)
        for axis in range(len(floors)):
            wider = self._graph((*floors[:axis], floors[axis] + 1, *floors[axis + 1 :]))
            if [op.inputs for op in wider.ops] != [op.inputs for op in base.ops]:
                raise ValueError(f"Width {axis} + 1 changes the operators, not only their sizes.")
            for index, (a, b) in enumerate(zip(base.tensors, wider.tensors, strict=True)):
                if a != b:
                    of_tensors[index] += (axis,)
            for step, (old, new) in enumerate(zip(base.ops, wider.ops, strict=True)):
                touched = {axis in of_tensors[i] for i in (*old.inputs, old.output)}
                if True in touched or old != new:
                    of_ops[step] += (axis,)
        return _Axes(tuple(of_ops), tuple(of_tensors))


class _Axes(NamedTuple):
    of_ops: tuple[tuple[int, ...], ...]
    of_tensors: tuple[tuple[int, ...], ...]


def _split(widths: Sequence[float]) -> tuple[Widths, list[float]]:
    for width in widths:
        if not (math.isfinite(width) and width >= 1):
            raise ValueError(f"Expected widths of at least 1, got {width}.")
    floors = tuple(math.floor(width) for width in widths)
    return floors, [width - low for width, low in zip(widths, floors, strict=True)]


def _total(parts: Sequence[Relaxed], n_widths: int) -> Relaxed:
    gradient = (sum(part.gradient[i] for part in parts) for i in range(n_widths))
    return Relaxed(sum(part.value for part in parts), tuple(gradient))


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def _of_op(cost: LayerCost, step: int, graph: LoweredGraph) -> float:
    return cost(graph, graph.ops[step])


def _scratch(cmsis_nn: bool, graph: LoweredGraph, op: LoweredOp) -> float:
    return sum(map(_aligned, scratch_buffers(graph, op, cmsis_nn)))


def _tensor_bytes(index: int, graph: LoweredGraph) -> float:
    return _aligned(graph.tensors[index].n_bytes)


def _alive(graph: LoweredGraph) -> list[list[int]]:
    """Returns the tensors alive at each step: before the first operator, and while each runs."""
    first = [0] * len(graph.tensors)
    last = [0] * len(graph.tensors)
    for step, op in enumerate(graph.ops, start=1):
        first[op.output] = last[op.output] = step
        for source in op.inputs:
            last[source] = step
    last[graph.output] = len(graph.ops)
    return [
        [i for i in range(len(first)) if first[i] <= step <= last[i]]
        for step in range(len(graph.ops) + 1)
    ]
