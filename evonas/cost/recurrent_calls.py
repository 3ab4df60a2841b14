"""Kernel calls that stand for a recurrent layer: products of CMSIS-NN's dense kernel, and gates."""

from __future__ import annotations

from evonas.arch.cells import CELLS
from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.cost.kernel_calls import KernelCall, kernel_call
from evonas.cost.recurrent import units

GATE_CALLS = {"rnn": 1, "fastgrnn": 5, "ugrnn": 4, "mgu": 5, "gru": 6, "lstm": 8}
"""Element-wise operations of a cell in a step, from the equations of evonas.arch.cells: its
activations (1, 2, 2, 2, 3, 5) and products (0, 3, 2, 3, 3, 3). Sums go with the products."""

Calls = tuple[tuple[KernelCall, int], ...]


def op_calls(graph: LoweredGraph, op: LoweredOp) -> Calls:
    """Returns the kernel calls that execute an operator, and how often each is made."""
    if op.kind != "recurrent":
        return (kernel_call(graph, op),)
    return recurrent_calls(graph, op, graph.tensors[op.inputs[0]].shape[1])


def recurrent_calls(graph: LoweredGraph, op: LoweredOp, steps: int) -> Calls:
    """Returns the kernel calls of a recurrent layer or an LSTM, and how often each is made.

    In every step W and U are one dense product each, the rows of all gates together, or two where
    they have a rank, and each element-wise operation is a pass over the hidden values. Weights that
    a core's cache holds are counted for each product alone.

    Args:
        graph: The deployed network.
        op: A recurrent layer of it, of kind "recurrent" or "lstm".
        steps: Positions: those of the window, or 1 for a step of a stream.
    """
    name = op.cell or op.kind
    cell = CELLS[name]
    channels, hidden = graph.tensors[op.inputs[0]].shape[-1], units(graph, op)
    rows = cell.gates * hidden

    def call(kind: str, c_in: int, c_out: int) -> KernelCall:
        return KernelCall(kind, (1, steps, c_in), (1, steps, c_out))

    passes = cell.u_passes
    w = [(call("dense", op.rank_w or channels, rows), 1)]
    u = [(call("dense", op.rank_u or hidden, rows // passes), passes)]
    if op.rank_w:
        w.insert(0, (call("dense", channels, op.rank_w), 1))
    if op.rank_u:
        u.insert(0, (call("dense", hidden, op.rank_u), passes))
    return (*w, *u, (call("gate", hidden, hidden), GATE_CALLS[name]))
