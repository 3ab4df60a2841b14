"""E-DNAS' search steps on merged kernels or on branches. Part of bench_metakernel.py."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from metakernel_branches import BranchOptions
from torch import Tensor

from evonas.baselines.baseline import SearchTask
from evonas.baselines.ednas import TAU, EDNASSettings, relaxed_loss
from evonas.baselines.effective_cost import EffectiveCost
from evonas.baselines.gates import tempered_softmax
from evonas.baselines.kernel_options import KernelOptions, single_sizes
from evonas.baselines.layout import Layout
from evonas.baselines.masked import MaskedNetwork
from evonas.baselines.training import SEARCH, ArchitectureSteps, InnerData, Record, WeightSteps
from evonas.config_compare import CompareConfig
from evonas.runner.compare_contest import Contest, Run

CONFIGS = Path(__file__).parents[1] / "configs" / "compare"
STUDIES = {
    "cifar": "cifar_metakernel.toml", "digits": "cifar_metakernel.toml",
    "fsdd": "fsdd_metakernel.toml",
}  # fmt: skip
LONGEST = 1_000_000
"""Steps that a schedule reaches over; no measurement is so long."""


class SearchNetwork:
    """A supernet of ednas and its logits, with the steps of its search.

    Args:
        task: What is searched.
        layout: The networks.
        options: Of every slot, merged or as branches.
    """

    def __init__(
        self, task: SearchTask, layout: Layout, options: KernelOptions | BranchOptions
    ) -> None:
        self._options, self._layout = options, layout
        self.network = MaskedNetwork(layout, task.seed, options.layers)
        kernels = [single_sizes(slot) for slot in layout.slots]
        self.theta = [torch.zeros(len(own)).requires_grad_() for own in kernels]
        self._cost = EffectiveCost(task, layout, kernels)
        self._data = InnerData(task, EDNASSettings())
        record = Record()
        self._weights = WeightSteps(self.network, self._data, LONGEST, SEARCH, record)
        self._turns = ArchitectureSteps(self.theta, self._data, LONGEST, 1e-3, record, shared=True)
        self._every = EDNASSettings().architecture_every

    def forward(self, x: Tensor, learns: bool = False) -> Tensor:
        """Returns the outputs, with gradients by theta where it learns."""
        theta = self.theta if learns else [own.detach() for own in self.theta]
        shares = [tempered_softmax(own, TAU[0]) for own in theta]
        self._options.weigh(shares)
        outputs: Tensor = self.network(x)
        return outputs

    def weigh_evenly(self) -> None:
        """Sets even shares that take gradients, without a graph of earlier calls."""
        even = [torch.full((len(own),), 1 / len(own)) for own in self.theta]
        self._options.weigh([own.requires_grad_() for own in even])

    def turns(self, n: int) -> float:
        """Makes n turns of weight steps and an architecture step; returns their CPU seconds."""
        with self._data.training(self.network, self._layout.spec, SEARCH):
            began = time.thread_time()
            for _ in range(n):
                for _ in range(self._every):
                    self._weights.step(self.forward)
                self._turns.step(self._loss)
            return time.thread_time() - began

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        shares = [tempered_softmax(own, TAU[0]) for own in self.theta]
        widths = [torch.tensor(float(group.width)) for group in self._layout.groups]
        costs = self._cost(widths, shares)
        return relaxed_loss(self._data.loss(self.forward(x, learns=True), y), costs, 1.0)


def pair(task: SearchTask) -> tuple[Layout, SearchNetwork, SearchNetwork]:
    """Returns a task's layout on its largest kernels, and its merged and branched networks."""
    layout = Layout.of(task.space, task.kind, dense_grid=True)
    merged = KernelOptions(layout, [single_sizes(slot) for slot in layout.slots], task.seed)
    branched = BranchOptions(layout, merged)
    return layout, SearchNetwork(task, layout, merged), SearchNetwork(task, layout, branched)


def difference(merged: SearchNetwork, branched: SearchNetwork, shape: Sequence[int]) -> float:
    """Returns the largest relative difference of outputs and of gradients by theta, in double.

    The networks must not have learned yet, and cannot afterwards: their type changes.
    """
    source = torch.Generator().manual_seed(1)
    x = torch.randn(8, *shape, generator=source).double()
    found = []
    for each in (merged, branched):
        each.network.double()
        own = [torch.linspace(-3, 3, len(theta)).double() for theta in each.theta]
        each.theta = [theta.requires_grad_() for theta in own]
        outputs = each.forward(x, learns=True)
        grads = torch.autograd.grad(outputs.square().sum(), each.theta)
        found.append((outputs.detach(), *grads))
    pairs = zip(*found, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def saved_bytes(network: SearchNetwork, x: Tensor) -> int:
    """Returns the bytes of tensors that an architecture step's forward pass keeps."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    network.network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.forward(x, learns=True).sum()
    return sum(kept.values())


def search_task(study: str, sizes: Sequence[int], config: Path | None = None) -> SearchTask:
    """Returns what ednas searches in a study, with these kernel sizes alone.

    Args:
        study: Name of a block.
        sizes: Of kernels.
        config: Its comparison's; None for that of STUDIES.

    Raises:
        DataError: The study's data is not there.
    """
    override = f"study.{study}.space.kernels={list(sizes)}"
    path = CONFIGS / STUDIES[study] if config is None else config
    block = CompareConfig.from_toml(path, [override]).block(study)
    return Contest.of(Run(study, "ednas", block.seeds[0]), block, Path()).search_task()
