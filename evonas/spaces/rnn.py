"""The RNN space: recurrent networks grown from a seed network.

For the network: its cell, how the input is fed (each sample, stacked or strided), a strided
convolution before the recurrence, the number of layers, the readout and the hidden dense layer; per
layer its units and the ranks of W and U.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from evonas.arch.cells import CELLS
from evonas.arch.spec import ArchSpec
from evonas.config_table import Table, validate_table
from evonas.errors import ConfigError, SpecError
from evonas.genes import Choice, Genes
from evonas.spaces.rnn_genes import (
    MATRICES,
    cut_rank,
    feeds_on_offer,
    front_genes,
    layer_genes,
    network_genes,
)
from evonas.spaces.rnn_network import (
    Front,
    RecurrentLayer,
    RNNNetwork,
    first_channels,
    positions,
    write,
)
from evonas.spaces.rnn_parse import parse
from evonas.spaces.rnn_seed import MAX_LAYERS, RNNSettings, seed_spec
from evonas.spaces.space import (
    WIDTH_MULTIPLIERS,
    AbstractSpace,
    Genome,
    check_ends,
    check_genome,
    scaled_genes,
)

UNITS = (".hidden", ".channels")
"""Endings of the names of genes that choose units and channels."""
CELL_WIDTH = 0.25
"""Share of the seed's width at which every cell is an anchor, beside the full width."""


