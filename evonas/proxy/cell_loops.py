"""Recurrent cells over whole sequences in numpy: every step forwards, every step back.

At the sizes of microcontrollers a step is a dozen operations on a few hundred numbers, and what
they cost is the call: on one core 0.35 us of a numpy function that writes into a given array, 1 us
of a torch operator. Arrays have the batch innermost, (time, rows, batch), so that a gate of a step
is one piece of memory.

Pre-activations of sigmoids come halved: s(2 a) = (1 + tanh(a)) / 2, so that one call takes the
tanh of all gates, and halving a weight is exact. What a step's derivative takes from the forward
values is computed for all steps at once: in most cells it is linear in the state's gradient, and
then the way back is a product and four calls a step.

The cells' equations are those of evonas.arch.cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Product = Callable[[Array, Array], object]
"""(x, out): writes a matrix times x into out."""

Products = tuple[Product, ...]
"""The products with U; several where the cell multiplies different states by parts of its rows."""

Kept = tuple[Array, ...]
"""What the way back needs of the way there."""


class Back(NamedTuple):
    """Gradients of a loop.

    Attributes:
        inputs: (time, rows, batch), of the pre-activations that were given.
        products: Of each of the products with U the gradient of its result and its operand, both
            (time, rows, batch).
        extra: Of the cell's further numbers; None where it has none.
    """

    inputs: Array
    products: tuple[tuple[Array, Array], ...]
    extra: Array | None = None


class CellLoop(NamedTuple):
    """A cell over a whole sequence.

    Attributes:
        forward: (a, h, products, extra) -> kept. Fills h[1:], the states after every step, from
            h[0] and the pre-activations of the inputs, biases included; overwrites these.
        backward: (grad, h, kept, transposed products, extra) -> gradients, from that of h[1:].
        w_scale: What each block of rows of the inputs' pre-activations comes multiplied by.
        u_scale: The same of the rows of U.
    """

    forward: Callable[[Array, Array, Products, Array], Kept]
    backward: Callable[[Array, Array, Kept, Products, Array], Back]
    w_scale: tuple[float, ...]
    u_scale: tuple[float, ...]


def _to_sigmoid(tanh: Array) -> None:
    np.multiply(tanh, 0.5, tanh)
    np.add(tanh, 0.5, tanh)


def _sigmoid_slope(s: Array) -> Array:
    """Returns the derivative of sigmoids by their halved pre-activations, 2 s (1 - s)."""
    slope = 2 - 2 * s
    slope *= s
    return slope


def _tanh_slope(c: Array) -> Array:
    slope = c * c
    np.subtract(1, slope, slope)
    return slope


def _flat(gates: Array) -> Array:
    """Returns (time, gates, hidden, batch) as (time, gates * hidden, batch)."""
    return gates.reshape(len(gates), -1, gates.shape[-1])


def _back_through_states(
    grad: Array, leak: Array, gain: Array, times_u: Product
) -> tuple[Array, Array]:
    """Returns the gradients of all states and of all results of the product with U.

    Args:
        grad: (time, hidden, batch), what reaches each state from outside.
        leak: (time, hidden, batch), what a state takes over of the one before.
        gain: (time, gates, hidden, batch), derivative of a state by the product's result.
        times_u: The product with U transposed.
    """
    states, results = np.empty_like(grad), np.empty_like(gain)
    through = np.empty_like(grad[0])
    states[-1] = grad[-1]
    steps = zip(
        states[:0:-1], gain[:0:-1], results[:0:-1], _flat(results)[:0:-1], leak[:0:-1],
        grad[-2::-1], states[-2::-1], strict=True,
    )  # fmt: skip
    for state, slope, result, flat, share, outside, before in steps:
        np.multiply(slope, state, result)
        times_u(flat, before)
        np.multiply(share, state, through)
        np.add(before, through, before)
        np.add(before, outside, before)
    np.multiply(gain[0], states[0], results[0])
    return states, _flat(results)


def _rnn_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    (times_u,) = products
    for given, state, after in zip(a, h[:-1], h[1:], strict=True):
        times_u(state, after)
        np.add(after, given, after)
        np.tanh(after, after)
    return ()


def _rnn_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    (times_u,) = products
    slopes = _tanh_slope(h[1:])
    given = np.empty_like(slopes)
    np.multiply(slopes[-1], grad[-1], given[-1])
    steps = zip(given[:0:-1], grad[-2::-1], slopes[-2::-1], given[-2::-1], strict=True)
    for result, outside, slope, before in steps:
        times_u(result, before)
        np.add(before, outside, before)
        np.multiply(before, slope, before)
    return Back(given, ((given, h[:-1]),))


def _fastgrnn_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
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
        _to_sigmoid(z)
        np.multiply(shares, c, pair)
        np.subtract(state, minus, minus)  # h' = (zeta + nu) c + z (h - zeta c)
        np.multiply(minus, z, minus)
        np.add(minus, plus, after)
    return (a,)


def _fastgrnn_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    n, (zeta, nu) = h.shape[1], extra
    z, c = kept[0][:, :n], kept[0][:, n:]
    gains = np.empty((len(z), 2, *z.shape[1:]), z.dtype)
    gains[:, 0] = (h[:-1] - zeta * c) * _sigmoid_slope(z)
    gains[:, 1] = (zeta + nu - zeta * z) * _tanh_slope(c)
    gain = 0.5 * gains[:, 0] + gains[:, 1]
    states, results = _back_through_states(grad, z, gain[:, np.newaxis], products[0])
    by_nu = states * c
    by_zeta = (by_nu * (1 - z)).sum()
    gains *= states[:, np.newaxis]
    extra_grad = np.array([by_zeta, by_nu.sum()], z.dtype)
    return Back(_flat(gains), ((results, h[:-1]),), extra_grad)


def _ugrnn_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    (times_u,), n = products, h.shape[1]
    u, change = np.empty_like(a[0]), np.empty_like(h[0])
    for gates, z, c, state, after in zip(a, a[:, :n], a[:, n:], h[:-1], h[1:], strict=True):
        times_u(state, u)
        np.add(gates, u, gates)
        np.tanh(gates, gates)
        _to_sigmoid(z)
        np.subtract(state, c, change)
        np.multiply(change, z, change)
        np.add(change, c, after)
    return (a,)


def _ugrnn_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    n = h.shape[1]
    z, c = kept[0][:, :n], kept[0][:, n:]
    gain = np.empty((len(z), 2, *z.shape[1:]), z.dtype)
    np.multiply(h[:-1] - c, _sigmoid_slope(z), gain[:, 0])
    np.multiply(1 - z, _tanh_slope(c), gain[:, 1])
    _, results = _back_through_states(grad, z, gain, products[0])
    return Back(results, ((results, h[:-1]),))


def _mgu_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
    (times_forget, times_new), n = products, h.shape[1]
    u = np.empty_like(h[0])
    forgotten = np.empty_like(h[1:])
    steps = zip(a[:, :n], a[:, n:], forgotten, h[:-1], h[1:], strict=True)
    for f, c, rest, state, after in steps:
        times_forget(state, u)
        np.add(f, u, f)
        np.tanh(f, f)
        _to_sigmoid(f)
        np.multiply(f, state, rest)
        times_new(rest, u)
        np.add(c, u, c)
        np.tanh(c, c)
        np.multiply(f, c, after)  # h' = f c + h - f h
        np.add(after, state, after)
        np.subtract(after, rest, after)
    return (a, forgotten)


def _mgu_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    (times_forget, times_new), n = products, h.shape[1]
    (a, forgotten), before = kept, h[:-1]
    f, c = a[:, :n], a[:, n:]
    slope = _sigmoid_slope(f)
    by_f, by_rest = (c - before) * slope, before * slope
    by_c, leak = f * _tanh_slope(c), 1 - f
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


def _gru_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
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
        _to_sigmoid(gates)
        np.add(u_new, bias, recall)
        np.multiply(r, recall, change)
        np.add(c, change, c)
        np.tanh(c, c)
        np.subtract(state, c, change)
        np.multiply(change, z, change)
        np.add(change, c, after)
    return (a, recalled)


def _gru_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    (a, recalled), n = kept, h.shape[1]
    r, z, c = a[:, :n], a[:, n : 2 * n], a[:, 2 * n :]
    by_c = (1 - z) * _tanh_slope(c)
    gain = np.empty((len(a), 3, *z.shape[1:]), a.dtype)
    np.multiply(by_c * recalled, _sigmoid_slope(r), gain[:, 0])
    np.multiply(h[:-1] - c, _sigmoid_slope(z), gain[:, 1])
    np.multiply(by_c, r, gain[:, 2])
    states, results = _back_through_states(grad, z, gain, products[0])
    given = results.copy()
    np.multiply(by_c, states, given[:, 2 * n :])
    return Back(given, ((results, h[:-1]),), results[:, 2 * n :].sum((0, 2)))


def _lstm_forward(a: Array, h: Array, products: Products, extra: Array) -> Kept:
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


def _lstm_backward(grad: Array, h: Array, kept: Kept, products: Products, extra: Array) -> Back:
    ((times_u,), (a, cells, squashed)), n = (products, kept), h.shape[1]
    i, f, g, o = (a[:, k * n : (k + 1) * n] for k in range(4))
    by_cell = np.stack(
        [g * _sigmoid_slope(i), cells[:-1] * _sigmoid_slope(f), i * _tanh_slope(g)], 1
    )
    by_o, through_cell = squashed * _sigmoid_slope(o), o * _tanh_slope(squashed)
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


LOOPS: dict[str, CellLoop] = {
    "rnn": CellLoop(_rnn_forward, _rnn_backward, (1,), (1,)),
    "fastgrnn": CellLoop(_fastgrnn_forward, _fastgrnn_backward, (0.5, 1), (1,)),
    "ugrnn": CellLoop(_ugrnn_forward, _ugrnn_backward, (0.5, 1), (0.5, 1)),
    "mgu": CellLoop(_mgu_forward, _mgu_backward, (0.5, 1), (0.5, 1)),
    "gru": CellLoop(_gru_forward, _gru_backward, (0.5, 0.5, 1), (0.5, 0.5, 1)),
    "lstm": CellLoop(_lstm_forward, _lstm_backward, (0.5, 0.5, 1, 0.5), (0.5, 0.5, 1, 0.5)),
}
"""Every cell of evonas.arch.cells.CELLS by its name."""
