"""Recurrent cells in floating point, and what their quantisation needs to know of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from evonas.arch.cells import CELLS
from evonas.arch.graph import LoweredOp
from evonas.quant.arithmetic import Array
from evonas.quant.floating import Parameters

States = tuple[Array, ...]


@dataclass
class Trace:
    """Largest magnitudes of a run.

    Attributes:
        sums: Of the two parts of a gate's sum, that of W with its bias and that of U.
        carried: Of the state that is carried from step to step.
        firsts: Of what the first factors of W and of U give; 0 of a full matrix.
    """

    sums: float = 0.0
    carried: float = 0.0
    firsts: dict[str, float] = field(default_factory=lambda: {"w": 0.0, "u": 0.0})


class FloatCell:
    """One recurrent layer of evonas.arch.cells over a batch.

    Args:
        op: The layer, of kind "recurrent".
        parameters: As evonas.proxy.weights names them.
    """

    def __init__(self, op: LoweredOp, parameters: Parameters) -> None:
        self._op, self._parameters = op, parameters
        self._biases = np.split(parameters["bias"], CELLS[op.cell].biases)
        self._hidden = len(self._biases[0])
        self.trace = Trace()

    def run(self, x: Array) -> Array:
        """Returns the hidden states, (n, steps, hidden), of x (n, steps, channels)."""
        cell = CELLS[self._op.cell]
        step = STEPS[self._op.cell]
        inputs = np.split(self._product("w", x), cell.gates, axis=2)
        states: States = (np.zeros((len(x), self._hidden), x.dtype),) * cell.states
        outputs = []
        for t in range(x.shape[1]):
            states = step(self, [part[:, t] for part in inputs], states)
            self.trace.carried = max(self.trace.carried, _largest(states[-1]))
            outputs.append(states[0])
        return np.stack(outputs, axis=1)

    def u(self, h: Array, gates: slice = slice(None)) -> list[Array]:
        """Returns U h of some of the gates."""
        n_gates = len(range(CELLS[self._op.cell].gates)[gates])
        return np.split(self._product("u", h, gates), n_gates, axis=1)

    def sum(self, part: Array, bias: int | None = None) -> Array:
        """Returns part of a gate's sum with its bias, and notes how large it is."""
        total = part if bias is None else part + self._biases[bias]
        self.trace.sums = max(self.trace.sums, _largest(total))
        return total

    def scalars(self) -> tuple[float, float]:
        """Returns FastGRNN's zeta and nu, through their sigmoids."""
        zeta, nu = sigmoid(self._parameters["scalars"].astype(np.float64))
        return float(zeta), float(nu)

    def _product(self, name: str, x: Array, gates: slice = slice(None)) -> Array:
        rows = slice(*(n and n * self._hidden for n in (gates.start, gates.stop)))
        if f"weight_{name}" in self._parameters:
            return x @ self._parameters[f"weight_{name}"][rows].T
        first = x @ self._parameters[f"weight_{name}_first"].T
        self.trace.firsts[name] = max(self.trace.firsts[name], _largest(first))
        return first @ self._parameters[f"weight_{name}_second"][rows].T


def sigmoid(x: Array) -> Array:
    """Returns the sigmoid; it never overflows."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def _largest(x: Array) -> float:
    return float(np.abs(x).max())


def _rnn(cell: FloatCell, a: list[Array], states: States) -> States:
    (u,) = cell.u(states[0])
    return (np.tanh(cell.sum(a[0], 0) + cell.sum(u)),)


def _fastgrnn(cell: FloatCell, a: list[Array], states: States) -> States:
    (h,) = states
    shared = cell.sum(a[0]) + cell.sum(cell.u(h)[0])
    zeta, nu = cell.scalars()
    z, c = sigmoid(cell.sum(shared, 0)), np.tanh(cell.sum(shared, 1))
    return ((zeta * (1 - z) + nu) * c + z * h,)


def _ugrnn(cell: FloatCell, a: list[Array], states: States) -> States:
    (h,) = states
    u_z, u_c = (cell.sum(part) for part in cell.u(h))
    z, c = sigmoid(cell.sum(a[0], 0) + u_z), np.tanh(cell.sum(a[1], 1) + u_c)
    return (z * h + (1 - z) * c,)


def _mgu(cell: FloatCell, a: list[Array], states: States) -> States:
    (h,) = states
    f = sigmoid(cell.sum(a[0], 0) + cell.sum(cell.u(h, slice(0, 1))[0]))
    c = np.tanh(cell.sum(a[1], 1) + cell.sum(cell.u(f * h, slice(1, 2))[0]))
    return ((1 - f) * h + f * c,)


def _gru(cell: FloatCell, a: list[Array], states: States) -> States:
    (h,) = states
    u_r, u_z, u_c = cell.u(h)
    r = sigmoid(cell.sum(a[0], 0) + cell.sum(u_r))
    z = sigmoid(cell.sum(a[1], 1) + cell.sum(u_z))
    c = np.tanh(cell.sum(a[2], 2) + r * cell.sum(u_c, 3))
    return ((1 - z) * c + z * h,)


def _lstm(cell: FloatCell, a: list[Array], states: States) -> States:
    h, c = states
    u = cell.u(h)
    i, f, g, o = (cell.sum(a[gate], gate) + cell.sum(u[gate]) for gate in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


STEPS: dict[str, Callable[[FloatCell, list[Array], States], States]] = {
    "rnn": _rnn,
    "fastgrnn": _fastgrnn,
    "ugrnn": _ugrnn,
    "mgu": _mgu,
    "gru": _gru,
    "lstm": _lstm,
}
"""Cell -> its next states, from W x of each gate and the states; the first state is the output, the
last one is carried in int16."""
