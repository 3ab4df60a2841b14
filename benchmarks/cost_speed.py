"""How long do all costs of a genome take, decoding included? A part of bench_cost_models.py.

Measured in a process of its own, where PyTorch must not come in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np

from evonas.arch.lower import lower
from evonas.cost import cost_report
from evonas.devices import load_device
from evonas.searchers.sampling import sample_genes
from evonas.spaces import TCNSpace

SPACES = ("six_conv", "ecgtcn")
TARGET_S_PER_GENOME = 1e-3
TARGET_S_SCREENED = 10.0
SCREENED = 10_000


def run(quick: bool = False) -> dict[str, dict[str, float]]:
    """Returns seconds a genome and for all genomes of a screening, by space.

    Args:
        quick: Screen a tenth of the genomes; seconds are scaled up.
    """
    command = [sys.executable, __file__, str(SCREENED // 10 if quick else SCREENED)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, float]] = json.loads(output)
    return found


def print_table(found: dict[str, dict[str, float]]) -> None:
    """Prints the seconds and whether the targets are met."""
    for name, entry in found.items():
        met = (
            entry["median_s"] <= TARGET_S_PER_GENOME
            and entry["screening_s"] <= TARGET_S_SCREENED
            and not entry["torch"]
        )
        print(
            f"{name:10}all costs of one genome, decoding included: median "
            f"{1e3 * entry['median_s']:.2f} ms, p95 {1e3 * entry['p95_s']:.2f} ms; "
            f"{SCREENED} genomes: {entry['screening_s']:.1f} s; "
            f"PyTorch {'imported' if entry['torch'] else 'not imported'}; "
            f"target 1 ms, 10 s: {'met' if met else 'MISSED'}"
        )


def _measure(reference: str, n: int) -> dict[str, float]:
    space = TCNSpace.from_reference(reference)
    device = load_device("stm32l4r5")
    rng = np.random.default_rng(0)
    genomes = sample_genes(space.genes, rng, n)
    cost_report(space.decode(genomes[0]), device)  # reads the coefficients
    lower.cache_clear()
    seconds = []
    for genome in genomes:
        start = time.perf_counter()
        cost_report(space.decode(genome), device)
        seconds.append(time.perf_counter() - start)
    return {
        "median_s": float(np.median(seconds)),
        "p95_s": float(np.quantile(seconds, 0.95)),
        "screening_s": float(np.sum(seconds)) * SCREENED / n,
        "torch": float("torch" in sys.modules),
    }


if __name__ == "__main__":
    print(json.dumps({name: _measure(name, int(sys.argv[1])) for name in SPACES}))
