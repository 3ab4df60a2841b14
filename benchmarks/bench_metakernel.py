"""How much CPU time does E-DNAS' merged meta-kernel save a search step against a supernet?

A convolution is additive in its kernel: kernels of 3, 5 and 7 taps an axis that are summed are one
of 7, of 49 multiplications a position instead of 9 + 25 + 49 = 83, 1.69 times fewer. Measured is a
whole search step of ednas, with evonas' own merged network and with one of a branch a kernel size
(metakernel_branches.py), both of the same weights, data and rest: two steps of the weights and one
of the architecture parameters, as ednas takes them (forward, backward, update). Before a
measurement both networks' outputs and gradients by the architecture parameters are compared in
double precision.

Networks and data are those of configs/compare/cifar_metakernel.toml (cifar, digits) and
fsdd_metakernel.toml (fsdd, along one axis), their largest networks on each set of kernel sizes;
batches of 32, one thread. Rounds of both alternate; printed are the median of the rounds' ratios of
CPU time with the least and the largest one. "macs" is the ratio by multiplications of the
convolutions whose kernel is chosen, "whole" that with the network's other convolutions; "saved" is
the ratio of the tensors kept for the way back. "convs" is the same ratio of CPU time for those
convolutions alone, forwards and backwards, without norms and the rest of the network, and "share"
what part of a merged step they are: that for which this ratio makes the step's.

    python benchmarks/bench_metakernel.py --json metakernel.json

Set EVONAS_DATA to the folder that holds cifar10_8k2k.npz and fsdd_theo.npz.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from metakernel_branches import BranchOptions, convolution_macs
from torch import Tensor, nn

from evonas.baselines.baseline import SearchTask
from evonas.baselines.ednas import TAU, EDNASSettings, relaxed_loss
from evonas.baselines.effective_cost import EffectiveCost
from evonas.baselines.gates import tempered_softmax
from evonas.baselines.kernel_options import KernelOptions, single_sizes
from evonas.baselines.layout import Layout
from evonas.baselines.masked import MaskedNetwork
from evonas.baselines.training import (
    SEARCH,
    ArchitectureSteps,
    InnerData,
    Record,
    WeightSteps,
)
from evonas.config_compare import CompareConfig
from evonas.runner.compare_contest import Contest, Run

CONFIGS = Path(__file__).parents[1] / "configs" / "compare"
STUDIES = {
    "cifar": "cifar_metakernel.toml", "digits": "cifar_metakernel.toml",
    "fsdd": "fsdd_metakernel.toml",
}  # fmt: skip
SETS = ((3, 5), (3, 5, 7), (1, 3, 5, 7))
GOAL_SET, GOAL = (3, 5, 7), 1.4
TOLERANCE = 1e-10
"""Of the largest output and gradient, in double precision."""
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

    The networks must not have learned yet; they stay as they were.
    """
    source = torch.Generator().manual_seed(1)
    x = torch.randn(8, *shape, generator=source).double()
    found = []
    for each in (merged, branched):
        state = {name: tensor.clone() for name, tensor in each.network.state_dict().items()}
        each.network.double()
        own = [torch.linspace(-3, 3, len(theta)).double() for theta in each.theta]
        kept, each.theta = each.theta, [theta.requires_grad_() for theta in own]
        outputs = each.forward(x, learns=True)
        grads = torch.autograd.grad(outputs.square().sum(), each.theta)
        found.append((outputs.detach(), *grads))
        each.theta = kept
        each.network.float().load_state_dict(state)
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


def alternated(
    merged: Callable[[], float], branched: Callable[[], float], rounds: int
) -> dict[str, float]:
    """Returns the seconds of both, and the median, least and largest of the rounds' ratios."""
    merged(), branched()
    times = [(merged(), branched()) for _ in range(rounds)]
    ratios = [b / a for a, b in times]
    return {
        "merged_s": median(a for a, _ in times), "branched_s": median(b for _, b in times),
        "ratio": median(ratios), "least": min(ratios), "most": max(ratios),
    }  # fmt: skip


