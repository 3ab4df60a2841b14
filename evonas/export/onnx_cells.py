"""Recurrent layers in ONNX: its own operators where it has them, a Scan where not.

Every function takes a sequence (batch, channels, time) and returns one of hidden states, (batch,
hidden, time).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evonas.arch.cells import CELLS
from evonas.export.onnx_graph import Array, OnnxGraph, graph_proto
from evonas.proxy.weights import Weights

LSTM_ORDER = (0, 3, 1, 2)
"""ONNX has an LSTM's gates as input, output, forget, cell; here they are i, f, g, o."""

GRU_ORDER = (1, 0, 2)
"""ONNX has a GRU's gates as update, reset, hidden; here they are r, z, c."""


def lstm(graph: OnnxGraph, hidden: int, weights: Weights, x: str) -> str:
    """Adds an LSTM of full rank; weights as evonas.proxy.weights.fold deploys them."""
    matrices = weights["weight_ih"], weights["weight_hh"]
    return _lstm(graph, hidden, *matrices, weights["bias"], x)


def recurrent(graph: OnnxGraph, cell: str, hidden: int, weights: Weights, x: str) -> str:
    """Adds a layer of any cell of evonas.arch.cells; factors of a low rank are multiplied."""
    matrices = _matrix(weights, "w"), _matrix(weights, "u")
    if cell in NATIVE:
        return NATIVE[cell](graph, hidden, *matrices, weights["bias"], x)
    return _scan(graph, cell, hidden, matrices, weights, x)


def _matrix(weights: Weights, name: str) -> Array:
    if f"weight_{name}" in weights:
        return weights[f"weight_{name}"]
    second, first = (weights[f"weight_{name}_{part}"] for part in ("second", "first"))
    return second.astype(np.float64) @ first.astype(np.float64)


def _gates(rows: Array, order: tuple[int, ...]) -> Array:
    """Returns the gates' blocks of rows in another order."""
    blocks = np.split(rows, len(order))
    return np.concatenate([blocks[i] for i in order])


def _lstm(graph: OnnxGraph, hidden: int, w: Array, u: Array, bias: Array, x: str) -> str:
    zeros = np.zeros_like(bias)
    both = np.concatenate([_gates(bias, LSTM_ORDER), zeros])
    w, u = _gates(w, LSTM_ORDER), _gates(u, LSTM_ORDER)
    return _layer(graph, "LSTM", hidden, (w, u, both), x)


def _gru(graph: OnnxGraph, hidden: int, w: Array, u: Array, bias: Array, x: str) -> str:
    r, z, c, again = np.split(bias, 4)
    none = np.zeros_like(r)
    both = np.concatenate([z, r, c, none, none, again])
    w, u = _gates(w, GRU_ORDER), _gates(u, GRU_ORDER)
    return _layer(graph, "GRU", hidden, (w, u, both), x, linear_before_reset=1)


def _rnn(graph: OnnxGraph, hidden: int, w: Array, u: Array, bias: Array, x: str) -> str:
    both = np.concatenate([bias, np.zeros_like(bias)])
    return _layer(graph, "RNN", hidden, (w, u, both), x)


NATIVE: dict[str, Callable[..., str]] = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}
"""Cells that ONNX has an operator for."""


def _layer(
    graph: OnnxGraph, op_type: str, hidden: int, arrays: tuple[Array, ...], x: str, **more: Any
) -> str:
    """Adds one of ONNX's recurrent operators, whose arrays begin with an axis of directions."""
    names = [graph.constant(name, array[None]) for name, array in zip("WRB", arrays, strict=True)]
    sequence = graph.add("Transpose", x, perm=[2, 0, 1])  # (time, batch, channels)
    y = graph.add(op_type, sequence, *names, hidden_size=hidden, **more)
    states = graph.add("Squeeze", y, graph.integers("direction", [1]))
    return graph.add("Transpose", states, perm=[1, 2, 0])


