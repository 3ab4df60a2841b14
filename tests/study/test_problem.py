"""The problem: what a config asks for is refused where the device or the search cannot give it."""

from __future__ import annotations

from pathlib import Path

import pytest

import evonas.devices
from evonas.arch.builder import SpecBuilder
from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.study.problem import Problem
from evonas.study.reachable import smallest_reachable
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import resolve_metric


def _problem(search, task=(), **tables):
    task = {"kind": "synthetic", "shape": [2, 24], **dict(task)}
    space = {"seed_network": {"widths": [6, 8], "kernel": 5}}
    data = {"task": task, "space": space, "search": search} | tables
    config = validate_table(StudyConfig, data, "x")
    splits = load_splits("synthetic", config.task.settings, 0.25, 0)
    return Problem.from_config(config, splits, resolve_metric(None, splits.is_regression))


@pytest.fixture
def powerless(tmp_path):
    """Returns the file of a device that states no power."""
    text = (Path(evonas.devices.__file__).parent / "stm32l4r5.toml").read_text()
    path = tmp_path / "powerless.toml"
    path.write_text("".join(line for line in text.splitlines(True) if "power_w" not in line))
    return str(path)


@pytest.mark.parametrize(
    "search", [{"objectives": ["error", "energy"]}, {"limits": {"energy": "1 mJ"}}]
)
def test_energy_is_refused_on_a_device_without_power(powerless, search):
    with pytest.raises(ConfigError, match="states no power"):
        _problem(search, device={"path": powerless})


def test_a_device_without_power_serves_the_other_objectives(powerless):
    problem = _problem({"objectives": ["error", "latency"]}, device={"path": powerless})
    assert "energy" not in problem.costs(problem.space.seed)


@pytest.mark.parametrize("value", [0, -1, "0 B", float("nan"), float("inf")])
def test_a_limit_that_bounds_nothing_is_refused(value):
    with pytest.raises(ConfigError, match=r"\[search.limits\] flash: "):
        _problem({"limits": {"flash": value}})


def test_a_reserve_of_everything_is_refused():
    with pytest.raises(ConfigError, match=r"\[device.reserve\] takes all of peak_ram"):
        _problem({}, device={"reserve": {"ram": "1 GB"}})


def test_epochs_are_no_budget_of_a_search_that_trains_nothing():
    with pytest.raises(ConfigError, match="trains nothing"):
        _problem({"objectives": ["params"], "budget": {"epochs": 10}})
    assert _problem({"objectives": ["params"], "budget": {"trials": 10}})


def test_limits_on_the_error_are_in_the_unit_of_the_metric():
    numbers = _problem({"limits": {"error": 20}}, task={"target": "number"})
    assert numbers.describe_limits({"error": 35.5}) == "error 35.5 > 20"
    classes = _problem({"limits": {"error": "20 %"}})
    assert classes.describe_limits({"error": 0.355}) == "error 35.5 % > 20.0 %"
    with pytest.raises(ConfigError, match="in the target's unit"):
        _problem({"limits": {"error": "20 %"}}, task={"target": "number"})


STREAM = {"objectives": ["error", "latency_per_step", "peak_ram"]}


def test_a_stream_bounds_and_minimises_its_step():
    search = STREAM | {"limits": {"latency_per_step": "20 ms", "energy_per_step": "1 mJ"}}
    problem = _problem(search, device={"runtime": "c_step"})

    costs = problem.costs(problem.space.seed)
    assert costs["latency_per_step"] > 0
    assert costs["peak_ram"] < 500  # a step's; a window's arena takes more
    assert "latency" not in costs
    assert "uncalibrated" in problem.describe_device()


@pytest.mark.parametrize("search", [STREAM, {"limits": {"energy_per_step": "1 mJ"}}])
def test_a_step_is_refused_where_windows_are_executed(search):
    with pytest.raises(ConfigError, match='name runtime = "c_step"'):
        _problem(search)


def test_a_window_is_refused_where_steps_are_executed():
    with pytest.raises(ConfigError, match="name latency_per_step"):
        _problem({"objectives": ["error", "latency"]}, device={"runtime": "c_step"})


