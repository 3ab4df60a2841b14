"""Sets of kernels: their names, which are on offer, and what is left of one on a short tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations

from evonas.arch.ops import MetaKernel, Shape
from evonas.errors import ConfigError, SpecError

KernelSet = tuple[Shape, ...]
"""Taps per axis of every kernel, ascending, none twice."""

DEFAULTS: dict[int, tuple[int | str, ...]] = {
    1: (1, 3, 5, 7),
    2: (1, 3, 5, "1x3", "3x1", "1x3+3x1", "1x3+3x1+3x3"),
}
"""Spatial axes -> the kernels on offer where a config names none."""


def set_name(kernels: KernelSet) -> str:
    """Returns a set's name: "1+3+5" along one axis, "1x3+3x1" along two."""
    return "+".join("x".join(map(str, taps)) for taps in kernels)


def read_set(text: str | int, rank: int, key: str = "kernels") -> KernelSet:
    """Returns the set of a name; along two axes a lone number is a square.

    Args:
        text: The name.
        rank: Spatial axes.
        key: Where in [space] it stands, for messages.

    Raises:
        ConfigError: It is no such name, or its kernels cannot be merged into one.
    """
    kernels = []
    for part in str(text).split("+"):
        taps = part.strip().split("x")
        taps = taps * rank if len(taps) == 1 else taps
        if len(taps) != rank or not all(n.isdigit() and int(n) for n in taps):
            form = "3 or 1+3+5" if rank == 1 else "3, 3x3 or 1x3+3x1"
            raise ConfigError(f"[space] {key}: expected sizes such as {form}, got {text!r}.")
        kernels.append(tuple(int(n) for n in taps))
    found = tuple(sorted(set(kernels)))
    try:
        check_merges(found)
    except SpecError as error:
        raise ConfigError(f"[space] {key}: {text!r}: {error}") from None
    return found


def check_merges(kernels: KernelSet) -> None:
    """Checks that the kernels of a set merge into one.

    Raises:
        SpecError: They do not.
    """
    ones, pads = (1,) * len(kernels[0]), ((0, 0),) * len(kernels[0])
    largest = max(k for taps in kernels for k in taps)
    MetaKernel(1, kernels, ones, ones, pads).output_shape((1, *(largest for _ in ones)))


def offered_sets(kernels: Sequence[int | str], rank: int) -> tuple[KernelSet, ...]:
    """Returns the sets on offer: all subsets of the numbers that merge, and every named set.

    Args:
        kernels: Numbers, each a length or a square, and names of sets.
        rank: Spatial axes.

    Raises:
        ConfigError: A name is none, or its kernels cannot be merged.
    """
    sizes = sorted({k for k in kernels if isinstance(k, int)})
    found = {read_set(name, rank) for name in kernels if isinstance(name, str)}
    subsets = chain.from_iterable(combinations(sizes, n) for n in range(1, len(sizes) + 1))
    alike = (subset for subset in subsets if len({k % 2 for k in subset}) == 1)
    return by_size(found | {read_set("+".join(map(str, subset)), rank) for subset in alike})


def by_size(sets: set[KernelSet]) -> tuple[KernelSet, ...]:
    """Returns sets in the order of their merged kernels' taps, then of their kernels' number."""
    return tuple(
        sorted(sets, key=lambda kernels: (math.prod(merged(kernels)), len(kernels), kernels))
    )


def merged(kernels: KernelSet) -> Shape:
    """Returns the taps per axis of the kernel into which a set merges."""
    return tuple(max(taps) for taps in zip(*kernels, strict=True))


def cut(kernels: KernelSet, lengths: Shape) -> KernelSet:
    """Returns the set without the taps that meet zeros alone on a tensor of these lengths.

    A centred kernel reaches every position from every other with 2 * length - 1 taps, one of an
    even number with one more.
    """
    return tuple(
        sorted({tuple(_cut(k, n) for k, n in zip(taps, lengths, strict=True)) for taps in kernels})
    )


def _cut(taps: int, length: int) -> int:
    return min(taps, 2 * length - taps % 2)
