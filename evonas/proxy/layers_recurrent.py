"""Recurrent layers and what stacks their frames, on images of (batch, channels, 1, time)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.arch.ops import Recurrent, Shape
from evonas.proxy.cell_steps import RecurrentWeights, step_by_step
from evonas.proxy.recurrence import all_states
from evonas.proxy.weights import recurrent_shapes


class RecurrentLayer(nn.Module):
    """A recurrent layer of any cell of evonas.arch.cells.

    Its parameters have the names of evonas.proxy.weights.

    Args:
        op: The layer.
        x: Shape of its input, (channels, length).
    """

    def __init__(self, op: Recurrent, x: Shape) -> None:
        super().__init__()
        self._cell = op.cell
        for name, shape in recurrent_shapes(op, x).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, hidden, 1, time), the state of every step, for x of the layer's shape."""
        sequence = x[:, :, 0].permute(2, 1, 0)  # (time, channels, batch)
        run = all_states if x.device.type == "cpu" else step_by_step
        h: Tensor = run(self._cell, sequence, self.weights())
        return h.permute(2, 1, 0).unsqueeze(2)

    def weights(self) -> RecurrentWeights:
        """Returns its parameters by their part in the cell."""
        own = dict(self.named_parameters())
        names = (("weight_w_second", "weight_w"), ("weight_u_second", "weight_u"))
        w, u = (own[second if second in own else full] for second, full in names)
        first_w, first_u = own.get("weight_w_first"), own.get("weight_u_first")
        return RecurrentWeights(first_w, w, first_u, u, own["bias"], own.get("scalars"))


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
