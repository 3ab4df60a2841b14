"""Loops of the cells in which a state's gradient passes a step as a linear map of it alone.

The way back is then a product and four calls a step. The equations are those of evonas.arch.cells.
"""

from __future__ import annotations

import numpy as np

from evonas.proxy.cell_loop import (
    Array,
    Back,
    Kept,
    Products,
    back_through_states,
    flat_gates,
    sigmoid_slope,
    tanh_slope,
    to_sigmoid,
)


def rnn_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    """Runs a vanilla cell over all steps; see CellLoop."""
    (times_u,) = products
    for given, state, after in zip(a, h[:-1], h[1:], strict=True):
        times_u(state, after)
        np.add(after, given, after)
        np.tanh(after, after)
    return ()


def rnn_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    """Returns the gradients of a vanilla cell; see CellLoop."""
    (times_u,) = products
    slopes = tanh_slope(h[1:])
    given = np.empty_like(slopes)
    np.multiply(slopes[-1], grad[-1], given[-1])
    steps = zip(given[:0:-1], grad[-2::-1], slopes[-2::-1], given[-2::-1], strict=True)
    for result, outside, slope, before in steps:
        times_u(result, before)
        np.add(before, outside, before)
        np.multiply(before, slope, before)
    return Back(given, ((given, h[:-1]),))


def fastgrnn_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    """Runs a FastGRNN over all steps; see CellLoop."""
    (times_u,), n = products, h.shape[1]
    halves = np.array([0.5, 1], a.dtype).reshape(2, 1, 1)
    zeta, nu = extra
    shares = np.array([zeta, zeta + nu], a.dtype).reshape(2, 1, 1)
    u, pair = np.empty_like(h[0]), np.empty((2, *h[0].shape), a.dtype)
    minus, plus = pair
    both = a.reshape(len(a), 2, n, -1)
    for gates, z, c, state, after in zip(both, a[:, :n], a[:, n:], h[:-1], h[1:], strict=True):
        times_u(state, u)
        np.multiply(halves, u, pair)
        np.add(gates, pair, gates)
        np.tanh(gates, gates)
        to_sigmoid(z)
        np.multiply(shares, c, pair)
        np.subtract(state, minus, minus)  # h' = (zeta + nu) c + z (h - zeta c)
        np.multiply(minus, z, minus)
        np.add(minus, plus, after)
    return (a,)


def fastgrnn_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    """Returns the gradients of a FastGRNN; see CellLoop."""
    n, (zeta, nu) = h.shape[1], extra
    z, c = kept[0][:, :n], kept[0][:, n:]
    gains = np.empty((len(z), 2, *z.shape[1:]), z.dtype)
    gains[:, 0] = (h[:-1] - zeta * c) * sigmoid_slope(z)
    gains[:, 1] = (zeta + nu - zeta * z) * tanh_slope(c)
    gain = 0.5 * gains[:, 0] + gains[:, 1]
    states, results = back_through_states(grad, z, gain[:, np.newaxis], products[0])
    by_nu = states * c
    by_zeta = (by_nu * (1 - z)).sum()
    gains *= states[:, np.newaxis]
    extra_grad = np.array([by_zeta, by_nu.sum()], z.dtype)
    return Back(flat_gates(gains), ((results, h[:-1]),), extra_grad)


def ugrnn_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    """Runs a UGRNN over all steps; see CellLoop."""
    (times_u,), n = products, h.shape[1]
    u, change = np.empty_like(a[0]), np.empty_like(h[0])
    for gates, z, c, state, after in zip(a, a[:, :n], a[:, n:], h[:-1], h[1:], strict=True):
        times_u(state, u)
        np.add(gates, u, gates)
        np.tanh(gates, gates)
        to_sigmoid(z)
        np.subtract(state, c, change)
        np.multiply(change, z, change)
        np.add(change, c, after)
    return (a,)


def ugrnn_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    """Returns the gradients of a UGRNN; see CellLoop."""
    n = h.shape[1]
    z, c = kept[0][:, :n], kept[0][:, n:]
    gain = np.empty((len(z), 2, *z.shape[1:]), z.dtype)
    np.multiply(h[:-1] - c, sigmoid_slope(z), gain[:, 0])
    np.multiply(1 - z, tanh_slope(c), gain[:, 1])
    _, results = back_through_states(grad, z, gain, products[0])
    return Back(results, ((results, h[:-1]),))


def gru_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    """Runs a GRU over all steps; see CellLoop."""
    (times_u,), n = products, h.shape[1]
    bias = extra.reshape(n, 1)
    u, change = np.empty_like(a[0]), np.empty_like(h[0])
    u_gates, u_new = u[: 2 * n], u[2 * n :]
    recalled = np.empty_like(h[1:])
    steps = zip(
        a[:, : 2 * n], a[:, :n], a[:, n : 2 * n], a[:, 2 * n :], recalled, h[:-1], h[1:],
        strict=True,
    )  # fmt: skip
    for gates, r, z, c, recall, state, after in steps:
        times_u(state, u)
        np.add(gates, u_gates, gates)
        np.tanh(gates, gates)
        to_sigmoid(gates)
        np.add(u_new, bias, recall)
        np.multiply(r, recall, change)
        np.add(c, change, c)
        np.tanh(c, c)
        np.subtract(state, c, change)
        np.multiply(change, z, change)
        np.add(change, c, after)
    return (a, recalled)


def gru_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    """Returns the gradients of a GRU; see CellLoop."""
    (a, recalled), n = kept, h.shape[1]
    r, z, c = a[:, :n], a[:, n : 2 * n], a[:, 2 * n :]
    by_c = (1 - z) * tanh_slope(c)
    gain = np.empty((len(a), 3, *z.shape[1:]), a.dtype)
    np.multiply(by_c * recalled, sigmoid_slope(r), gain[:, 0])
    np.multiply(h[:-1] - c, sigmoid_slope(z), gain[:, 1])
    np.multiply(by_c, r, gain[:, 2])
    states, results = back_through_states(grad, z, gain, products[0])
    given = results.copy()
    np.multiply(by_c, states, given[:, 2 * n :])
    return Back(given, ((results, h[:-1]),), results[:, 2 * n :].sum((0, 2)))
