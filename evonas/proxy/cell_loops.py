"""Every recurrent cell's loop over a whole sequence, in numpy."""

from __future__ import annotations

from evonas.proxy import cell_loops_coupled as coupled
from evonas.proxy import cell_loops_linear as linear
from evonas.proxy.cell_loop import CellLoop

LOOPS: dict[str, CellLoop] = {
    "rnn": CellLoop(linear.rnn_forward, linear.rnn_backward, (1,), (1,)),
    "fastgrnn": CellLoop(linear.fastgrnn_forward, linear.fastgrnn_backward, (0.5, 1), (1,)),
    "ugrnn": CellLoop(linear.ugrnn_forward, linear.ugrnn_backward, (0.5, 1), (0.5, 1)),
    "mgu": CellLoop(coupled.mgu_forward, coupled.mgu_backward, (0.5, 1), (0.5, 1)),
    "gru": CellLoop(linear.gru_forward, linear.gru_backward, (0.5, 0.5, 1), (0.5, 0.5, 1)),
    "lstm": CellLoop(
        coupled.lstm_forward, coupled.lstm_backward, (0.5, 0.5, 1, 0.5), (0.5, 0.5, 1, 0.5)
    ),
}
"""Every cell of evonas.arch.cells.CELLS by its name."""
