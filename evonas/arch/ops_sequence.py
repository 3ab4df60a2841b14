"""Operators on sequences: recurrent cells, and what feeds and reads them.

A sequence has the shape (channels, length), the oldest position first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evonas.arch.cells import CELLS, recurrent_counts
from evonas.arch.shapes import Shape
from evonas.errors import SpecError, unknown_name


@dataclass(frozen=True)
class LSTM:
    """A long short-term memory over a 1-D signal, forwards from a state of zeros.

    Gates and cell are those of torch.nn.LSTM: one layer, no peepholes, no projection.

    Attributes:
        hidden: Number of units.
    """

    n_inputs: ClassVar[int] = 1
    hidden: int

    def output_shape(self, x: Shape) -> Shape:
        """Returns (hidden, length), the whole sequence, for an input (channels, length)."""
        if len(x) != 2 or self.hidden < 1:
            raise SpecError(
                f"LSTM: expected a shape (channels, length) and positive hidden, got {x} and "
                f"{self.hidden}."
            )
        return (self.hidden, x[1])


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer over a 1-D signal, forwards from a state of zeros.

    Runs on generated C. The matrices of all gates stand above each other: W (gates * hidden,
    channels) and U (gates * hidden, hidden); a matrix of rank r is a product whose first factor, r
    rows, all gates share. evonas.arch.cells has the cells' equations.

    Attributes:
        cell: One of ``CELLS``; "lstm" with a rank only: one of full rank is the operator LSTM.
        hidden: Number of units.
        rank_w: Rank of the input matrix W; 0 for full. It must save multiplications.
        rank_u: Rank of the recurrent matrix U; 0 for full. It must save multiplications.
    """

    n_inputs: ClassVar[int] = 1
    cell: str
    hidden: int
    rank_w: int = 0
    rank_u: int = 0

    def output_shape(self, x: Shape) -> Shape:
        """Returns (hidden, length), the whole sequence, for an input (channels, length)."""
        if self.cell not in CELLS:
            raise SpecError(unknown_name("cell", self.cell, CELLS))
        if len(x) != 2 or self.hidden < 1:
            raise SpecError(
                f"Recurrent: expected a shape (channels, length) and positive hidden, got {x} and "
                f"{self.hidden}."
            )
        if self.cell == "lstm" and not (self.rank_w or self.rank_u):
            raise SpecError("Recurrent: an LSTM of full rank is the operator LSTM.")
        full = recurrent_counts(self.cell, x[0], self.hidden)
        cut = recurrent_counts(self.cell, x[0], self.hidden, self.rank_w, self.rank_u)
        for name, rank, few, all_ in (
            ("rank_w", self.rank_w, cut.w_macs, full.w_macs),
            ("rank_u", self.rank_u, cut.u_macs, full.u_macs),
        ):
            if rank < 0 or (rank and few >= all_):
                raise SpecError(
                    f"Recurrent: {name} {rank} saves nothing: {few} multiplications a step instead "
                    f"of {all_}; 0 stands for the full matrix."
                )
        return (self.hidden, x[1])


@dataclass(frozen=True)
class StackFrames:
    """Neighbouring positions of a 1-D signal as channels of one: fewer, wider positions.

    What is left over of the length is dropped at the oldest end. Channel f * channels + c of the
    output is channel c of frame f, the oldest first: in channels-last memory nothing moves.

    Attributes:
        factor: Positions that become one; at least 2.
    """

    n_inputs: ClassVar[int] = 1
    factor: int

    def output_shape(self, x: Shape) -> Shape:
        """Returns (factor * channels, length // factor) for an input (channels, length)."""
        if len(x) != 2 or not 2 <= self.factor <= x[1]:
            raise SpecError(
                f"StackFrames: expected a shape (channels, length) and a factor from 2 to the "
                f"length, got {x} and {self.factor}."
            )
        return (self.factor * x[0], x[1] // self.factor)


@dataclass(frozen=True)
class LastStep:
    """The last position of a 1-D signal: (channels, length) -> (channels,)."""

    n_inputs: ClassVar[int] = 1

    def output_shape(self, x: Shape) -> Shape:
        """Returns (channels,)."""
        if len(x) != 2:
            raise SpecError(f"LastStep: expected a shape (channels, length), got {x}.")
        return (x[0],)
