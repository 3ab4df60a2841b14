"""The genes of the RNN space: what a seed network and the settings put on offer."""

from __future__ import annotations

from collections.abc import Sequence

from evonas.arch.cells import CELLS
from evonas.genes import Gene
from evonas.spaces.rnn_network import ALL, READOUTS, Feed, RNNNetwork, first_channels, saves

MATRICES = ("w", "u")
CUTS = (1, 2, 4, 8)
"""By what the full rank of a matrix is divided; 1 for the full matrix."""

FRONT_STRIDES = (2, 4)
FRONT_KERNELS = (2, 3, 4, 6, 8)
DENSE_WIDTH = 32
"""Widest hidden dense layer on offer where the seed has none."""


def cut_rank(cell: str, channels: int, hidden: int, matrix: str, cut: float) -> int:
    """Returns the rank of "w" or "u" after a cut; 0, the full matrix, where it saves nothing."""
    if cut == 1:
        return 0
    rank = max(1, int(full_rank(cell, channels, hidden, matrix) / cut + 0.5))
    ranks = (rank, 0) if matrix == "w" else (0, rank)
    return rank if saves(cell, channels, hidden, *ranks) else 0


def full_rank(cell: str, channels: int, hidden: int, matrix: str) -> int:
    """Returns the largest rank that W (gates * hidden, channels) or U (.., hidden) can have."""
    return min(channels, CELLS[cell].gates * hidden) if matrix == "w" else hidden


def feeds_on_offer(seed: Feed, input_rates: Sequence[int], length: int) -> tuple[Feed, ...]:
    """Returns how the input may be fed: the seed's way and, by each rate, stacked and strided."""
    rates = sorted({rate for rate in input_rates if 1 < rate <= length})
    feeds = {ALL, *(Feed("stack", r) for r in rates), *(Feed("stride", r) for r in rates), seed}
    return tuple(sorted(feeds, key=lambda feed: (feed.kind, feed.factor)))


def network_genes(
    seed: RNNNetwork, cells: Sequence[str], feeds: Sequence[Feed], n_layers: int
) -> list[Gene]:
    """Returns the genes of the cell, the input and the number of layers."""
    return [
        Gene("cell", tuple(cell for cell in CELLS if cell in cells)),
        Gene("input", tuple(feed.label for feed in feeds)),
        Gene("layers", tuple(range(1, n_layers + 1)), "linear"),
        Gene("readout", READOUTS),
        Gene("dense", (0, *_powers(max(seed.dense, DENSE_WIDTH), seed.dense)), "linear"),
    ]


def front_genes(seed: RNNNetwork, granularity: int, is_offered: bool) -> list[Gene]:
    """Returns the genes of the convolution before the recurrence; stride 0 for none."""
    strides = {0, *(FRONT_STRIDES if is_offered else ())}
    kernels = {*(FRONT_KERNELS if is_offered else (1,))}
    widest = seed.layers[0].hidden if is_offered else granularity
    channels = {*range(granularity, widest + 1, granularity), widest}
    if seed.front:
        strides.add(seed.front.stride)
        kernels.add(seed.front.kernel)
        channels |= {*range(granularity, seed.front.channels, granularity), seed.front.channels}
    kernels |= strides - {0}  # a kernel below the stride becomes the stride
    return [
        Gene("front.stride", tuple(sorted(strides)), "linear"),
        Gene("front.kernel", tuple(sorted(kernels)), "linear"),
        Gene("front.channels", tuple(sorted(channels)), "log"),
    ]


def layer_genes(
    seed: RNNNetwork, number: int, channels: int, granularity: int, ranks: bool
) -> list[Gene]:
    """Returns the genes of one recurrent layer.

    Args:
        seed: The seed network; layers beyond its own are bounded by its last.
        number: The layer's, from 0.
        channels: Of the input.
        granularity: Of units.
        ranks: Whether ranks below the seed's are on offer.
    """
    layer = seed.layers[min(number, len(seed.layers) - 1)]
    channels = first_channels(channels, seed.feed, seed.front)
    if number:
        channels = seed.layers[min(number, len(seed.layers)) - 1].hidden
    hidden = {*range(granularity, layer.hidden + 1, granularity), layer.hidden}
    genes = [Gene(f"layer{number}.hidden", tuple(sorted(hidden)), "log")]
    for matrix, rank in zip(MATRICES, (layer.rank_w, layer.rank_u), strict=True):
        cuts: set[float] = {*(CUTS if ranks else (1,))}
        if rank:
            cuts.add(full_rank(seed.cell, channels, layer.hidden, matrix) / rank)
        genes.append(Gene(f"layer{number}.cut_{matrix}", tuple(sorted(cuts)), "linear"))
    return genes


def _powers(top: int, seed: int) -> tuple[int, ...]:
    powers = {2**p for p in range(1, top.bit_length()) if 2**p <= top}
    return tuple(sorted({*powers, *({seed} - {0})}))
