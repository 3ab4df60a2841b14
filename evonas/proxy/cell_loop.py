"""What a recurrent cell over a whole sequence is in numpy, and what the cells' loops share.

At the sizes of microcontrollers a step is a dozen operations on a few hundred numbers, and what
they cost is the call: on one core 0.35 us of a numpy function that writes into a given array, 1 us
of a torch operator. Arrays have the batch innermost, (time, rows, batch), so that a gate of a step
is one piece of memory.

Pre-activations of sigmoids come halved: s(2 a) = (1 + tanh(a)) / 2, so that one call takes the
tanh of all gates, and halving a weight is exact. What a step's derivative takes from the forward
values is computed for all steps at once.
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


def to_sigmoid(tanh: Array) -> None:
    """Makes of the tanh of halved pre-activations their sigmoid, in place."""
    np.multiply(tanh, 0.5, tanh)
    np.add(tanh, 0.5, tanh)


def sigmoid_slope(s: Array) -> Array:
    """Returns the derivative of sigmoids by their halved pre-activations, 2 s (1 - s)."""
    slope = 2 - 2 * s
    slope *= s
    return slope


def tanh_slope(c: Array) -> Array:
    """Returns the derivative of tanh where it is c, 1 - c^2."""
    slope = c * c
    np.subtract(1, slope, slope)
    return slope


def flat_gates(gates: Array) -> Array:
    """Returns (time, gates, hidden, batch) as (time, gates * hidden, batch)."""
    return gates.reshape(len(gates), -1, gates.shape[-1])


def back_through_states(
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
        states[:0:-1], gain[:0:-1], results[:0:-1], flat_gates(results)[:0:-1], leak[:0:-1],
        grad[-2::-1], states[-2::-1], strict=True,
    )  # fmt: skip
    for state, slope, result, flat, share, outside, before in steps:
        np.multiply(slope, state, result)
        times_u(flat, before)
        np.multiply(share, state, through)
        np.add(before, through, before)
        np.add(before, outside, before)
    np.multiply(gain[0], states[0], results[0])
    return states, flat_gates(results)
