"""The meta-kernel space: convolutional networks along one axis or two, grown from a seed network.

After E-DNAS (Garcia, Agudo, Moreno-Noguer 2021): every convolution is a set of kernels that train
as parallel branches and merge into one. Per block of the seed: whether it exists, its kernels,
whether it is separable and by which expansion, its channels, repeats, stride and shortcut; for the
network the pooling of its input, its stem and its head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.config_table import Table, validate_table
from evonas.errors import ConfigError, SpecError
from evonas.genes import Choice, Genes
from evonas.spaces.metakernel_block import Block, arranged, expand, grouped, output_shape
from evonas.spaces.metakernel_genes import space_genes
from evonas.spaces.metakernel_network import MetaKernelNetwork, Step, pooled, write
from evonas.spaces.metakernel_parse import parse
from evonas.spaces.metakernel_seed import MAX_REPEATS, MetaKernelSettings, seed_spec
from evonas.spaces.metakernel_sets import DEFAULTS, cut, offered_sets, read_set
from evonas.spaces.space import (
    WIDTH_MULTIPLIERS,
    AbstractSpace,
    Genome,
    check_ends,
    check_genome,
    scaled_genes,
)

BLOCKS = 4
"""Genes before the first block's."""
BLOCK_GENES = 8
CHANNELS = 4
"""Place of the channels among a block's genes."""


