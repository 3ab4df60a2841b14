"""An LSTM, a GRU and two FastGRNN networks of the FastGRNN paper's sizes.

Each is one recurrent layer whose last state a dense layer reads. The paper prints sizes in kB of
1024 bytes: of an LSTM and a GRU 4 bytes a parameter; of FastGRNN that of its low-rank, sparse and
quantised form, by the count in EdgeML's code <https://github.com/microsoft/EdgeML>: two numbers,
value and index, for every non-zero of a matrix of less than half non-zeros, one for every other
parameter, and one byte a number.

Published are task, form of the input, accuracy and size. The units, the ranks and the shares of
non-zeros (0.3 and 0.2) are inferred: with them the counts above give the published sizes, 212.5,
248.0, 5.55 and 2.99 KiB, as other units and ranks may, too.

FastGRNN is represented with its ranks, and quantised when it is deployed. Its zeros are not: every
element of a factor is stored and multiplied here, so that the deployed network is larger than the
published one, 8526 bytes of parameters for 5.5 kB and 7169 for 3.0 kB.
"""

from __future__ import annotations

from dataclasses import dataclass

from evonas.arch.builder import SpecBuilder
from evonas.arch.cells import recurrent_counts
from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import Reference

CITATION = "Kusupati et al. 2018, FastGRNN <https://arxiv.org/abs/1901.02358>"

GOOGLE_12 = (32, 99)
"""32 log-mel filters in 99 windows of 25 ms, every 10 ms, of one second of speech; 12 words."""
HAR_2 = (9, 128)
"""9 signals of a smartphone's sensors in 128 samples; 6 activities as two classes."""


@dataclass(frozen=True)
class _OneLayer:
    """Writes a recurrent layer with a dense layer on its last state.

    Attributes:
        cell: One of CELLS.
        hidden: Number of units.
        rank_w: Rank of W; full where the input has too few channels for a rank to save anything.
        rank_u: Rank of U.
    """

    cell: str
    hidden: int
    rank_w: int = 0
    rank_u: int = 0

    def __call__(self, input_shape: Shape, num_outputs: int) -> ArchSpec:
        b = SpecBuilder()
        x = b.input(input_shape)
        sizes = (self.cell, input_shape[0], self.hidden)
        saves = recurrent_counts(*sizes, self.rank_w).w_macs < recurrent_counts(*sizes).w_macs
        rank_w = self.rank_w if saves else 0
        x = b.last_step(b.recurrent(x, self.cell, self.hidden, rank_w, self.rank_u))
        return b.finish(b.dense(x, num_outputs))


LSTM_GOOGLE12 = Reference(
    name="lstm_google12",
    title="LSTM of 100 units (keyword spotting; published 92.30 %)",
    citation=CITATION,
    input_shape=GOOGLE_12,
    num_outputs=12,
    network=_OneLayer("lstm", 100),
    published_kib=212,
    convention="deployed",
)

GRU_GOOGLE12 = Reference(
    name="gru_google12",
    title="GRU of 128 units (keyword spotting; published 93.15 %)",
    citation=CITATION,
    input_shape=GOOGLE_12,
    num_outputs=12,
    network=_OneLayer("gru", 128),
    published_kib=248,
    convention="deployed",
)

FASTGRNN_GOOGLE12 = Reference(
    name="fastgrnn_google12",
    title="FastGRNN of 100 units, ranks 16 and 25 (keyword spotting; published 92.10 %)",
    citation=CITATION,
    input_shape=GOOGLE_12,
    num_outputs=12,
    network=_OneLayer("fastgrnn", 100, rank_w=16, rank_u=25),
    published_kib=5.5,
)

FASTGRNN_HAR2 = Reference(
    name="fastgrnn_har2",
    title="FastGRNN of 80 units, rank 5 of W (activities, two classes; published 95.59 %)",
    citation=CITATION,
    input_shape=HAR_2,
    num_outputs=2,
    network=_OneLayer("fastgrnn", 80, rank_w=5),  # rank 40 of U costs as much as all of it
    published_kib=3.0,
)
