"""The TCN space: temporal convolutional networks grown from a seed network.

Per block of the seed: whether it exists, its shortcut, stride and pooling; per convolution its
channels, receptive field, dilation and kind; for the network its head. Channels, fields and
dilations alone are the space of PIT (Risso et al. 2023 <https://arxiv.org/abs/2301.10281>).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.config_table import Table, validate_table
from evonas.errors import ConfigError, SpecError
from evonas.genes import Choice, Gene, Genes
from evonas.spaces.space import (
    WIDTH_MULTIPLIERS,
    AbstractSpace,
    Genome,
    check_ends,
    check_genome,
    scaled_genes,
)
from evonas.spaces.tcn_network import (
    HEADS,
    POOLS,
    SHORTCUTS,
    Block,
    ConvLayer,
    TCNNetwork,
    separated,
    write,
)
from evonas.spaces.tcn_padding import Padding
from evonas.spaces.tcn_parse import parse
from evonas.spaces.tcn_seed import TCNSettings, seed_spec

DENSE_WIDTH = 64
"""Widest hidden dense layer on offer where the seed has none."""
CHANNELS, DENSE = ".channels", (".dense0", ".dense1")
"""Endings of the names of genes that choose widths."""


@dataclass(frozen=True)
class _BlockGenes:
    """Where the genes of one block of the seed lie in a genome."""

    first: int
    template: Block
    paddings: tuple[Padding, ...]

    @property
    def n_genes(self) -> int:
        return 4 + 4 * len(self.template.convs)


class TCNSpace(AbstractSpace):
    """Temporal convolutional networks that a seed network bounds.

    A network without some of the seed's blocks is encoded at the first blocks that can hold it,
    fields are those that taps and dilation span, and identity shortcuts between different shapes
    become projections: so one network has one genome.

    Args:
        seed: Bounds the space: channels and fields are at most its own.
        granularity: Channels come in multiples of it; the seed's own count is always a choice.
    """

    Settings: ClassVar[type[Table]] = TCNSettings

    def __init__(self, seed: ArchSpec, granularity: int = 1) -> None:
        if len(seed.input_shape) != 2:
            raise SpecError(
                f"The tcn space takes inputs of shape (channels, length), got {seed.input_shape}."
            )
        self.input_shape = seed.input_shape
        self.num_outputs = seed.output_shape[0]
        self.granularity = granularity
        network, self.style = parse(seed)
        genes: list[Gene] = []
        self._blocks: list[_BlockGenes] = []
        for number, block in enumerate(network.blocks):
            paddings = tuple(Padding.of(conv) for conv in block.convs)
            self._blocks.append(_BlockGenes(len(genes), block, paddings))
            genes += _block_genes(f"block{number}", block, granularity)
        self._head = len(genes)
        genes += _head_genes(network)
        self.genes = Genes(tuple(genes))
        self._choices = [gene.choices for gene in genes]
        self._index = [{c: i for i, c in enumerate(gene.choices)} for gene in genes]
        self.seed = self.decode(self.encode(seed))  # as the space writes it

    @classmethod
    def from_reference(
        cls,
        name: str,
        input_shape: tuple[int, int] | None = None,
        num_outputs: int | None = None,
        granularity: int = 1,
    ) -> TCNSpace:
        """Returns the space around a published network, for its own or another input and outputs.

        Raises:
            ConfigError: The name is unknown.
            SpecError: The reference is no temporal convolutional network.
        """
        from evonas.references import reference

        return cls(reference(name, input_shape, num_outputs), granularity)

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int
    ) -> Self:
        """Returns the space of a [space] table; see AbstractSpace."""
        table = validate_table(TCNSettings, settings, "[space]")
        if len(input_shape) != 2:
            raise ConfigError(
                f"[space] kind: tcn takes inputs of shape (channels, length), got {input_shape}."
            )
        seed = seed_spec(table, input_shape, num_outputs)
        return cls(seed, table.granularity)

    def decode(self, genome: npt.ArrayLike) -> ArchSpec:
        """Returns the network of a genome; see AbstractSpace."""
        network = self._network(check_genome(self.genes, genome))
        return write(network, self.style, self.input_shape, self.num_outputs)

    def canonical(self, genome: npt.ArrayLike) -> Genome:
        """Returns the canonical genome of a genome's network; see AbstractSpace."""
        network = self._network(check_genome(self.genes, genome))
        return self._genome(replace(network, blocks=separated(network.blocks)))

    def encode(self, spec: ArchSpec) -> Genome:
        """Returns the canonical genome of a network; see AbstractSpace."""
        check_ends(spec, self.input_shape, self.num_outputs)
        network, _ = parse(spec, self.style)
        if network.head != "average" and self._length(network.blocks) == 1:
            network = replace(network, head="average")  # of one position all heads are one
        return self._genome(network)

    def anchors(self) -> npt.NDArray[np.int64]:
        """Returns the seed, its width multiples and the cheapest extremes; see AbstractSpace."""
        seed = self.encode(self.seed)
        head = self._choices[self._head :]
        for i in range(int(self._value(seed.tolist(), self._head + 1)), 2):
            seed[self._head + 2 + i] = len(head[2 + i]) // 2
        rows = [seed]
        rows += [scaled_genes(self.genes, seed, s, (CHANNELS,)) for s in WIDTH_MULTIPLIERS]
        rows += [self._lean(seed, n_blocks) for n_blocks in range(len(self._blocks) + 1)]
        for pooling in range(len(HEADS)):
            row = self._lean(seed, 0)
            row[self._head] = pooling
            rows.append(row)
        unique = {self.decode(row).digest: row for row in reversed(rows)}
        return np.array(list(reversed(unique.values())), dtype=np.int64)

    def scaled(self, share: float) -> Genome:
        """Returns the seed network with all widths scaled; see AbstractSpace."""
        row = self.encode(self.seed)
        return self.canonical(scaled_genes(self.genes, row, share, (CHANNELS, *DENSE)))

    def _network(self, values: Sequence[int]) -> TCNNetwork:
        c_in, length = self.input_shape
        blocks = []
        for entry in self._blocks:
            block = self._block(values, entry, c_in, length)
            if block is not None:
                c_in, length = block.convs[-1].channels, _length_after(block, length)
                length = length // 2 if block.pool != "none" else length
                blocks.append(block)
        head = str(self._value(values, self._head)) if length > 1 else "average"
        n_dense = int(self._value(values, self._head + 1))
        dense = tuple(int(self._value(values, self._head + 2 + i)) for i in range(n_dense))
        return TCNNetwork(tuple(blocks), head, dense)

    def _genome(self, network: TCNNetwork) -> Genome:
        values = self._place(network.blocks, 0)
        if values is None:
            raise SpecError("The spec lies outside the space: its blocks exceed the seed's.")
        return np.array(values + self._head_values(network), dtype=np.int64)

    def _lean(self, seed: Genome, n_blocks: int) -> Genome:
        """Returns the thinnest network of n blocks; blocks that come later start at half width."""
        row = seed.copy()
        row[self._head : self._head + 2] = 0
        for number, entry in enumerate(self._blocks):
            exists = number < n_blocks
            row[entry.first : entry.first + 4] = (int(exists), 0, 0, 0)
            for i in range(len(entry.paddings)):
                at = entry.first + 4 + 4 * i
                row[at] = 0 if exists else len(self._choices[at]) // 2
                row[at + 1] = 0 if exists else row[at + 1]
        return row

    def _length(self, blocks: Sequence[Block]) -> int:
        """Returns the length behind blocks."""
        length = self.input_shape[1]
        for block in blocks:
            length = _length_after(block, length) // (1 if block.pool == "none" else 2)
        return length

    def _value(self, values: Sequence[int], position: int) -> Choice:
        return self._choices[position][values[position]]

    def _block(
        self, values: Sequence[int], entry: _BlockGenes, c_in: int, length: int
    ) -> Block | None:
        first = entry.first
        if not self._value(values, first):
            return None
        convs, c = [], c_in
        for i, padding in enumerate(entry.paddings):
            stride = int(self._value(values, first + 2)) if i == 0 else 1
            convs.append(self._conv(values, first + 4 + 4 * i, padding, c, stride))
            c = convs[-1].channels
        block = Block(tuple(convs), str(self._value(values, first + 1)))
        after = _length_after(block, length)
        if block.shortcut != "none":
            if after != -(-length // convs[0].stride):
                block = replace(block, shortcut="none")
            elif block.shortcut == "identity" and (c != c_in or after != length):
                block = replace(block, shortcut="projection")
        pool = str(self._value(values, first + 3))
        return replace(block, pool=pool if after > 1 else "none")

    def _conv(
        self, values: Sequence[int], at: int, padding: Padding, c_in: int, stride: int
    ) -> ConvLayer:
        field, dilation = int(self._value(values, at + 1)), int(self._value(values, at + 2))
        taps = (field - 1) // dilation + 1
        dilation = dilation if taps > 1 else 1
        return ConvLayer(
            channels=int(self._value(values, at)),
            taps=taps,
            pads=padding.pads(taps, dilation),
            dilation=dilation,
            stride=stride,
            separable=bool(self._value(values, at + 3)) and taps > 1 and c_in > 1,
        )

    def _place(self, blocks: Sequence[Block], at: int) -> list[int] | None:
        """Returns the genes from block `at` on, holding blocks as early as possible, or None."""
        if at == len(self._blocks):
            return None if blocks else []
        entry = self._blocks[at]
        n_convs = len(entry.template.convs)
        for taken in dict.fromkeys((1, n_convs)):
            block = _joined(blocks[:taken], n_convs)
            genes = self._block_values(entry, block) if block else None
            rest = self._place(blocks[taken:], at + 1) if genes else None
            if genes is not None and rest is not None:
                return genes + rest
        rest = self._place(blocks, at + 1)
        return None if rest is None else [0] * entry.n_genes + rest

    def _block_values(self, entry: _BlockGenes, block: Block) -> list[int] | None:
        wanted: list[Choice] = [True, block.shortcut, block.convs[0].stride, block.pool]
        for conv, padding in zip(block.convs, entry.paddings, strict=True):
            if conv.pads != padding.pads(conv.taps, conv.dilation):
                return None
            if conv.separable and conv.taps == 1:
                return None  # decode writes none
            wanted += [conv.channels, conv.field, conv.dilation, conv.separable]
        found = [self._index[entry.first + i].get(value) for i, value in enumerate(wanted)]
        return None if None in found else [i for i in found if i is not None]

    def _head_values(self, network: TCNNetwork) -> list[int]:
        wanted: list[Choice] = [network.head, len(network.dense), *network.dense]
        values = [0, 0, 0, 0]
        for i, value in enumerate(wanted):
            index = self._index[self._head + i].get(value) if i < 4 else None
            if index is None:
                raise SpecError(f"The spec lies outside the space: its head has {value!r}.")
            values[i] = index
        return values


def _block_genes(prefix: str, block: Block, granularity: int) -> list[Gene]:
    strides = tuple(sorted({1, 2, block.convs[0].stride}))
    genes = [
        Gene(f"{prefix}.exists", (False, True), "linear"),
        Gene(f"{prefix}.shortcut", SHORTCUTS),
        Gene(f"{prefix}.stride", strides, "log"),
        Gene(f"{prefix}.pool", POOLS),
    ]
    for i, conv in enumerate(block.convs):
        name = f"{prefix}.conv{i}"
        channels = {*range(granularity, conv.channels + 1, granularity), conv.channels}
        fitting = max(conv.field - 1, 1).bit_length()
        dilations = {*(2**p for p in range(fitting)), conv.dilation}
        genes += [
            Gene(f"{name}.channels", tuple(sorted(channels)), "log"),
            Gene(f"{name}.field", tuple(range(1, conv.field + 1)), "linear"),
            Gene(f"{name}.dilation", tuple(sorted(dilations)), "log"),
            Gene(f"{name}.separable", (False, True)),
        ]
    return genes


def _head_genes(network: TCNNetwork) -> list[Gene]:
    if len(network.dense) > 2:
        raise SpecError(f"The tcn space has up to 2 hidden dense layers, got {network.dense}.")
    genes = [
        Gene("head.pooling", HEADS),
        Gene("head.dense_layers", (0, 1, 2), "linear"),
    ]
    for i in range(2):
        top = network.dense[i] if i < len(network.dense) else DENSE_WIDTH
        powers = {2**p for p in range(1, top.bit_length()) if 2**p <= top}
        genes.append(Gene(f"head.dense{i}", tuple(sorted({*powers, top})), "log"))
    return genes


def _length_after(block: Block, length: int) -> int:
    """Returns the length behind a block's convolutions, before its pooling."""
    for conv in block.convs:
        length = (length + sum(conv.pads) - conv.field) // conv.stride + 1
    return length


def _joined(blocks: Sequence[Block], n_convs: int) -> Block | None:
    """Returns one block of n_convs convolutions that means the same as these, or None."""
    convs = tuple(conv for block in blocks for conv in block.convs)
    plain = all(block.shortcut == "none" for block in blocks)
    inner = all(block.pool == "none" for block in blocks[:-1])
    unstrided = all(conv.stride == 1 for conv in convs[1:])
    fits = blocks and len(convs) == n_convs and unstrided and inner
    if not fits or not (plain or len(blocks) == 1):
        return None
    return Block(convs, blocks[-1].shortcut if len(blocks) == 1 else "none", blocks[-1].pool)