class RNNSpace(AbstractSpace):
    """Recurrent networks that a seed network bounds, over all cells.

    A rank that would save nothing is the full matrix, a front's kernel is at least its stride, and
    of a single position the last state is read, not the mean: so one network has one genome.

    Args:
        seed: Bounds the space: units, and unless `layers` says so the number of layers, are at most
            its own.
        granularity: Units and channels come in multiples of it; the seed's own are always a choice.
        cells: Keys of evonas.arch.cells.CELLS on offer, the seed's among them.
        layers: Most recurrent layers, up to 3; further ones have at most the units of the seed's
            last. None for the seed's.
        ranks: Whether ranks below the seed's are on offer.
        input_rates: By what the input may be stacked or strided; what the length does not hold is
            left out.
        front: Whether a strided convolution is on offer, of at most as many channels as the first
            layer has units.
    """

    Settings: ClassVar[type[Table]] = RNNSettings

    def __init__(
        self,
        seed: ArchSpec,
        granularity: int = 1,
        cells: Sequence[str] = tuple(CELLS),
        layers: int | None = None,
        ranks: bool = True,
        input_rates: Sequence[int] = (1, 2, 4),
        front: bool = True,
    ) -> None:
        if len(seed.input_shape) != 2:
            raise SpecError(
                f"The rnn space takes inputs of shape (channels, length), got {seed.input_shape}."
            )
        self.input_shape = seed.input_shape
        self.num_outputs = seed.output_shape[0]
        self.granularity = granularity
        network = parse(seed)
        if network.cell not in cells:
            raise SpecError(
                f"The seed network's cell, {network.cell}, is not among the cells on offer, "
                f"{', '.join(cells)}."
            )
        n_layers = layers or len(network.layers)
        if not len(network.layers) <= n_layers <= MAX_LAYERS:
            raise SpecError(
                f"The rnn space has up to {MAX_LAYERS} recurrent layers and no fewer than its "
                f"seed network: got {n_layers}, the seed has {len(network.layers)}."
            )
        feeds = feeds_on_offer(network.feed, input_rates, seed.input_shape[1])
        self._feeds = {feed.label: feed for feed in feeds}
        genes = network_genes(network, cells, feeds, n_layers)
        genes += front_genes(network, granularity, front)
        for number in range(n_layers):
            genes += layer_genes(network, number, seed.input_shape[0], granularity, ranks)
        self._n_layers = n_layers
        self.genes = Genes(tuple(genes))
        self._at = {gene.name: i for i, gene in enumerate(genes)}
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
        cells: Sequence[str] = tuple(CELLS),
    ) -> RNNSpace:
        """Returns the space around a published network, for its own or another input and outputs.

        Raises:
            ConfigError: The name is unknown.
            SpecError: The reference is no recurrent network, or its cell is not among the cells.
        """
        from evonas.references import reference

        return cls(reference(name, input_shape, num_outputs), granularity, cells)

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int
    ) -> Self:
        """Returns the space of a [space] table; see AbstractSpace."""
        table = validate_table(RNNSettings, settings, "[space]")
        if len(input_shape) != 2:
            raise ConfigError(
                f"[space] kind: rnn takes inputs of shape (channels, length), got {input_shape}."
            )
        seed = seed_spec(table, input_shape, num_outputs)
        try:
            return cls(
                seed,
                table.granularity,
                table.cells,
                table.layers,
                table.ranks,
                table.input_rates,
                table.front,
            )
        except SpecError as error:
            raise ConfigError(f"[space] {error}") from None

    def decode(self, genome: npt.ArrayLike) -> ArchSpec:
        """Returns the network of a genome; see AbstractSpace."""
        values = check_genome(self.genes, genome)
        return write(self._network(values), self.input_shape, self.num_outputs)

    def canonical(self, genome: npt.ArrayLike) -> Genome:
        """Returns the canonical genome of a genome's network; see AbstractSpace."""
        return self._genome(self._network(check_genome(self.genes, genome)))

    def encode(self, spec: ArchSpec) -> Genome:
        """Returns the canonical genome of a network; see AbstractSpace."""
        check_ends(spec, self.input_shape, self.num_outputs)
        return self._genome(parse(spec))

    def anchors(self) -> npt.NDArray[np.int64]:
        """Returns the seed, its width multiples, every cell and the cheapest extremes."""
        seed = self.encode(self.seed)
        for name, at in self._at.items():  # where layers and fronts come in later, start mid-way
            if not seed[at] and name.endswith((".hidden", ".channels")):
                seed[at] = len(self._choices[at]) // 2
        rows = [seed, *(scaled_genes(self.genes, seed, s, UNITS) for s in WIDTH_MULTIPLIERS)]
        cells = range(self.genes.n_choices[self._at["cell"]])
        for size in (seed, scaled_genes(self.genes, seed, CELL_WIDTH, UNITS)):
            rows += [self._set(size, cell=cell) for cell in cells]
        cuts = {name: 1 for name in self._at if ".cut_" in name}
        if all(self.genes.n_choices[self._at[name]] > 1 for name in cuts):
            rows.append(self._set(seed, **cuts))
        lean = scaled_genes(self.genes, seed, 0.0, UNITS)
        lean = self._set(lean, layers=0, readout=0, dense=0)
        rows += [self._set(lean, cell=cell) for cell in cells]
        rows += [self._set(lean, cell=0, input=i) for i in range(len(self._feeds))]
        unique: dict[str, Genome] = {}
        for row in rows:
            unique.setdefault(self.decode(row).digest, row)
        return np.array(list(unique.values()), dtype=np.int64)

    def scaled(self, share: float) -> Genome:
        """Returns the seed network with all widths scaled; see AbstractSpace."""
        row = scaled_genes(self.genes, self.encode(self.seed), share, (*UNITS, "dense"))
        return self.canonical(row)

    def _genome(self, network: RNNNetwork) -> Genome:
        """Returns the canonical genome of a network, or raises SpecError."""
        if positions(self.input_shape[1], network.feed, network.front) == 1:
            network = replace(network, readout="last")  # of one position both readouts are one
        if len(network.layers) > self._n_layers:
            raise SpecError(
                f"The spec lies outside the space: {len(network.layers)} recurrent layers, at most "
                f"{self._n_layers}."
            )
        values = [0] * self.genes.n_var
        for name, choice in self._wanted(network).items():
            index = None if choice is None else self._index[self._at[name]].get(choice)
            if index is None:
                raise SpecError(f"The spec lies outside the space: no choice of {name} fits it.")
            values[self._at[name]] = index
        return np.array(values, dtype=np.int64)

    def _set(self, genome: Genome, **indices: int) -> Genome:
        """Returns a copy with genes set to indices."""
        row = genome.copy()
        for name, index in indices.items():
            row[self._at[name]] = index
        return row

    def _network(self, values: Sequence[int]) -> RNNNetwork:
        """Returns the network that gene values stand for, in its one canonical form."""

        def choice(name: str) -> Choice:
            at = self._at[name]
            return self._choices[at][values[at]]

        cell, feed = str(choice("cell")), self._feeds[str(choice("input"))]
        front = None
        if stride := int(choice("front.stride")):
            kernel = max(stride, int(choice("front.kernel")))
            front = Front(stride, kernel, int(choice("front.channels")))
        channels = first_channels(self.input_shape[0], feed, front)
        layers = []
        for number in range(int(choice("layers"))):
            hidden = int(choice(f"layer{number}.hidden"))
            cuts = [float(choice(f"layer{number}.cut_{matrix}")) for matrix in MATRICES]
            ranks = (
                cut_rank(cell, channels, hidden, matrix, cut)
                for matrix, cut in zip(MATRICES, cuts, strict=True)
            )
            layers.append(RecurrentLayer(hidden, *ranks))
            channels = hidden
        is_one = positions(self.input_shape[1], feed, front) == 1
        readout = "last" if is_one else str(choice("readout"))
        return RNNNetwork(cell, tuple(layers), feed, front, readout, int(choice("dense")))

    def _wanted(self, network: RNNNetwork) -> dict[str, Choice | None]:
        """Returns the choices of a network's active genes by name; None for one not on offer."""
        wanted: dict[str, Choice | None] = {
            "cell": network.cell,
            "input": network.feed.label,
            "layers": len(network.layers),
            "readout": network.readout,
            "dense": network.dense,
        }
        if front := network.front:
            wanted["front.stride"] = front.stride
            wanted["front.kernel"] = front.kernel
            wanted["front.channels"] = front.channels
        channels = first_channels(self.input_shape[0], network.feed, network.front)
        for number, layer in enumerate(network.layers):
            wanted[f"layer{number}.hidden"] = layer.hidden
            for matrix, rank in zip(MATRICES, (layer.rank_w, layer.rank_u), strict=True):
                name = f"layer{number}.cut_{matrix}"
                cuts = self._choices[self._at[name]]
                sizes = (network.cell, channels, layer.hidden, matrix)
                fitting = (cut for cut in cuts if cut_rank(*sizes, float(cut)) == rank)
                wanted[name] = next(fitting, None)
            channels = layer.hidden
        return wanted
