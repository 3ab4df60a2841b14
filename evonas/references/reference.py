"""Reference: one published network with its published figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError

Convention = Literal["training", "deployed"]

MLPERF_TINY = (
    "Banbury et al. 2021, MLPerf Tiny <https://arxiv.org/abs/2106.07597> and "
    "<https://github.com/mlcommons/tiny>"
)
"""Its networks' counts are those of the deployed models: no batch norm, one bias a channel."""

SHAPES = {1: "(features,)", 2: "(channels, length)", 3: "(channels, height, width)"}
"""Rank of an input -> its form, for people."""


@dataclass(frozen=True)
class Reference:
    """A network that others designed, and what they say it costs.

    Dropout belongs to the training recipe here, not to the network: the published rates are named
    in each network's own documentation.

    Attributes:
        name: Its name in the registry.
        title: What it is, for people.
        citation: Where it was published.
        input_shape: Published input, in one of the forms of ``SHAPES``; others have its rank, and a
            network of (features,) flattens what it gets.
        num_outputs: Published outputs.
        network: Writes the network for an input shape and a number of outputs.
        published_params: Parameters as published; None where no count was.
        published_macs: Multiply-accumulates as published, to the digits that were; or None.
        convention: What published_params counts: "training" modules (convolution biases where the
            modules have them, batch-norm scales and shifts), or the "deployed" network (batch norm
            folded, one bias a channel).
        published_kib: Size of the parameters as published, in KiB, where their number was not; the
            network's documentation says what it counts.
        mask_params: Part of published_params that is no part of the network: the search masks of
            PIT's modules.
    """

    name: str
    title: str
    citation: str
    input_shape: Shape
    num_outputs: int
    network: Callable[[Shape, int], ArchSpec]
    published_params: int | None = None
    published_macs: int | None = None
    published_kib: float | None = None
    convention: Convention = "training"
    mask_params: int = 0

    def build(self, input_shape: Shape | None = None, num_outputs: int | None = None) -> ArchSpec:
        """Returns the network; None stands for the published input or outputs.

        Raises:
            SpecError: The network does not fit the input.
        """
        shape = self.input_shape if input_shape is None else tuple(input_shape)
        rank = len(self.input_shape)
        if rank > 1 and len(shape) != rank:
            raise SpecError(
                f"Reference {self.name!r} takes inputs of shape {SHAPES[rank]}, got {shape}."
            )
        return self.network(shape, self.num_outputs if num_outputs is None else num_outputs)
