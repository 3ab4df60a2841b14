"""Recurrent cells one step at a time in torch, as evonas.arch.cells writes them.

On any device, differentiable by autograd, and where there are shapes alone. On a CPU
evonas.proxy.recurrence gives the same many times faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from evonas.arch.cells import CELLS

States = tuple[Tensor, ...]


class RecurrentWeights(NamedTuple):
    """Weights of a recurrent layer; the first factors are None where the matrix has full rank.

    Attributes:
        w_first: (rank, channels).
        w: (rows, channels or rank).
        u_first: (rank, hidden).
        u: (rows, hidden or rank).
        bias: All biases, block by block.
        scalars: FastGRNN's zeta and nu before their sigmoids; None in other cells.
    """

    w_first: Tensor | None
    w: Tensor
    u_first: Tensor | None
    u: Tensor
    bias: Tensor
    scalars: Tensor | None

    def gains(self) -> Tensor:
        """Returns zeta and nu."""
        return self.bias.new_empty(0) if self.scalars is None else torch.sigmoid(self.scalars)


def step_by_step(cell: str, x: Tensor, weights: RecurrentWeights) -> Tensor:
    """Returns the state after every step, (time, hidden, batch), from a state of zeros.

    Args:
        cell: One of CELLS.
        x: (time, channels, batch).
        weights: Of the layer.
    """
    hidden = len(weights.u) // CELLS[cell].gates
    inner = x if weights.w_first is None else torch.matmul(weights.w_first, x)
    inputs = torch.matmul(weights.w, inner)  # (time, rows, batch)
    biases = weights.bias.view(-1, hidden, 1)
    states: States = (x.new_zeros(hidden, x.shape[2]),) * CELLS[cell].states
    outputs = []
    for a in inputs:
        states = _STEPS[cell](a, states, biases, weights)
        outputs.append(states[0])
    return torch.stack(outputs)


def _by_u(weights: RecurrentWeights, h: Tensor, gate: int | None = None) -> Tensor:
    """Returns U h, or one gate's rows of it."""
    rows = slice(None) if gate is None else slice(gate * len(h), (gate + 1) * len(h))
    inner = h if weights.u_first is None else weights.u_first @ h
    return weights.u[rows] @ inner


def _rnn(a: Tensor, states: States, biases: Tensor, weights: RecurrentWeights) -> States:
    return (torch.tanh(a + _by_u(weights, states[0]) + biases[0]),)


def _fastgrnn(a: Tensor, states: States, biases: Tensor, weights: RecurrentWeights) -> States:
    (h,) = states
    zeta, nu = weights.gains()
    a = a + _by_u(weights, h)
    z, c = torch.sigmoid(a + biases[0]), torch.tanh(a + biases[1])
    return ((zeta * (1 - z) + nu) * c + z * h,)


def _ugrnn(a: Tensor, states: States, biases: Tensor, weights: RecurrentWeights) -> States:
    (h,) = states
    z, c = (a + _by_u(weights, h)).chunk(2)
    z, c = torch.sigmoid(z + biases[0]), torch.tanh(c + biases[1])
    return (z * h + (1 - z) * c,)


def _mgu(a: Tensor, states: States, biases: Tensor, weights: RecurrentWeights) -> States:
    (h,) = states
    f, c = a.chunk(2)
    f = torch.sigmoid(f + _by_u(weights, h, gate=0) + biases[0])
    c = torch.tanh(c + _by_u(weights, f * h, gate=1) + biases[1])
    return ((1 - f) * h + f * c,)


def _gru(a: Tensor, states: States, biases: Tensor, weights: RecurrentWeights) -> States:
    (h,) = states
    r, z, c = a.chunk(3)
    u_r, u_z, u_c = _by_u(weights, h).chunk(3)
    r, z = torch.sigmoid(r + u_r + biases[0]), torch.sigmoid(z + u_z + biases[1])
    c = torch.tanh(c + biases[2] + r * (u_c + biases[3]))
    return ((1 - z) * c + z * h,)


def _lstm(a: Tensor, states: States, biases: Tensor, weights: RecurrentWeights) -> States:
    h, c = states
    i, f, g, o = (a + _by_u(weights, h) + biases.flatten(0, 1)).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


_STEPS: dict[str, Callable[[Tensor, States, Tensor, RecurrentWeights], States]] = {
    "rnn": _rnn,
    "fastgrnn": _fastgrnn,
    "ugrnn": _ugrnn,
    "mgu": _mgu,
    "gru": _gru,
    "lstm": _lstm,
}
