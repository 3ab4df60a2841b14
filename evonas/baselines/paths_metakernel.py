"""Choice blocks of the metakernel space: kernels, separability, width, and leaving a block out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from evonas.arch.builder import SpecBuilder
from evonas.arch.ops import Shape
from evonas.baselines.paths import (
    MAX_PATHS,
    Chain,
    ChoiceBlock,
    Path,
    fragment,
    halvings,
    imbalance,
    thinned,
)
from evonas.cost import count_macs
from evonas.genes import Choice
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.metakernel_block import Block, expand, output_shape
from evonas.spaces.metakernel_network import (
    Step,
    pooled,
    write_head,
    write_steps,
)
from evonas.spaces.metakernel_parse import parse
from evonas.spaces.metakernel_sets import KernelSet, cut, merged, read_set, set_name

DROPPED = Path("none", "none", lambda b, x: x)
"""ProxylessNAS's zero operation: the block is left out."""

Offered = Mapping[str, Sequence[Choice]]
"""What a space offers, by the name of the gene."""


@dataclass(frozen=True)
class _Place:
    """A block of the seed and how it relates to its input.

    Attributes:
        name: The prefix of its genes.
        block: As the seed has it.
        x: Shape of its input in the seed.
        keeps_lengths: Whether it leaves all spatial axes as long as they are.
    """

    name: str
    block: Block
    x: Shape
    keeps_lengths: bool

    @property
    def keeps_shape(self) -> bool:
        """Whether the block may be left out."""
        return self.keeps_lengths and self.block.channels == self.x[0]

    @property
    def is_tied(self) -> bool:
        """Whether an identity shortcut makes the block as wide as its input."""
        return self.keeps_shape and self._takes_identity

    @property
    def may_tie(self) -> bool:
        """Whether the block would get an identity shortcut by being as wide as its input."""
        return self.keeps_lengths and not self.keeps_shape and self._takes_identity

    @property
    def _takes_identity(self) -> bool:
        return self.block.skip in ("layer", "block")


def metakernel_chain(space: MetaKernelSpace) -> Chain:
    """Returns a meta-kernel space's networks of the seed's pooling, strides, repeats and head.

    The stem and each block have at most 9 paths, the seed's own among them: single kernels and the
    seed's set x full or separable with each expansion x width by halves, none of them dearer than
    the seed's own, and no block at all where it changes no shape. A block with an identity shortcut
    is as wide as its input. (ProxylessNAS fixes widths in its spaces; without a choice of them
    costs would not span those of this space.)
    """
    network = parse(space.seed)
    offered = {gene.name: gene.choices for gene in space.genes}
    places = _places(space)
    # A width at which a later block would turn its projection into an identity adds other nodes.
    barred = {place.block.channels for place in places if place.may_tie}
    blocks = [_stem(space, network.pooling, network.steps[0], offered, barred)]
    widths = _widths_after(blocks[0], space.input_shape, set())
    for place in places:
        beside = barred | (widths if place.may_tie else set())
        blocks.append(_choice_block(place, offered, beside))
        widths = _widths_after(blocks[-1], place.x, widths if place.keeps_shape else set())

    def write(b: SpecBuilder, x: int) -> int:
        return write_head(b, x, network.dense, space.num_outputs)

    blocks.append(ChoiceBlock("head", (Path("head", "head", write),)))
    return Chain(space.input_shape, tuple(blocks))


def _places(space: MetaKernelSpace) -> list[_Place]:
    """Returns the blocks that the seed has, where the space places them."""
    network = parse(space.seed)
    of_seed = {
        gene.name: gene.choices[index]
        for gene, index in zip(space.genes, space.encode(space.seed).tolist(), strict=True)
    }
    x = network.steps[0].output_shape(pooled(space.input_shape, network.pooling))
    places = []
    for name in (gene.removesuffix(".exists") for gene in of_seed if gene.endswith(".exists")):
        if not of_seed[f"{name}.exists"]:
            continue
        block = Block(
            channels=int(of_seed[f"{name}.channels"]),
            kernels=read_set(str(of_seed[f"{name}.kernels"]), len(x) - 1),
            repeats=int(of_seed[f"{name}.repeats"]),
            stride=int(of_seed[f"{name}.stride"]),
            separable=bool(of_seed[f"{name}.separable"]),
            expansion=int(of_seed[f"{name}.expansion"]),
            skip=str(of_seed[f"{name}.skip"]),
        )
        after = output_shape(expand(block, x), x)
        places.append(_Place(name, block, x, after[1:] == x[1:]))
        x = after
    return places


