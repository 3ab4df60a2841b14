import itertools

import numpy as np
import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.arch.lower import lower
from evonas.arch.spec import Node
from evonas.cost.arena import live_bytes
from evonas.cost.memory import arena_buffers
from evonas.cost.order import best_order
from evonas.references.nas_bench_201 import nas_bench_201


def peak(spec: ArchSpec) -> int:
    graph = lower(spec)
    return max(live_bytes(arena_buffers(graph), len(graph.ops) + 1))


def random_dag(rng: np.random.Generator, n_nodes: int) -> ArchSpec:
    """Convolutions, poolings and additions on random earlier nodes; all ends meet in the last."""
    b = SpecBuilder()
    nodes = [b.input((int(rng.integers(1, 5)), 16))]
    for _ in range(n_nodes):
        x = nodes[rng.integers(max(0, len(nodes) - 4), len(nodes))]
        kind = rng.integers(4)
        if kind == 0:
            twins = [y for y in nodes if b.shape(y) == b.shape(x) and y != x]
            nodes.append(b.add(x, twins[0]) if twins else b.relu(x))
        elif kind == 1:
            nodes.append(b.relu(b.batch_norm(x)))
        else:
            padding = str(rng.choice(["causal", "same"]))
            nodes.append(b.conv1d(x, int(rng.integers(1, 40)), 3, padding=padding))
    unread = set(range(nodes[-1] + 1)) - {i for node in b._nodes for i in node.inputs}
    ends = [b.conv1d(i, 2, 1) for i in sorted(unread)]
    out = ends[0]
    for end in ends[1:]:
        out = b.add(out, end)
    return b.finish(out if ends[1:] else ends[0])


def brute_force(spec: ArchSpec) -> int:
    best = peak(spec)
    for order in itertools.permutations(range(1, len(spec.nodes) - 1)):
        places = {old: new for new, old in enumerate((0, *order, len(spec.nodes) - 1))}
        nodes: list[Node] = [spec.nodes[0]] * len(spec.nodes)
        for old, new in places.items():
            nodes[new] = Node(spec.nodes[old].op, tuple(places[i] for i in spec.nodes[old].inputs))
        if all(i < index for index, node in enumerate(nodes) for i in node.inputs):
            best = min(best, peak(ArchSpec(tuple(nodes))))
    return best


def computed(spec: ArchSpec) -> list[object]:
    """A node as the tree of what it computes: the same in every order."""
    trees: list[object] = []
    for node in spec.nodes:
        trees.append((node.op, tuple(trees[i] for i in node.inputs)))
    return trees


def test_the_narrow_branch_first_is_worked_by_hand(builder):
    x = builder.input((4, 64))  # 256
    wide = builder.conv1d(x, 32, 1)  # 2048
    short = builder.conv1d(builder.conv1d(x, 32, 1), 1, 1)  # 2048, then 64
    spec = builder.finish(builder.add(builder.conv1d(wide, 1, 1), short))

    found = best_order(spec)

    # as given both wide tensors are alive at once; the second chain may wait for the first to end
    assert found.given_bytes == 256 + 2048 + 2048
    assert found.peak_bytes == 256 + 2048 + 64
    assert found.is_exact
    assert peak(found.spec) == found.peak_bytes


def test_no_order_of_small_random_networks_is_better():
    rng = np.random.default_rng(4)
    improved = 0
    for _ in range(40):
        spec = random_dag(rng, int(rng.integers(3, 6)))
        if len(spec.nodes) > 9:
            continue
        found = best_order(spec)

        assert found.is_exact
        assert found.peak_bytes == peak(found.spec) == brute_force(spec)
        assert found.given_bytes == peak(spec)
        improved += found.peak_bytes < found.given_bytes
    assert improved > 0


def test_the_reordered_network_computes_the_same():
    rng = np.random.default_rng(5)
    for _ in range(60):
        spec = random_dag(rng, int(rng.integers(3, 16)))
        found = best_order(spec)

        assert computed(found.spec)[-1] == computed(spec)[-1]
        assert len(found.spec.nodes) == len(spec.nodes)
        assert peak(found.spec) == found.peak_bytes <= found.given_bytes


def test_a_beam_comes_close_and_says_that_it_is_one():
    rng = np.random.default_rng(6)
    for _ in range(30):
        spec = random_dag(rng, 12)
        best, near = best_order(spec), best_order(spec, max_sets=1)

        assert best.is_exact
        assert not near.is_exact
        assert best.peak_bytes <= near.peak_bytes <= near.given_bytes


def test_a_chain_keeps_its_order(builder):
    x = builder.conv1d(builder.input((4, 64)), 8, 3, padding="causal")
    spec = builder.finish(builder.dense(builder.flatten(builder.relu(x)), 3))

    found = best_order(spec)

    assert found.spec is spec
    assert found.peak_bytes == found.given_bytes == peak(spec)


@pytest.mark.parametrize("cell", [(2, 4, 1, 1, 0, 3), (4, 3, 3, 4, 4, 4)])
def test_networks_of_150_operators_in_small_cells_are_ordered_exactly(cell):
    spec = nas_bench_201(cell)

    found = best_order(spec)

    assert found.is_exact
    assert found.peak_bytes == peak(found.spec) <= found.given_bytes
