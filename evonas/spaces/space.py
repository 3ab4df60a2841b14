"""What every search space offers: genes, and the way between genomes and network descriptions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.config_table import Table
from evonas.errors import SpecError
from evonas.genes import Choice, Genes

Genome = npt.NDArray[np.int64]


WIDTH_MULTIPLIERS = (0.75, 0.5, 0.35, 0.25, 0.125, 0.0625)
"""Shares of the seed network's width that are among a space's anchors."""


class AbstractSpace(ABC):
    """A set of networks for one input shape and number of outputs.

    Attributes:
        genes: The variables of a genome.
        seed: The network that the space is built around; it lies in the space.
    """

    Settings: ClassVar[type[Table]]
    genes: Genes
    seed: ArchSpec

    @classmethod
    @abstractmethod
    def from_settings(
        cls, settings: Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int
    ) -> Self:
        """Returns the space that a config's [space] table describes.

        Raises:
            ConfigError: A key is unknown or a value is not what it takes.
            SpecError: The seed network does not fit the input.
        """

    @abstractmethod
    def decode(self, genome: npt.ArrayLike) -> ArchSpec:
        """Returns the network of a genome (n_var,); every in-bounds genome has one.

        Raises:
            ValueError: The genome has another length or lies out of bounds.
        """

    @abstractmethod
    def encode(self, spec: ArchSpec) -> Genome:
        """Returns the one canonical genome (n_var,) of a network: inactive genes are 0.

        Raises:
            SpecError: The network lies outside the space.
        """

    def canonical(self, genome: npt.ArrayLike) -> Genome:
        """Returns the canonical genome (n_var,) of the network of a genome (n_var,).

        A search asks this of every genome that it breeds; a space may have a shorter way than over
        the network's description.

        Raises:
            ValueError: The genome has another length or lies out of bounds.
        """
        return self.encode(self.decode(genome))

    @abstractmethod
    def anchors(self) -> npt.NDArray[np.int64]:
        """Returns genomes (n, n_var), one a network, that a first population should hold.

        The seed network comes first, then its width multipliers, then the cheapest extremes.
        Genes without effect hold what a descendant should start from in which they have one.
        """

    @abstractmethod
    def scaled(self, share: float) -> Genome:
        """Returns the canonical genome (n_var,) of the seed network with all widths scaled.

        Channels, recurrent units and hidden dense layers get the number on offer that lies nearest
        to that share of the seed's; nothing else changes.

        Args:
            share: Of every width, in 0..1.

        Raises:
            ValueError: The share lies outside 0..1.
        """


def nearest(choices: Sequence[Choice], target: float) -> int:
    """Returns the index of the number among a gene's choices that lies nearest to a target."""
    distances = [abs(int(choice) - target) for choice in choices]
    return distances.index(min(distances))


def scaled_genes(genes: Genes, genome: Genome, share: float, endings: Sequence[str]) -> Genome:
    """Returns a copy of a genome (n_var,) with some genes at a share of what they choose.

    Args:
        genes: The space's.
        genome: Chooses numbers in those genes.
        share: Of them; the nearest positive number on offer is taken.
        endings: Of the names of those genes; one that chooses 0 stays as it is.

    Raises:
        ValueError: The share lies outside 0..1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"Expected a share of the seed's widths in 0..1, got {share}.")
    row = genome.copy()
    for at, gene in enumerate(genes):
        if not gene.name.endswith(tuple(endings)):
            continue
        width = int(gene.choices[row[at]])
        if width:
            # 0 would leave the layer out: far away, so that it is never the nearest
            offered = [int(choice) or 2 * width for choice in gene.choices]
            row[at] = nearest(offered, share * width)
    return row


def check_ends(spec: ArchSpec, input_shape: tuple[int, ...], num_outputs: int) -> None:
    """Raises SpecError unless a network maps a space's input to its outputs."""
    if spec.input_shape != input_shape or spec.output_shape != (num_outputs,):
        raise SpecError(
            f"The space maps {input_shape} to ({num_outputs},), the spec maps "
            f"{spec.input_shape} to {spec.output_shape}."
        )


def check_genome(genes: Genes, genome: npt.ArrayLike) -> list[int]:
    """Returns a genome as a list of ints.

    Raises:
        ValueError: It has another length than the genes, or an entry lies out of bounds.
    """
    array = np.asarray(genome)
    if array.shape != (genes.n_var,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"Expected a genome of shape ({genes.n_var},) of integers, got {array.shape} of "
            f"{array.dtype}."
        )
    values: list[int] = array.tolist()
    for gene, value in zip(genes, values, strict=True):
        if not 0 <= value < gene.n_choices:
            raise ValueError(f"Gene {gene.name!r} takes 0 to {gene.n_choices - 1}, got {value}.")
    return values