def _widths_after(block: ChoiceBlock, x: Shape, passed: set[int]) -> set[int]:
    """Returns the channels that a block may give; `passed` are those it may hand on."""
    return passed | {fragment(path, x).output_shape[0] for path in block.paths}


def _stem(
    space: MetaKernelSpace, pooling: int, seed: Step, offered: Offered, barred: set[int]
) -> ChoiceBlock:
    lengths = pooled(space.input_shape, pooling)[1:]
    sets = _kernel_sets(seed.kernels, offered["stem.kernels"], lengths)
    widths = _widths(offered["stem.channels"], seed.channels, barred)

    def path(channels: int, kernels: KernelSet) -> Path:
        step = replace(seed, channels=channels, kernels=kernels)

        def write(b: SpecBuilder, x: int) -> int:
            x = b.pool(x, "average", pooling) if pooling > 1 else x
            return write_steps(b, x, (step,))

        name = set_name(kernels)
        return Path(f"{name} c{channels}", name, write)

    sizes = sorted(product(widths, sets), key=_unevenness(seed.channels, seed.kernels))
    paths = [path(channels, kernels) for channels, kernels in sizes]
    kept = _spread(paths, space.input_shape, MAX_PATHS)
    return ChoiceBlock("stem", tuple(kept))


def _choice_block(place: _Place, offered: Offered, barred: set[int]) -> ChoiceBlock:
    seed = place.block
    sets = _kernel_sets(seed.kernels, offered[f"{place.name}.kernels"], place.x[1:])
    expansions = [int(expansion) for expansion in offered[f"{place.name}.expansion"]]
    widths = [seed.channels]
    if not place.is_tied:
        widths = _widths(offered[f"{place.name}.channels"], seed.channels, barred)
    sizes = sorted(product(widths, sets), key=_unevenness(seed.channels, seed.kernels))
    blocks = [seed]
    for channels, kernels in sizes:
        for separable, expansion in _layers(kernels, expansions):
            block = replace(
                seed, channels=channels, kernels=kernels, separable=separable, expansion=expansion
            )
            blocks += [block] if block != seed else []
    paths = [_path(block, place.is_tied) for block in blocks]
    kept = _spread(paths, place.x, MAX_PATHS - place.keeps_shape)
    return ChoiceBlock(place.name, (*kept, *([DROPPED] if place.keeps_shape else [])))


def _unevenness(channels: int, kernels: KernelSet) -> Callable[[tuple[int, KernelSet]], float]:
    """Returns the key by which (channels, kernels) are preferred, a seed's own first."""

    def key(size: tuple[int, KernelSet]) -> float:
        taps = math.prod(merged(size[1])) / math.prod(merged(kernels))
        uneven = imbalance(taps, size[0] / channels, min(1.0, taps))
        return -1.0 if size == (channels, kernels) else uneven

    return key


def _layers(kernels: KernelSet, expansions: Sequence[int]) -> Iterator[tuple[bool, int]]:
    """Yields whether a layer is separable, and its expansion."""
    yield False, 1
    if max(max(taps) for taps in kernels) > 1:
        yield from ((True, expansion) for expansion in expansions)


def _kernel_sets(seed: KernelSet, offered: Sequence[Choice], lengths: Shape) -> list[KernelSet]:
    """Returns the seed's set and every single kernel, as far as they see of a tensor."""
    sets = [read_set(str(name), len(lengths)) for name in offered]
    single = [kernels for kernels in sets if len(kernels) == 1 and kernels == cut(kernels, lengths)]
    return list(dict.fromkeys([seed, *single]))


def _widths(offered: Sequence[Choice], seed: int, barred: set[int]) -> list[int]:
    choices = [int(c) for c in offered if int(c) not in barred or int(c) == seed]
    return halvings(choices, seed)


def _path(block: Block, is_tied: bool) -> Path:
    def write(b: SpecBuilder, x: int) -> int:
        shape = b.shape(x)
        own = replace(block, channels=shape[0]) if is_tied else block
        return write_steps(b, x, expand(own, shape))

    layer = f" separable x{block.expansion}" if block.separable else ""
    bank = set_name(block.kernels) + layer
    return Path(bank if is_tied else f"{bank} c{block.channels}", bank, write)


def _spread(paths: Sequence[Path], x: Shape, n: int) -> list[Path]:
    """Returns at most n of the paths, none dearer than the first, the seed's own."""
    costs = [count_macs(fragment(path, x)) for path in paths]
    cheap = [i for i in range(len(paths)) if costs[i] <= costs[0]]
    return [paths[cheap[i]] for i in thinned([costs[i] for i in cheap], n)]
