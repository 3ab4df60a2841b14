import pytest

from evonas.arch import SpecBuilder
from evonas.arch.lower import lower
from evonas.arch.ops import Activation, Pool
from evonas.cost import count_macs, training_params
from evonas.errors import SpecError
from evonas.references.converted import as_converted
from evonas.references.nas_bench_201 import live_operations, nas_bench_201

SKIP = (0, 0, 0, 1, 0, 0)


@pytest.mark.parametrize(
    ("operations", "live"),
    [
        ((4, 3, 3, 4, 4, 4), (4, 3, 3, 4, 4, 4)),
        ((4, 1, 0, 0, 0, 1), (0, 1, 0, 0, 0, 1)),  # 0>1 leads nowhere
        ((0, 0, 0, 0, 3, 4), (0, 0, 0, 0, 0, 0)),  # nothing leads from the input
        ((3, 0, 2, 3, 0, 0), (0, 0, 0, 3, 0, 0)),
    ],
)
def test_edges_on_no_path_are_dead(operations, live):
    assert live_operations(operations) == live


@pytest.mark.parametrize(
    ("operations", "params", "macs"),
    [
        (SKIP, 73_306, 7_783_040),  # 0.0733 M and 7.783 M in the table of NAS-Bench-201
        ((4, 3, 3, 4, 4, 4), 559_386, 78_561_920),
        ((2, 3, 4, 0, 2, 3), 615_386, 86_426_240),
    ],
)
def test_counts_are_those_of_the_benchmark(operations, params, macs):
    spec = nas_bench_201(operations)

    assert training_params(spec) == params
    assert count_macs(spec) == macs


@pytest.mark.parametrize(
    ("operations", "operators"),
    [(SKIP, 18), ((1, 4, 1, 1, 0, 4), 78), ((1, 1, 2, 1, 1, 2), 108), ((4, 3, 3, 4, 4, 4), 168)],
)
def test_deployed_operators_are_those_of_the_measured_files_but_two(operations, operators):
    # nrf5340_sample.csv, column operators; the files also quantise their float input and output
    assert len(lower(nas_bench_201(operations)).ops) + 2 == operators


def test_what_two_edges_compute_alike_is_computed_once():
    spec = nas_bench_201((3, 3, 0, 4, 4, 4))  # both convolutions read one ReLU of the cell's input

    cell = [type(node.op) for node in spec.nodes].count
    assert cell(Activation) == 15 + 4 + 1  # one a cell, two a reduction, one before the average
    pools = [node.op for node in spec.nodes if isinstance(node.op, Pool)]
    assert len(pools) == 15 * 3 + 2


def test_no_cell_is_an_error():
    with pytest.raises(SpecError, match="Expected 6 operations from 0 to 4"):
        live_operations((1, 2, 3))


def test_the_branch_that_is_seen_last_runs_first():
    b = SpecBuilder()
    x = b.conv1d(b.input((4, 64)), 4, 1)
    main = b.conv1d(b.relu(x), 4, 3)
    shortcut = b.pool(x, "average", 3, 1)
    spec = as_converted(b.finish(b.add(shortcut, main)))

    names = [type(node.op).__name__ for node in spec.nodes]

    assert names == ["Input", "Conv", "Pool", "Activation", "Conv", "Add"]


def test_a_chain_is_converted_as_it_stands():
    b = SpecBuilder()
    x = b.relu(b.conv1d(b.input((4, 64)), 4, 3))
    spec = b.finish(b.dense(b.flatten(x), 2))

    assert as_converted(spec) == spec