def convolutions_alone(
    layout: Layout, networks: Sequence[SearchNetwork], batch: int
) -> list[Callable[[], float]]:
    """Returns for each network what times its chosen convolutions, forwards and backwards."""
    source = torch.Generator().manual_seed(2)
    nodes = sorted(layout.slot_of)
    shapes = [layout.spec.shapes[layout.spec.nodes[node].inputs[0]] for node in nodes]
    images = [shape if len(shape) == 3 else (shape[0], 1, shape[1]) for shape in shapes]
    inputs = [
        torch.randn(batch, *image, generator=source)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
        for image in images
    ]

    def timer(network: SearchNetwork) -> Callable[[], float]:
        layers = [network.network.get_submodule(f"node{node}") for node in nodes]
        norms = [layer.norm for layer in layers]

        def seconds() -> float:
            network.weigh_evenly()
            for layer in layers:
                layer.norm = nn.Identity()
            began = time.thread_time()
            for layer, x in zip(layers, inputs, strict=True):
                layer(x).sum().backward()
            taken = time.thread_time() - began
            for layer, norm in zip(layers, norms, strict=True):
                layer.norm = norm
            return taken

        return seconds

    return [timer(network) for network in networks]


def measure(study: str, sizes: tuple[int, ...], rounds: int, turns: int) -> dict[str, Any]:
    """Returns the figures of one study's largest network on a set of kernel sizes.

    Raises:
        RuntimeError: The two networks do not compute the same.
    """
    task = search_task(study, sizes)
    layout, merged, branched = pair(task)
    apart = difference(merged, branched, layout.spec.input_shape)
    if not apart <= TOLERANCE:
        raise RuntimeError(f"{study}, {sizes}: the networks differ by {apart:.1e}.")
    options = [single_sizes(slot) for slot in layout.slots]
    macs = convolution_macs(layout, options)
    x = torch.zeros(task.recipe.batch_size, *layout.spec.input_shape)
    saved = [saved_bytes(each, x) for each in (merged, branched)]
    step = alternated(lambda: merged.turns(turns), lambda: branched.turns(turns), rounds)
    convs = alternated(
        *convolutions_alone(layout, (merged, branched), task.recipe.batch_size), 3 * rounds
    )
    steps = turns * EDNASSettings().architecture_every
    return {
        "study": study, "sizes": sizes, "name": ", ".join(map(str, sizes)),
        "difference": apart, **step,
        "merged_ms": 1e3 * step["merged_s"] / steps,
        "branched_ms": 1e3 * step["branched_s"] / steps,
        "macs": macs[0] / macs[1], "macs_whole": (macs[0] + macs[2]) / (macs[1] + macs[2]),
        "convolutions": convs["ratio"],
        "share": (step["ratio"] - 1) / (convs["ratio"] - 1),
        "saved_bytes": saved, "saved": saved[1] / saved[0],
        "slots": [[list(map(list, kernel)) for kernel in own] for own in options],
    }  # fmt: skip


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", nargs="*", default=list(STUDIES), choices=list(STUDIES))
    parser.add_argument("--quick", action="store_true", help="one set of kernel sizes, few rounds")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rounds, turns = (3, 2) if options.quick else (9, 4)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, "
          f"load {os.getloadavg()[0]:.1f}, {datetime.date.today()}")  # fmt: skip
    print("(9 + 25 + 49) / 49 =", f"{(9 + 25 + 49) / 49:.2f}", "in two dimensions,",
          "(3 + 5 + 7) / 7 =", f"{(3 + 5 + 7) / 7:.2f}", "in one\n")  # fmt: skip
    print(f"{'':24}{'merged':>9}{'branches':>10}{'faster':>8}{'range':>15}{'convs':>7}"
          f"{'share':>8}{'macs':>7}{'whole':>7}{'saved':>7}")  # fmt: skip
    rows = []
    for study in options.studies:
        for sizes in (GOAL_SET,) if options.quick else SETS:
            row = measure(study, sizes, rounds, turns)
            rows.append(row)
            spread = f"{row['least']:.2f} to {row['most']:.2f}"
            print(f"{study:10}{row['name']:14}{row['merged_ms']:6.1f} ms{row['branched_ms']:7.1f} "
                  f"ms{row['ratio']:8.2f}{spread:>15}{row['convolutions']:7.2f}"
                  f"{100 * row['share']:6.0f} %{row['macs']:7.2f}{row['macs_whole']:7.2f}"
                  f"{row['saved']:7.2f}", flush=True)  # fmt: skip
    goals = {row["study"]: row["ratio"] for row in rows if tuple(row["sizes"]) == GOAL_SET}
    for study, ratio in goals.items():
        print(f"{study}: {ratio:.2f}, goal {GOAL}: {'met' if ratio >= GOAL else 'not met'}")
    if options.json:
        options.json.write_text(json.dumps({"goal": GOAL, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
