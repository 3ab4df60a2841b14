"""What each kind of operator has in a .tflite file beside activations: constants and options."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from evonas.arch.graph import LoweredGraph, LoweredOp, LoweredTensor
from evonas.arch.ops import Shape

_Slots = Callable[[LoweredOp], tuple[tuple[int, ...], int]]


@dataclass(frozen=True)
class Constant:
    """A tensor whose numbers, if it has any, are in the file.

    Attributes:
        shape: Its shape.
        element_bytes: Of one number; 0 for a tensor without numbers.
        n_scales: Scales of its quantisation; 0 for none.
        axis: Of its channels.
        value: What equal ones share; None where no other is equal.
        data: What tensors with equal numbers share, whose scales differ; None likewise.
        is_variable: Whether it keeps its value between inferences.
        quantised_as: Activation whose quantisation it shares; None if it has its own.
    """

    shape: Shape
    element_bytes: int
    n_scales: int = 0
    axis: int = 0
    value: Hashable = None
    data: Hashable = None
    is_variable: bool = False
    quantised_as: int | None = None


def file_axes(tensor: LoweredTensor) -> int:
    """Returns how many axes a tensor has in the file."""
    return 3 if tensor.is_sequence else 4


def file_constants(graph: LoweredGraph, op: LoweredOp) -> tuple[Constant, ...]:
    """Returns the tensors that an operator reads beside activations."""
    rule = FILE_CONSTANTS.get(op.kind)
    return () if rule is None else rule(graph, op)


def _layer(graph: LoweredGraph, op: LoweredOp) -> tuple[Constant, ...]:
    c_in = graph.tensors[op.inputs[0]].shape[-1]
    if op.kind == "dense":
        return Constant((op.biases, c_in), 1, 1), Constant((op.biases,), 4, 1)
    if op.kind == "scale":
        # The one weight of each channel is its largest: 127, but where the factor is negative.
        weights = Constant((1, 1, 1, c_in), 1, c_in, axis=3, data=("gains", c_in))
    elif op.kind == "conv":
        weights = Constant((op.biases, *op.kernel, c_in // op.groups), 1, op.biases)
    else:
        weights = Constant((1, *op.kernel, op.biases), 1, op.biases, axis=3)
    return weights, Constant((op.biases,), 4)


def _lstm(graph: LoweredGraph, op: LoweredOp) -> tuple[Constant, ...]:
    c_in, hidden = (graph.tensors[i].shape[-1] for i in (op.inputs[0], op.output))
    return (
        *[Constant((hidden, columns), 1, 1) for columns in [c_in] * 4 + [hidden] * 4],
        *[Constant((hidden,), 4) for _ in range(4)],
        Constant((1, hidden), 0, is_variable=True, quantised_as=op.output),
        Constant((1, hidden), 0, 1, is_variable=True),
    )


def _pad(graph: LoweredGraph, op: LoweredOp) -> tuple[Constant, ...]:
    return (Constant((4, 2), 4, value=op.pads),)


def _last_positions(graph: LoweredGraph, op: LoweredOp) -> tuple[Constant, ...]:
    source = graph.tensors[op.inputs[0]]
    axes, shape = file_axes(source), source.shape
    kept = graph.tensors[op.output].n_bytes // shape[2]
    values = (("first", axes, shape[1] - kept), ("shape", axes, shape), ("strides", axes))
    return tuple(Constant((axes,), 4, value=value) for value in values)


FILE_CONSTANTS: dict[str, Callable[[LoweredGraph, LoweredOp], tuple[Constant, ...]]] = {
    "conv": _layer,
    "depthwise": _layer,
    "dense": _layer,
    "lstm": _lstm,
    "scale": _layer,
    "pad": _pad,
    "strided_slice": _last_positions,
}
"""Kind of operator -> the tensors that it reads beside activations."""


def _window_slots(first: int, activation: int, others: tuple[int, ...] = ()) -> _Slots:
    """Returns the slots of a window's option table; values at their default are left out."""

    def slots(op: LoweredOp) -> tuple[tuple[int, ...], int]:
        pads = any(map(any, op.pads))
        dilations = [first + i for i in (0, 1) if first and op.dilation[1 - i] != 1]
        parts = [*([0] if pads else []), 1, 2, *others, *dilations]
        parts += [activation] if op.activation else []
        return tuple(parts), int(pads) + bool(op.activation)

    return slots


def _activation_slot(op: LoweredOp) -> tuple[tuple[int, ...], int]:
    return ((0,), 1) if op.activation else ((), 0)


FILE_OPTIONS: dict[str, _Slots] = {
    "conv": _window_slots(4, 3),
    "depthwise": _window_slots(5, 4, (3,)),
    "scale": _window_slots(5, 4, (3,)),
    "dense": _activation_slot,
    "add": _activation_slot,
    "average_pool": _window_slots(0, 5, (3, 4)),
    "max_pool": _window_slots(0, 5, (3, 4)),
    "pad": lambda op: ((), 0),
    "lstm": lambda op: ((0,), 1),
    "reshape": lambda op: ((0,), 0),
    "axes": lambda op: ((0,), 0),
    "softmax": lambda op: ((0,), 0),
    "stack": lambda op: ((0,), 0),
    "strided_slice": lambda op: ((), 0),
}
"""Kind of operator -> the slots of its option table, and how many of them take one byte."""
