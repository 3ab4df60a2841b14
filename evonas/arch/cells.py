"""Recurrent cells: what each holds and multiplies in one step.

x is the input of d channels, h the state of h units, W and U the matrices, s the sigmoid, * the
element-wise product. Rows of W, U and the biases in the order in which the gates are named.

    rnn       h' = tanh(W x + U h + b)
    fastgrnn  z = s(W x + U h + b_z), c = tanh(W x + U h + b_h),
              h' = (zeta (1 - z) + nu) * c + z * h; biases z, h; zeta and nu through a sigmoid
    ugrnn     z = s(W_z x + U_z h + b_z), c = tanh(W_c x + U_c h + b_c), h' = z * h + (1 - z) * c
    mgu       f = s(W_f x + U_f h + b_f), c = tanh(W_c x + U_c (f * h) + b_c),
              h' = (1 - f) * h + f * c
    gru       r = s(W_r x + U_r h + b_r), z = s(W_z x + U_z h + b_z),
              c = tanh(W_c x + b_c + r * (U_c h + b_u)), h' = (1 - z) * c + z * h;
              biases r, z, c, u: the form of torch.nn.GRU
    lstm      i, f, g, o as in torch.nn.LSTM; c' = f * c + i * g, h' = o * tanh(c')

Sources: Elman 1990; FastGRNN, Kusupati et al. 2018 <https://arxiv.org/abs/1901.02358>; UGRNN,
Collins et al. 2017 <https://arxiv.org/abs/1611.09913>; minimal gated unit, Zhou et al. 2016
<https://arxiv.org/abs/1603.09420>; GRU, Cho et al. 2014 <https://arxiv.org/abs/1406.1078>; LSTM,
Hochreiter and Schmidhuber 1997. A first factor that all gates share is that of EdgeML's low-rank
cells <https://github.com/microsoft/EdgeML>.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Cell:
    """What a cell holds.

    Attributes:
        gates: Blocks of hidden rows in W and U.
        biases: Vectors of hidden biases of the deployed cell.
        scalars: Further trained numbers.
        u_passes: How often a step multiplies by U: 2 where one gate's result goes into the product
            of another.
        states: Vectors of hidden values that outlive a step.
    """

    gates: int
    biases: int
    scalars: int = 0
    u_passes: int = 1
    states: int = 1


CELLS: dict[str, Cell] = {
    "rnn": Cell(gates=1, biases=1),
    "fastgrnn": Cell(gates=1, biases=2, scalars=2),
    "ugrnn": Cell(gates=2, biases=2),
    "mgu": Cell(gates=2, biases=2, u_passes=2),
    "gru": Cell(gates=3, biases=4),
    "lstm": Cell(gates=4, biases=4, states=2),
}
"""Every cell by its name, the cheapest first."""


class RecurrentCounts(NamedTuple):
    """What one recurrent layer holds and multiplies.

    Attributes:
        w_params: Weights of W, both factors.
        u_params: Weights of U, both factors.
        biases: Biases and scalars.
        w_macs: Multiplications by W in a step.
        u_macs: Multiplications by U in a step.
    """

    w_params: int
    u_params: int
    biases: int
    w_macs: int
    u_macs: int

    @property
    def params(self) -> int:
        """All of its parameters."""
        return self.w_params + self.u_params + self.biases

    @property
    def step_macs(self) -> int:
        """Multiply-accumulates of a step, element-wise products not counted."""
        return self.w_macs + self.u_macs


def recurrent_counts(
    cell: str, channels: int, hidden: int, rank_w: int = 0, rank_u: int = 0
) -> RecurrentCounts:
    """Returns the counts of a deployed recurrent layer; ranks of 0 stand for full matrices."""
    kind = CELLS[cell]
    rows = kind.gates * hidden
    w = rank_w * (channels + rows) if rank_w else rows * channels
    u = rank_u * (hidden + rows) if rank_u else rows * hidden
    again = (kind.u_passes - 1) * rank_u * hidden  # the shared factor, once more a pass
    return RecurrentCounts(w, u, kind.biases * hidden + kind.scalars, w, u + again)
