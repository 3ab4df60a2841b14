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
the ratio of the tensors kept for the way back, weights included. "convs" is the same ratio of CPU
time for those convolutions alone, forwards and backwards, without norms and the rest of the
network, and "share" what part of a merged step they are: that for which this ratio makes the
step's. "mixing" and "update" are the parts of a merged step that sum kernels, there and back, and
that update weights.

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
from metakernel_branches import convolution_macs
from metakernel_search import STUDIES, SearchNetwork, difference, pair, saved_bytes, search_task
from torch import nn

from evonas.baselines.ednas import EDNASSettings
from evonas.baselines.kernel_options import single_sizes
from evonas.baselines.layout import Layout
from evonas.proxy.backends.torch import FlatAdamW
from evonas.proxy.recipe import Recipe

SETS = ((3, 5), (3, 5, 7), (1, 3, 5, 7))
GOAL_SET, GOAL = (3, 5, 7), 1.4
TOLERANCE = 1e-10
"""Of the largest output and gradient, in double precision."""


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


def parts(layout: Layout, merged: SearchNetwork) -> tuple[Callable[[], float], ...]:
    """Returns what times the sums of kernels, forwards and backwards, and an update of weights.

    The network does not learn on: its weights move to another optimiser.
    """
    choices = [merged.network.get_submodule(f"node{node}").choice for node in layout.slot_of]
    optimiser = FlatAdamW(merged.network, Recipe().weight_decay)

    def mixing() -> float:
        merged.weigh_evenly()
        began = time.thread_time()
        for choice in choices:
            choice.kernel().sum().backward()
        return time.thread_time() - began

    def update() -> float:
        began = time.thread_time()
        optimiser.step(1e-6)
        return time.thread_time() - began

    return mixing, update


def measure(study: str, sizes: tuple[int, ...], rounds: int, turns: int) -> dict[str, Any]:
    """Returns the figures of one study's largest network on a set of kernel sizes.

    Raises:
        RuntimeError: The two networks do not compute the same.
    """
    task = search_task(study, sizes)
    layout, merged, branched = pair(task)
    apart = difference(*pair(task)[1:], layout.spec.input_shape)  # of copies: their type changes
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
    every = EDNASSettings().architecture_every
    one_step = step["merged_s"] / (turns * every)
    mixing, update = (median(part() for _ in range(3 * rounds)) for part in parts(layout, merged))
    return {
        "study": study, "sizes": sizes, "name": ", ".join(map(str, sizes)),
        "difference": apart, **step,
        "merged_ms": 1e3 * one_step, "branched_ms": 1e3 * step["branched_s"] / (turns * every),
        "macs": macs[0] / macs[1], "macs_whole": (macs[0] + macs[2]) / (macs[1] + macs[2]),
        "convolutions": convs["ratio"],
        "share": (step["ratio"] - 1) / (convs["ratio"] - 1),
        "mixing": (1 + 1 / every) * mixing / one_step, "update": update / one_step,
        "saved_bytes": saved, "saved": saved[1] / saved[0],
        "slots": [[list(map(list, kernel)) for kernel in own] for own in options],
    }  # fmt: skip


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
          f"{'share':>7}{'mixing':>8}{'update':>8}{'macs':>6}{'whole':>7}{'saved':>7}")  # fmt: skip
    rows = []
    for study in options.studies:
        for sizes in (GOAL_SET,) if options.quick else SETS:
            row = measure(study, sizes, rounds, turns)
            rows.append(row)
            spread = f"{row['least']:.2f} to {row['most']:.2f}"
            print(f"{study:10}{row['name']:14}{row['merged_ms']:6.1f} ms{row['branched_ms']:7.1f} "
                  f"ms{row['ratio']:8.2f}{spread:>15}{row['convolutions']:7.2f}"
                  f"{100 * row['share']:5.0f} %{100 * row['mixing']:6.0f} %"
                  f"{100 * row['update']:6.0f} %{row['macs']:6.2f}{row['macs_whole']:7.2f}"
                  f"{row['saved']:7.2f}", flush=True)  # fmt: skip
    goals = {row["study"]: row["ratio"] for row in rows if tuple(row["sizes"]) == GOAL_SET}
    for study, ratio in goals.items():
        print(f"{study}: {ratio:.2f}, goal {GOAL}: {'met' if ratio >= GOAL else 'not met'}")
    if options.json:
        options.json.write_text(json.dumps({"goal": GOAL, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