def test_a_space_that_looks_ahead_is_refused_with_the_way_out():
    seed = {"widths": [6, 8], "kernel": 5}
    space = {"seed_network": seed, "padding": "same"}
    way_out = r'looks ahead.*the rnn space, and the tcn space with padding = "causal"'
    for refused in (space, {"kind": "metakernel"}):  # the latter has no key of that name
        with pytest.raises(ConfigError, match=way_out):
            _problem(STREAM, device={"runtime": "c_step"}, space=refused)


def test_generated_c_is_searched_for_latency_where_its_kernels_have_a_stand_in():
    problem = _problem({"objectives": ["error", "latency", "energy"]}, device={"runtime": "c"})

    assert problem.costs(problem.space.seed)["latency"] > 0
    with pytest.raises(ConfigError, match="^Device 'rp2040' has no instruction model of CMSIS-NN"):
        _problem({"objectives": ["error", "latency"]}, device={"name": "rp2040", "runtime": "c"})


RNN = {"kind": "rnn", "seed_network": {"hidden": 6}}
COUNTED = {"objectives": ["error", "macs", "peak_ram"]}


def _refused(space, **tables):
    with pytest.raises(ConfigError) as caught:
        _problem(COUNTED, space=space, **tables)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_space_of_cells_that_the_runtime_lacks_is_refused_with_the_ways_out():
    text = _refused(RNN)
    assert text.startswith("[device] runtime = 'tflm': ")
    assert "no operator for the cell rnn" in text
    assert '[space] cells = ["lstm"], ranks = false' in text
    assert text.endswith('Every anchor of the space runs on: "c", "c_step".')
    assert _problem(COUNTED, space=RNN | {"cells": ["lstm"], "ranks": False})
    assert _problem(COUNTED, space=RNN, device={"runtime": "c"})


def test_of_a_mixed_space_the_family_that_the_runtime_cannot_execute_is_named():
    tcn = {"seed_network": {"widths": [6, 8], "kernel": 5}}
    rnn = {"seed_network": RNN["seed_network"]}
    text = _refused({"kind": ["tcn", "rnn"], "tcn": tcn, "rnn": rnn})
    assert "a network of the rnn family: " in text
    assert '[space.rnn] cells = ["lstm"], ranks = false' in text
    assert _problem(COUNTED, space={"kind": ["rnn", "tcn"], "tcn": tcn}, device={"runtime": "c"})


def test_of_a_network_that_the_runtime_lacks_the_counts_are_known():
    problem = _problem(COUNTED, space=RNN | {"cells": ["lstm"], "ranks": False})
    costs, reason = problem.known_costs(_gru((2, 24), 3))
    # gates * (units * (channels + units) + units) + 2 biases more, then the dense layer
    assert costs["params"] == 3 * (4 * (2 + 4)) + 4 * 4 + (4 * 3 + 3)
    assert set(costs) == {"params", "macs"}
    assert "no operator for the cell gru" in reason
    assert problem.known_costs(problem.space.seed)[1] is None


def _gru(shape, n_outputs):
    b = SpecBuilder()
    return b.finish(b.dense(b.last_step(b.recurrent(b.input(shape), "gru", 4)), n_outputs))


def test_the_smallest_costs_of_a_mixed_space_are_the_smallest_of_its_families():
    tcn = {"seed_network": {"widths": [6, 8], "kernel": 5}}
    rnn = {"seed_network": {"hidden": 6}}
    names = ("params", "macs", "peak_ram", "flash")

    def smallest(space):
        problem = _problem(COUNTED, space=space, device={"runtime": "c"})
        return smallest_reachable(problem, names)

    alone = [smallest({"kind": kind, **own}) for kind, own in (("tcn", tcn), ("rnn", rnn))]
    expected = {name: min(found[name] for found in alone) for name in names}
    assert smallest({"kind": ["tcn", "rnn"], "tcn": tcn, "rnn": rnn}) == expected
    assert smallest({"kind": ["rnn", "tcn"], "tcn": tcn, "rnn": rnn}) == expected
