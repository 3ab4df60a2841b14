"""How many networks each method chooses between, by its own module. Part of bench_claims.py.

evonas' own searches choose among the genomes of the space. Of the others the product of their
choices is counted, as log10: an architecture once, not the many sets of channels of one width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch

from evonas.baselines.dnas import DNAS
from evonas.baselines.ednas import EDNAS
from evonas.baselines.fbnetv2 import FBNetV2, FBNetV2Settings
from evonas.baselines.kernel_options import merged_sizes, single_sizes, temporal_options
from evonas.baselines.kernel_slots import Kernel
from evonas.baselines.layout import Layout
from evonas.baselines.morphnet import MorphNet
from evonas.baselines.pit import PIT
from evonas.baselines.pit_masks import PITMasks
from evonas.baselines.proxylessnas import CHAINS, ProxylessNAS
from evonas.baselines.width_choice import WidthChoice
from evonas.runner.compare_width import Width
from evonas.spaces.mixed import log10_size
from evonas.spaces.space import AbstractSpace

Count = Callable[[AbstractSpace, str], float]
"""(space, its kind) -> log10 of the number of networks."""


def sizes(space: AbstractSpace, kind: str) -> dict[str, float]:
    """Returns log10 of the number of networks that each method chooses between.

    Args:
        space: The networks.
        kind: Its name; methods that do not apply to it are left out.
    """
    found = {"evonas": log10_size(space)}
    for name, (method, count) in _COUNTS.items():
        if kind in method.spaces:
            found[name] = count(space, kind)
    return found


def product(counts: Iterable[int]) -> float:
    """Returns log10 of a product."""
    return math.fsum(math.log10(n) for n in counts)


def kernels_of_masks(layout: Layout) -> list[int]:
    """Returns how many kernels PIT's masks can stand for, of each slot.

    Every receptive field and dilation is set in the masks' parameters and read back.
    """
    found = []
    for mask in PITMasks(layout).kernels:
        reached: set[Kernel] = set()
        for alive in range(len(mask.beta) + 1):
            for power in range(len(mask.gamma) + 1):
                with torch.no_grad():
                    _keep_last(mask.beta, alive)  # the oldest taps die first
                    _keep_last(mask.gamma, len(mask.gamma) - power)  # and the finest dilations
                reached.add(mask.option())
        found.append(len(reached))
    return found


def _keep_last(parameter: torch.Tensor, n: int) -> None:
    parameter.zero_()[len(parameter) - n :] = 1.0


def _pit(space: AbstractSpace, kind: str) -> float:
    layout = Layout.of(space, kind, dense_grid=kind == "tcn")
    return product([*map(_n_widths, layout.groups), *kernels_of_masks(layout)])


def _morphnet(space: AbstractSpace, kind: str) -> float:
    return product(map(_n_widths, Layout.of(space, kind).groups))


def _fbnetv2(space: AbstractSpace, kind: str) -> float:
    layout, settings = Layout.of(space, kind), FBNetV2Settings()
    widths = [len(WidthChoice(group.widths, settings.widths).widths) for group in layout.groups]
    kernels = [
        temporal_options(slot, settings.taps) if kind == "tcn" else merged_sizes(slot)
        for slot in layout.slots
    ]
    return product([*widths, *map(len, kernels)])


def _ednas(space: AbstractSpace, kind: str) -> float:
    return product(len(single_sizes(slot)) for slot in Layout.of(space, kind).slots)


def _proxylessnas(space: AbstractSpace, kind: str) -> float:
    return product(len(block.paths) for block in CHAINS[kind](space).blocks)


def _width(space: AbstractSpace, kind: str) -> float:
    """Counts the scaled networks of a fine grid of multipliers."""
    fine = 2048
    scaled = {tuple(space.scaled(i / fine).tolist()) for i in range(fine + 1)}
    return math.log10(len(scaled))


def _n_widths(group: object) -> int:
    return len(group.widths)  # type: ignore[attr-defined]


_COUNTS: dict[str, tuple[type, Count]] = {
    "pit": (PIT, _pit),
    "dnas": (DNAS, _pit),
    "morphnet": (MorphNet, _morphnet),
    "fbnetv2": (FBNetV2, _fbnetv2),
    "proxylessnas": (ProxylessNAS, _proxylessnas),
    "ednas": (EDNAS, _ednas),
    "width": (Width, _width),
}
"""Method -> its class, which knows its spaces, and what counts its networks."""