class MetaKernelSpace(AbstractSpace):
    """Convolutional networks of meta-kernels, in 1-D or 2-D, that a seed network bounds.

    Kernels that reach beyond a tensor are cut to what they see of it, a separable layer of one tap
    is a 1x1 convolution, and a network without some of the blocks is encoded at the first blocks
    that can hold it: so one network has one genome.

    Args:
        seed: Bounds the space: channels and repeats are at most its own.
        kernels: Numbers, whose subsets are on offer to every meta-kernel, and further sets by name;
            None for the default ones of as many axes.
        granularity: Channels come in multiples of it; the seed's own count is always a choice.
        max_repeats: Equal layers in a row that become one block of the seed at most.
    """

    Settings: ClassVar[type[Table]] = MetaKernelSettings

    def __init__(
        self,
        seed: ArchSpec,
        kernels: Sequence[int | str] | None = None,
        granularity: int = 1,
        max_repeats: int = MAX_REPEATS,
    ) -> None:
        self.input_shape = seed.input_shape
        self.num_outputs = seed.output_shape[0]
        self.granularity = granularity
        self.max_repeats = max_repeats
        rank = len(self.input_shape) - 1
        if rank not in DEFAULTS:
            raise SpecError(
                "The metakernel space takes inputs of shape (channels, length) or (channels, "
                f"height, width), got {self.input_shape}."
            )
        network = parse(seed)
        stem = network.steps[0]
        if stem.skip or stem.depthwise or len(network.dense) > 1:
            raise SpecError(
                "The metakernel space begins with a full convolution without a shortcut and has "
                "at most one hidden dense layer."
            )
        shape = stem.output_shape(pooled(self.input_shape, network.pooling))
        blocks = grouped(network.steps[1:], shape, max_repeats)
        offered = offered_sets(DEFAULTS[rank] if kernels is None else kernels, rank)
        self.genes = Genes(space_genes(self.input_shape, network, blocks, offered, granularity))
        self._firsts = [BLOCKS + BLOCK_GENES * number for number in range(len(blocks))]
        self._head = BLOCKS + BLOCK_GENES * len(blocks)
        self._choices = [gene.choices for gene in self.genes]
        self._index = [{c: i for i, c in enumerate(gene.choices)} for gene in self.genes]
        names = {str(c) for g in self.genes if g.name.endswith(".kernels") for c in g.choices}
        self._sets = {name: read_set(name, rank) for name in names}
        self._names = {kernels: name for name, kernels in self._sets.items()}
        self.seed = self.decode(self.encode(seed))  # as the space writes it

    @classmethod
    def from_reference(
        cls,
        name: str,
        input_shape: Shape | None = None,
        num_outputs: int | None = None,
        granularity: int = 1,
    ) -> MetaKernelSpace:
        """Returns the space around a published network, for its own or another input and outputs.

        Raises:
            ConfigError: The name is unknown.
            SpecError: The reference is no network of meta-kernels.
        """
        from evonas.references import reference

        return cls(reference(name, input_shape, num_outputs), granularity=granularity)

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int
    ) -> Self:
        """Returns the space of a [space] table; see AbstractSpace."""
        table = validate_table(MetaKernelSettings, settings, "[space]")
        if len(input_shape) - 1 not in DEFAULTS:
            raise ConfigError(
                "[space] kind: metakernel takes inputs of shape (channels, length) or (channels, "
                f"height, width), got {input_shape}."
            )
        seed = seed_spec(table, input_shape, num_outputs)
        return cls(seed, table.kernels, table.granularity, table.max_repeats)

    def decode(self, genome: npt.ArrayLike) -> ArchSpec:
        """Returns the network of a genome; see AbstractSpace."""
        network = self._network(check_genome(self.genes, genome))
        return write(network, self.input_shape, self.num_outputs)

    def canonical(self, genome: npt.ArrayLike) -> Genome:
        """Returns the canonical genome of a genome's network; see AbstractSpace."""
        return self._genome(self._network(check_genome(self.genes, genome)))

    def encode(self, spec: ArchSpec) -> Genome:
        """Returns the canonical genome of a network; see AbstractSpace."""
        check_ends(spec, self.input_shape, self.num_outputs)
        return self._genome(parse(spec))

    def anchors(self) -> npt.NDArray[np.int64]:
        """Returns the seed, its width multiples and the cheapest extremes; see AbstractSpace."""
        seed = self.encode(self.seed)
        if not self._value(seed.tolist(), self._head):
            seed[self._head + 1] = len(self._choices[self._head + 1]) // 2
        rows = [seed]
        rows += [scaled_genes(self.genes, seed, s, (".channels",)) for s in WIDTH_MULTIPLIERS]
        rows += [self._lean(seed, n_blocks) for n_blocks in range(len(self._firsts) + 1)]
        unique = {self.decode(row).digest: row for row in reversed(rows)}
        return np.array(list(reversed(unique.values())), dtype=np.int64)

    def scaled(self, share: float) -> Genome:
        """Returns the seed network with all widths scaled; see AbstractSpace."""
        widths = (".channels", "head.dense0")
        row = scaled_genes(self.genes, self.encode(self.seed), share, widths)
        return self.canonical(row)

    def _network(self, values: Sequence[int]) -> MetaKernelNetwork:
        pooling = int(self._value(values, 0))
        shape = pooled(self.input_shape, pooling)
        stem = Step(
            int(self._value(values, 1)),
            cut(self._sets[str(self._value(values, 2))], shape[1:]),
            int(self._value(values, 3)) if max(shape[1:]) > 1 else 1,
        )
        steps, shape = [stem], stem.output_shape(shape)
        for first in self._firsts:
            if self._value(values, first):
                taken = expand(self._block(values, first), shape)
                steps += taken
                shape = output_shape(taken, shape)
        n_dense = int(self._value(values, self._head))
        dense = (int(self._value(values, self._head + 1)),) * n_dense
        return MetaKernelNetwork(pooling, tuple(steps), dense)

    def _genome(self, network: MetaKernelNetwork) -> Genome:
        """Returns the canonical genome of a network, or raises SpecError."""
        stem = network.steps[0]
        shape = stem.output_shape(pooled(self.input_shape, network.pooling))
        slots = [partial(self._fits, first) for first in self._firsts]
        blocks = arranged(network.steps[1:], shape, slots, self.max_repeats)
        first = [network.pooling, stem.channels, self._names.get(stem.kernels), stem.stride]
        last = [len(network.dense), *network.dense]
        front = self._indices(0, first)
        head = self._indices(self._head, last) if len(last) < 3 else None
        if blocks is None or front is None or head is None or stem.skip or stem.depthwise:
            raise SpecError("The spec lies outside the space: its layers exceed the seed's.")
        values = np.zeros(self.genes.n_var, dtype=np.int64)
        values[:BLOCKS] = front
        values[self._head : self._head + len(head)] = head
        for at, block in zip(self._firsts, blocks, strict=True):
            found = self._indices(at, self._wanted(block)) if block else None
            values[at : at + BLOCK_GENES] = found or 0
        return values

    def _lean(self, seed: Genome, n_blocks: int) -> Genome:
        """Returns the thinnest network of n blocks; blocks that come later start at half width."""
        row = seed.copy()
        row[:BLOCKS] = [self.genes[0].n_choices - 1, 0, 0, self.genes[3].n_choices - 1]
        row[self._head] = 0
        for number, first in enumerate(self._firsts):
            row[first] = int(number < n_blocks)
            if number < n_blocks:
                row[first + 1 : first + BLOCK_GENES] = 0
            else:
                row[first + CHANNELS] = self.genes[first + CHANNELS].n_choices // 2
        return row

    def _value(self, values: Sequence[int], position: int) -> Choice:
        return self._choices[position][values[position]]

    def _block(self, values: Sequence[int], first: int) -> Block:
        _, name, separable, expansion, channels, repeats, stride, skip = (
            self._value(values, first + i) for i in range(BLOCK_GENES)
        )
        return Block(
            channels=int(channels),
            kernels=self._sets[str(name)],
            repeats=int(repeats),
            stride=int(stride),
            separable=bool(separable),
            expansion=int(expansion),
            skip=str(skip),
        )

    def _wanted(self, block: Block) -> list[Choice | None]:
        return [
            True,
            self._names.get(block.kernels),
            block.separable,
            block.expansion,
            block.channels,
            block.repeats,
            block.stride,
            block.skip,
        ]

    def _fits(self, first: int, block: Block) -> bool:
        return self._indices(first, self._wanted(block)) is not None

    def _indices(self, first: int, wanted: Sequence[Choice | None]) -> list[int] | None:
        """Returns the genes from one on that choose these values; None where one is not offered."""
        found = [
            None if value is None else self._index[first + i].get(value)
            for i, value in enumerate(wanted)
        ]
        return None if None in found else [i for i in found if i is not None]
