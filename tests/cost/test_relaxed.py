import numpy as np
import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.arch.lower import lower
from evonas.cost import count_macs, count_params
from evonas.cost.arena import liveness_bound
from evonas.cost.latency import op_cycles
from evonas.cost.memory import arena_buffers
from evonas.cost.relaxed import Relaxed, RelaxedNetwork, expectation, interpolate


def write(widths: tuple[int, ...]) -> ArchSpec:
    a, b, c = widths
    s = SpecBuilder()
    x = s.relu(s.conv1d(s.input((3, 40)), a, 5, padding="causal"))
    y = s.relu(s.conv1d(x, b, 3, padding="same"))
    x = s.add(s.conv1d(x, c, 1), s.conv1d(y, c, 3, dilation=2, padding="causal"))
    return s.finish(s.dense(s.global_average_pool(x), 5))


def macs(graph, op):
    return op.macs


@pytest.fixture
def costs(device):
    def cycles(graph, op):
        return op_cycles(graph, op, device, device.kernels["cmsis_nn"]).cycles

    return {"params": lambda graph, op: op.params, "macs": macs, "cycles": cycles}


def random_widths(rng, n):
    return [tuple(rng.uniform(1, 20, 3)) for _ in range(n)]


def differences(function, widths, step=1e-5):
    """Two-sided differences; the point must not be within a step of an integer."""
    found = []
    for i in range(len(widths)):
        low, high = list(widths), list(widths)
        low[i] -= step
        high[i] += step
        found.append((function(high).value - function(low).value) / (2 * step))
    return found


def test_half_way_between_two_widths_a_layer_costs_the_mean():
    cost = {4: 10.0, 5: 16.0}

    found = interpolate(lambda widths: cost[widths[0]], [4.5])

    assert found == Relaxed(13.0, (6.0,))


def test_two_widths_interpolate_multilinearly():
    found = interpolate(lambda widths: float(widths[0] * widths[1]), [2.25, 3.5])

    assert found.value == pytest.approx(2.25 * 3.5)  # a product is multilinear itself
    assert found.gradient == pytest.approx((3.5, 2.25))


@pytest.mark.parametrize("widths", [(1, 1, 1), (4, 8, 6), (7, 16, 3)])
def test_integer_widths_cost_what_the_network_costs(widths, costs, device):
    network = RelaxedNetwork(write)
    spec = write(widths)
    graph = lower(spec)

    assert network.cost(costs["params"], widths).value == count_params(spec)
    assert network.cost(costs["macs"], widths).value == count_macs(spec)
    assert network.cost(costs["cycles"], widths).value == pytest.approx(
        sum(costs["cycles"](graph, op) for op in graph.ops)
    )
    assert network.peak_bytes(widths).value == liveness_bound(arena_buffers(graph))


def test_a_relaxed_width_lies_between_its_neighbours():
    network = RelaxedNetwork(write)
    for a, b, c in random_widths(np.random.default_rng(0), 20):
        low = network.cost(macs, (int(a), int(b), int(c))).value
        high = network.cost(macs, (int(a) + 1, int(b) + 1, int(c) + 1)).value

        assert low <= network.cost(macs, (a, b, c)).value <= high


@pytest.mark.parametrize("name", ["params", "macs", "cycles"])
def test_gradients_agree_with_finite_differences(name, costs):
    network = RelaxedNetwork(write)
    for widths in random_widths(np.random.default_rng(1), 15):
        found = network.cost(costs[name], widths)

        expected = differences(lambda w: network.cost(costs[name], w), widths)
        assert found.gradient == pytest.approx(expected, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("scratch", [True, False])
def test_gradients_of_the_peak_agree_with_finite_differences(scratch):
    network = RelaxedNetwork(write)
    for widths in random_widths(np.random.default_rng(2), 15):
        found = network.peak_bytes(widths, scratch)

        expected = differences(lambda w: network.peak_bytes(w, scratch), widths)
        assert found.gradient == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_at_an_integer_the_gradient_is_that_of_the_next_interval():
    network = RelaxedNetwork(write)

    found = network.cost(macs, (4, 8, 6))

    assert found.gradient[0] == count_macs(write((5, 8, 6))) - count_macs(write((4, 8, 6)))


def test_a_choice_costs_its_expectation():
    options = [Relaxed(10.0, (1.0, 0.0)), Relaxed(30.0, (0.0, 2.0))]

    found = expectation(options, (0.75, 0.25))

    assert found.value == 15.0
    assert found.gradient == (0.75, 0.5)
    assert found.by_probability == (10.0, 30.0)


def test_a_choice_needs_a_probability_for_each_option():
    with pytest.raises(ValueError, match="Expected 1 probabilities, got 2"):
        expectation([Relaxed(1.0, ())], (0.5, 0.5))


@pytest.mark.parametrize("width", [0.5, -1, float("nan"), float("inf")])
def test_widths_below_1_are_refused(width):
    with pytest.raises(ValueError, match="widths of at least 1"):
        RelaxedNetwork(write).cost(macs, (4, width, 4))


def test_widths_that_change_the_operators_are_refused():
    def grows(widths):
        b = SpecBuilder()
        x = b.input((2, 9))
        for _ in range(widths[0]):
            x = b.conv1d(x, 2, 1)
        return b.finish(x)

    with pytest.raises(ValueError, match=r"Width 0 \+ 1 changes the operators"):
        RelaxedNetwork(grows).cost(macs, (2.5,))