def _scan(
    graph: OnnxGraph,
    cell: str,
    hidden: int,
    matrices: tuple[Array, Array],
    weights: Weights,
    x: str,
) -> str:
    """Adds a cell as a loop over time; W x is one product before it."""
    w, u = matrices
    rows = CELLS[cell].gates * hidden
    sequence = graph.add("Transpose", x, perm=[2, 0, 1])  # (time, batch, channels)
    products = graph.add("MatMul", sequence, graph.constant("W", w.T))  # (time, batch, rows)
    batch = graph.add("Gather", graph.add("Shape", x), graph.integers("first", [0]), axis=0)
    shape = graph.add("Concat", batch, graph.integers("hidden", [hidden]), axis=0)
    start = graph.add("ConstantOfShape", shape)  # (batch, hidden) zeros
    body = OnnxGraph(f"{graph.scope}.step")
    state, product = f"{body.scope}.h", f"{body.scope}.Wx"
    last = body.add("Identity", STEPS[cell](body, hidden, u, weights, product, state))
    copy = body.add("Identity", last)
    proto = graph_proto(
        body,
        cell,
        {state: ("batch", hidden), product: ("batch", rows)},
        {last: ("batch", hidden), copy: ("batch", hidden)},
    )
    final = graph.add("Scan", start, products, outputs=2, body=proto, num_scan_inputs=1)
    return graph.add("Transpose", f"{final}_1", perm=[1, 2, 0])


def _blend(body: OnnxGraph, gate: str, kept: str, new: str) -> str:
    """Adds gate * kept + (1 - gate) * new."""
    return body.add("Add", new, body.add("Mul", gate, body.add("Sub", kept, new)))


def _split(body: OnnxGraph, value: str) -> tuple[str, str]:
    first = body.add("Split", value, outputs=2, axis=1)
    return first, f"{first}_1"


def _fastgrnn(
    body: OnnxGraph, hidden: int, u: Array, weights: Weights, product: str, state: str
) -> str:
    z_bias, c_bias = np.split(weights["bias"], 2)
    zeta, nu = 1 / (1 + np.exp(-weights["scalars"].astype(np.float64)))
    total = body.add("Add", product, body.add("MatMul", state, body.constant("U", u.T)))
    z = body.add("Sigmoid", body.add("Add", total, body.constant("b_z", z_bias)))
    c = body.add("Tanh", body.add("Add", total, body.constant("b_h", c_bias)))
    # zeta (1 - z) + nu = zeta + nu - zeta z
    share = body.add("Mul", z, body.constant("zeta", zeta))
    gain = body.add("Sub", body.constant("zeta+nu", zeta + nu), share)
    return body.add("Add", body.add("Mul", gain, c), body.add("Mul", z, state))


def _ugrnn(
    body: OnnxGraph, hidden: int, u: Array, weights: Weights, product: str, state: str
) -> str:
    total = body.add("Add", product, body.add("MatMul", state, body.constant("U", u.T)))
    z, c = _split(body, body.add("Add", total, body.constant("b", weights["bias"])))
    return _blend(body, body.add("Sigmoid", z), state, body.add("Tanh", c))


def _mgu(body: OnnxGraph, hidden: int, u: Array, weights: Weights, product: str, state: str) -> str:
    u_f, u_c = np.split(u, 2)
    f, c = _split(body, body.add("Add", product, body.constant("b", weights["bias"])))
    f = body.add("Add", f, body.add("MatMul", state, body.constant("U_f", u_f.T)))
    f = body.add("Sigmoid", f)
    gated = body.add("MatMul", body.add("Mul", f, state), body.constant("U_c", u_c.T))
    return _blend(body, f, body.add("Tanh", body.add("Add", c, gated)), state)


STEPS: dict[str, Callable[[OnnxGraph, int, Array, Weights, str, str], str]] = {
    "fastgrnn": _fastgrnn,
    "ugrnn": _ugrnn,
    "mgu": _mgu,
}
"""Cells without an operator -> their next state, from W x and the state."""
