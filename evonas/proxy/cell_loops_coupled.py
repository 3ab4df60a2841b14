"""Loops of the cells in which a step back passes through a second product or a second state.

The equations are those of evonas.arch.cells.
"""

from __future__ import annotations

import numpy as np

from evonas.proxy.cell_loop import (
    Array,
    Back,
    Kept,
    Products,
    sigmoid_slope,
    tanh_slope,
    to_sigmoid,
)


def mgu_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    """Runs a minimal gated unit over all steps; see CellLoop."""
    (times_forget, times_new), n = products, h.shape[1]
    u = np.empty_like(h[0])
    forgotten = np.empty_like(h[1:])
    steps = zip(a[:, :n], a[:, n:], forgotten, h[:-1], h[1:], strict=True)
    for f, c, rest, state, after in steps:
        times_forget(state, u)
        np.add(f, u, f)
        np.tanh(f, f)
        to_sigmoid(f)
        np.multiply(f, state, rest)
        times_new(rest, u)
        np.add(c, u, c)
        np.tanh(c, c)
        np.multiply(f, c, after)  # h' = f c + h - f h
        np.add(after, state, after)
        np.subtract(after, rest, after)
    return (a, forgotten)


def mgu_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    """Returns the gradients of a minimal gated unit; see CellLoop."""
    (times_forget, times_new), n = products, h.shape[1]
    (a, forgotten), before = kept, h[:-1]
    f, c = a[:, :n], a[:, n:]
    slope = sigmoid_slope(f)
    by_f, by_rest = (c - before) * slope, before * slope
    by_c, leak = f * tanh_slope(c), 1 - f
    given = np.empty_like(a)
    state, through = grad[-1].copy(), np.empty_like(grad[0])
    for t in range(len(a) - 1, -1, -1):
        of_f, of_c = given[t, :n], given[t, n:]
        np.multiply(by_c[t], state, of_c)
        times_new(of_c, through)  # of f h
        np.multiply(by_f[t], state, of_f)
        np.multiply(leak[t], state, state)
        state += through * f[t]
        np.multiply(through, by_rest[t], through)
        np.add(of_f, through, of_f)
        if t:
            times_forget(of_f, through)
            np.add(state, through, state)
            np.add(state, grad[t - 1], state)
    return Back(given, ((given[:, :n], before), (given[:, n:], forgotten)))


def lstm_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    """Runs a LSTM over all steps; see CellLoop."""
    (times_u,), n = products, h.shape[1]
    halves = np.array([0.5, 0.5, 1, 0.5], a.dtype).reshape(4, 1, 1)
    four = a.reshape(len(a), 4, n, -1)
    u, share = np.empty_like(a[0]), np.empty_like(h[0])
    cells, squashed = np.zeros_like(h), np.empty_like(h[1:])
    steps = zip(a, four, squashed, cells[:-1], cells[1:], h[:-1], h[1:], strict=True)
    for gates, split, tanh, cell, cell_after, state, after in steps:
        times_u(state, u)
        np.add(gates, u, gates)
        np.tanh(gates, gates)
        np.multiply(split, halves, split)
        np.add(split, 1 - halves, split)
        i, f, g, o = split
        np.multiply(f, cell, cell_after)
        np.multiply(i, g, share)
        np.add(cell_after, share, cell_after)
        np.tanh(cell_after, tanh)
        np.multiply(o, tanh, after)
    return (a, cells, squashed)


def lstm_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    """Returns the gradients of a LSTM; see CellLoop."""
    ((times_u,), (a, cells, squashed)), n = (products, kept), h.shape[1]
    i, f, g, o = (a[:, k * n : (k + 1) * n] for k in range(4))
    by_cell = np.stack([g * sigmoid_slope(i), cells[:-1] * sigmoid_slope(f), i * tanh_slope(g)], 1)
    by_o, through_cell = squashed * sigmoid_slope(o), o * tanh_slope(squashed)
    given = np.empty_like(a)
    three = given[:, : 3 * n].reshape(len(a), 3, n, -1)
    state, cell, share = grad[-1].copy(), np.zeros_like(h[0]), np.empty_like(h[0])
    for t in range(len(a) - 1, -1, -1):
        np.multiply(through_cell[t], state, share)
        np.add(cell, share, cell)
        np.multiply(by_cell[t], cell, three[t])
        np.multiply(by_o[t], state, given[t, 3 * n :])
        np.multiply(cell, f[t], cell)
        if t:
            times_u(given[t], state)
            np.add(state, grad[t - 1], state)
    return Back(given, ((given, h[:-1]),))
