"""Problems without training for bench_variation.py: chains, a table of cells, real spaces.

A problem maps genomes to objectives that are minimised, exactly; noise is the benchmark's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from cost_layers import data_folder

from evonas import pareto
from evonas.cost.report import cost_report
from evonas.devices import load_device
from evonas.genes import Gene, Genes
from evonas.searchers.scales import Scales
from evonas.spaces import SPACES
from evonas.spaces.space import AbstractSpace

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
KINDS = 5
TABLE = "nas_tables/nb201_core.npz"
DEVICE = "stm32l4r5"
GENE_EFFECTS = 0.05
"""Standard deviation of what the genes of a real space add to the error, costs set aside."""


class Chain:
    """Genes in a row: each costs and errs by itself, neighbours also err together.

    Every second gene is a width (ordered, log), the others have no order. A wider layer errs less,
    with falling returns; error and integer cost are sums over the genes. Its front is exact:
    for every cost the least error, by dynamic programming over the last gene's choice.

    Args:
        n_genes: Length.
        interaction: Standard deviation of the neighbours' errors over that of single genes.
        seed: Of the tables.
    """

    initial = None
    n_obj = 2

    def __init__(self, n_genes: int, interaction: float, seed: int) -> None:
        rng = np.random.default_rng([seed, n_genes])
        widths = [Gene(f"width{i}", WIDTHS, "log") for i in range((n_genes + 1) // 2)]
        kinds = [Gene(f"kind{i}", tuple(range(KINDS))) for i in range(n_genes // 2)]
        row = [kinds[i // 2] if i % 2 else widths[i // 2] for i in range(n_genes)]
        self.genes = Genes(tuple(row))
        self._errors, self._costs = [], []
        for gene in self.genes:
            if gene.is_ordered:
                falling = rng.uniform(1, 3) * np.array(WIDTHS, dtype=float) ** -0.5
                self._errors.append(falling + rng.normal(0, 0.02, len(WIDTHS)))
                self._costs.append(np.array(WIDTHS) // 4 * rng.integers(1, 4))
            else:
                self._errors.append(rng.normal(0, 0.3, KINDS))
                self._costs.append(rng.integers(0, 12, KINDS))
        pairs = zip(self._errors[:-1], self._errors[1:], strict=True)
        self._pairs = [interaction * rng.normal(0, 0.3, (len(a), len(b))) for a, b in pairs]
        self.front = self._front()
        self.error_range = float(np.ptp(self.front[:, 0]))

    def canonical(self, genome: Ints) -> Ints:
        """Returns the genome: every gene has its effect."""
        return genome

    def evaluate(self, X: Ints) -> Floats:
        """Returns F (n, 2): error and cost."""
        error = np.sum([e[g] for e, g in zip(self._errors, X.T, strict=True)], axis=0)
        for pair, a, b in zip(self._pairs, X.T[:-1], X.T[1:], strict=True):
            error = error + pair[a, b]
        cost = np.sum([c[g] for c, g in zip(self._costs, X.T, strict=True)], axis=0)
        return np.column_stack([error, cost])

    def _front(self) -> Floats:
        total = int(sum(cost.max() for cost in self._costs))
        least = np.full((len(self._errors[0]), total + 1), np.inf)  # (last choice, cost)
        least[np.arange(len(least)), self._costs[0]] = self._errors[0]
        for i, pair in enumerate(self._pairs, start=1):
            reached = (least[:, None, :] + pair[:, :, None]).min(axis=0)
            least = np.full_like(reached, np.inf)
            for choice, (error, cost) in enumerate(
                zip(self._errors[i], self._costs[i], strict=True)
            ):
                least[choice, cost:] = reached[choice, : total + 1 - cost] + error
        points = np.column_stack([least.min(axis=0), np.arange(total + 1.0)])
        points = points[np.isfinite(points[:, 0])]
        return points[pareto.non_dominated(points)]


class Cells:
    """NAS-Bench-201: test error on CIFAR-10, MACs and, as a third, latency on a Raspberry Pi 4.

    Cells whose genomes differ in dead edges are one network. A cell without a path from input to
    output computes nothing: its error is that of guessing.
    """

    initial = None

    def __init__(self, n_obj: int) -> None:
        self.n_obj = n_obj
        table = np.load(data_folder() / TABLE, allow_pickle=False)
        self.genes = Genes(tuple(Gene(f"edge{i}", tuple(range(5))) for i in range(6)))
        self._place = np.empty(5**6, dtype=np.int64)
        self._place[self._code(table["ops"].astype(np.int64))] = np.arange(5**6)
        self._live = table["live_ops"].astype(np.int64)
        columns = (100 - table["c10_test"], table["live_flops_c10_M"], table["lat_raspi4_ms"])
        self._F = np.column_stack(columns[:n_obj]).astype(np.float64)
        connected = self._live.any(axis=1)
        worst = self._F[connected].max(axis=0)
        self._F[~connected] = np.concatenate([[90.0], worst[1:]])
        self.front = self._F[pareto.non_dominated(self._F)]
        self.error_range = float(np.ptp(self.front[:, 0]))

    def canonical(self, genome: Ints) -> Ints:
        """Returns the genome with dead edges set to 0."""
        return self._live[self._place[self._code(genome)]]

    def evaluate(self, X: Ints) -> Floats:
        """Returns F (n, n_obj)."""
        return self._F[self._place[self._code(X)]]

    def _code(self, X: Ints) -> Ints:
        return X @ 5 ** np.arange(6)


@dataclass
class Networks:
    """A space around a reference network: real costs, and an error that costs nothing to know.

    The error falls smoothly with the logarithm of the parameters; beside that every gene has an
    effect that is smooth where it is ordered, and so has every pair of neighbours. Objectives are
    the error and the logarithms of latency and peak RAM on one device. The true front is unknown.
    """

    kind: str
    reference: str
    costs: dict[str, tuple[float, ...]] = field(default_factory=dict)
    front: Floats | None = None
    n_obj: int = 3
    error_range: float = 0.5

    def __post_init__(self) -> None:
        self.space: AbstractSpace = SPACES.get(self.kind).from_reference(self.reference)
        self.genes = self.space.genes
        self._device = load_device(DEVICE)
        self._position = Scales(self.genes).position
        anchors = self.space.anchors()
        self.initial = anchors[np.unique(np.linspace(0, len(anchors) - 1, 10).astype(int))]

    def with_effects(self, seed: int) -> Networks:
        """Draws what the genes do to the error."""
        rng = np.random.default_rng([seed, self.genes.n_var])
        sizes = self.genes.n_choices
        self._effects = [rng.normal(size=n) for n in sizes]
        for gene, effect in zip(self.genes, self._effects, strict=True):
            if gene.is_ordered:
                effect[:] = rng.normal() * np.linspace(-1, 1, len(effect)) ** 2 + rng.normal() * (
                    np.linspace(-1, 1, len(effect))
                )
        self._pairs = rng.normal(size=self.genes.n_var - 1)
        return self

    def canonical(self, genome: Ints) -> Ints:
        """Returns the one genome of the genome's network."""
        return self.space.canonical(genome)

    def evaluate(self, X: Ints) -> Floats:
        """Returns F (n, 3): error, log10 of seconds, log10 of bytes."""
        params, seconds, ram = np.array([self._cost(row) for row in X]).T
        effects = np.sum([e[g] for e, g in zip(self._effects, X.T, strict=True)], axis=0)
        z = 2 * self._position(X) - 1
        effects = effects + (self._pairs * z[:, 1:] * z[:, :-1]).sum(axis=1)
        error = 0.05 + 0.6 / (1 + (params / 1000) ** 0.6)
        error = error + GENE_EFFECTS * effects / np.sqrt(2 * self.genes.n_var)
        return np.column_stack([error, np.log10(seconds), np.log10(ram)])

    def _cost(self, genome: Ints) -> tuple[float, ...]:
        key = genome.tobytes()
        if key not in self.costs:
            report = cost_report(self.space.decode(genome), self._device)
            self.costs[key] = (report.params, report.latency_s or 0.0, report.peak_ram_bytes)
        return self.costs[key]
