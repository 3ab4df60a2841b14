"""Recurrent layers and what stacks their frames, on images of (batch, channels, 1, time)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.arch.cells import CELLS
from evonas.arch.ops import Recurrent, Shape
from evonas.proxy.weights import recurrent_shapes

Product = Callable[..., Tensor]
States = tuple[Tensor, ...]


class RecurrentLayer(nn.Module):
    """A recurrent layer of any cell of evonas.arch.cells.

    Its parameters have the names of evonas.proxy.weights.

    Args:
        op: The layer.
        x: Shape of its input, (channels, length).
    """

    def __init__(self, op: Recurrent, x: Shape) -> None:
        super().__init__()
        self._op = op
        for name, shape in recurrent_shapes(op, x).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, hidden, 1, time), the state of every step, for x of the layer's shape."""
        sequence = x[:, :, 0].permute(2, 0, 1)  # (time, batch, channels)
        inputs = self._product("w", sequence)  # (time, batch, gates * hidden)
        step = _STEPS[self._op.cell]
        parameters = dict(self.named_parameters())
        bias = parameters["bias"].view(CELLS[self._op.cell].biases, self._op.hidden)
        states = (x.new_zeros(len(x), self._op.hidden),) * CELLS[self._op.cell].states
        outputs = []
        for a in inputs.unbind():
            states = step(a, states, self._product, bias, parameters.get("scalars", bias))
            outputs.append(states[0])
        return torch.stack(outputs).permute(1, 2, 0).unsqueeze(2)

    def _product(self, name: str, x: Tensor, gates: slice = slice(None)) -> Tensor:
        weights = dict(self.named_parameters())
        rows = slice(*(n and n * self._op.hidden for n in (gates.start, gates.stop)))
        if f"weight_{name}" in weights:
            return functional.linear(x, weights[f"weight_{name}"][rows])
        first = functional.linear(x, weights[f"weight_{name}_first"])
        return functional.linear(first, weights[f"weight_{name}_second"][rows])


def _rnn(a: Tensor, states: States, product: Product, bias: Tensor, scalars: Tensor) -> States:
    (h,) = states
    return (torch.tanh(a + product("u", h) + bias[0]),)


def _fastgrnn(a: Tensor, states: States, product: Product, bias: Tensor, scalars: Tensor) -> States:
    (h,) = states
    a = a + product("u", h)
    z, c = torch.sigmoid(a + bias[0]), torch.tanh(a + bias[1])
    zeta, nu = torch.sigmoid(scalars)
    return ((zeta * (1 - z) + nu) * c + z * h,)


def _ugrnn(a: Tensor, states: States, product: Product, bias: Tensor, scalars: Tensor) -> States:
    (h,) = states
    z, c = (a + product("u", h) + bias.flatten()).chunk(2, 1)
    z = torch.sigmoid(z)
    return (z * h + (1 - z) * torch.tanh(c),)


def _mgu(a: Tensor, states: States, product: Product, bias: Tensor, scalars: Tensor) -> States:
    (h,) = states
    f, c = (a + bias.flatten()).chunk(2, 1)
    f = torch.sigmoid(f + product("u", h, slice(0, 1)))
    c = torch.tanh(c + product("u", f * h, slice(1, 2)))
    return ((1 - f) * h + f * c,)


def _gru(a: Tensor, states: States, product: Product, bias: Tensor, scalars: Tensor) -> States:
    (h,) = states
    r, z, c = (a + bias[:3].flatten()).chunk(3, 1)
    u_r, u_z, u_c = product("u", h).chunk(3, 1)
    r, z = torch.sigmoid(r + u_r), torch.sigmoid(z + u_z)
    c = torch.tanh(c + r * (u_c + bias[3]))
    return ((1 - z) * c + z * h,)


def _lstm(a: Tensor, states: States, product: Product, bias: Tensor, scalars: Tensor) -> States:
    h, c = states
    i, f, g, o = (a + product("u", h) + bias.flatten()).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


_STEPS: dict[str, Callable[[Tensor, States, Product, Tensor, Tensor], States]] = {
    "rnn": _rnn,
    "fastgrnn": _fastgrnn,
    "ugrnn": _ugrnn,
    "mgu": _mgu,
    "gru": _gru,
    "lstm": _lstm,
}


class StackFramesLayer(nn.Module):
    """Neighbouring positions as channels of one.

    Args:
        factor: Positions that become one; what is left over is dropped at the oldest end.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self._factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, factor * channels, 1, time // factor)."""
        batch, channels, _, length = x.shape
        steps = length // self._factor
        kept = x.permute(0, 2, 3, 1)[:, :, length - steps * self._factor :]
        stacked = kept.reshape(batch, 1, steps, self._factor * channels)
        return stacked.permute(0, 3, 1, 2)
