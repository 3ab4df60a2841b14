"""The multi-constraint DNAS: its loss against worked numbers, and that it meets its bounds."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from evonas.baselines.baseline import SearchTask
from evonas.baselines.dnas import (
    DNAS,
    ViolationPenalty,
    _WithinTargets,
    full_lambda,
    lambda_at,
    parse_targets,
)
from evonas.config_table import validate_table
from evonas.cost import cost_report
from evonas.devices import load_device
from evonas.errors import ConfigError
from evonas.proxy.recipe import Recipe
from evonas.spaces.tcn import TCNSpace
from evonas.tasks import TASKS
from evonas.tasks.split import split

DEVICE = load_device("stm32l4r5")


def _task(costs=("peak_ram", "latency"), seed=0, steps=100):
    synthetic = TASKS.get("synthetic")
    settings = synthetic.Settings(pattern="waves", train=240, test=0, shape=(1, 32), noise=0.3)
    splits = split(synthetic(settings).load(), 0.25, seed=0)
    network = {"widths": [8, 8, 12], "kernel": 9, "pool": [1]}
    space = TCNSpace.from_settings({"seed_network": network}, (1, 32), 3)
    recipe = Recipe(steps=steps, batch_size=16, learning_rate=0.01)
    return SearchTask("tcn", space, splits, DEVICE, "tflm", costs, recipe, seed)


def test_lambda_makes_the_first_violation_weigh_as_the_task():
    assert full_lambda(0.5, 10.0, 8.0) == 0.25
    assert full_lambda(0.5, 8.0, 8.0) == 0
    assert full_lambda(0.5, 7.0, 8.0) == 0


def test_lambda_rises_from_a_hundredth_to_all_at_half_time():
    assert lambda_at(2.0, 0.0) == pytest.approx(0.02)
    assert lambda_at(2.0, 0.25) == pytest.approx(0.02 + 0.99)
    assert lambda_at(2.0, 0.5) == 2
    assert lambda_at(2.0, 1.0) == 2


def test_the_penalty_as_published():
    penalty = ViolationPenalty(0.3, [0.25, 0.5, math.inf], growth=1.0)
    cost = torch.tensor([0.75, 0.4, 0.9], dtype=torch.float64, requires_grad=True)

    value = penalty(0.9, cost)  # lambda 0.4 times 0.5 beyond; the second is met, the third free
    value.backward()

    assert value.item() == pytest.approx(0.2, rel=1e-6)
    assert cost.grad.tolist() == pytest.approx([0.4, 0, 0], rel=1e-6)
    assert penalty(0.0, cost).item() == pytest.approx(0.002, rel=1e-6)


def test_a_bound_grows_heavier_while_it_is_violated_and_lighter_again():
    penalty = ViolationPenalty(0.5, [0.5], growth=100.0)
    above, below = torch.tensor([0.6]).double(), torch.tensor([0.4]).double()

    assert penalty(0.5, above).item() == pytest.approx(0.1)
    assert penalty(0.75, above).item() == pytest.approx(1.0)  # half of the second half: times 10
    assert penalty(1.0, below).item() == 0
    assert penalty._grown.item() == pytest.approx(1.0)


def test_the_result_is_the_best_within_the_bounds_of_the_last_quarter_or_the_nearest():
    costs = {"small": [0.1], "fits": [0.4], "large": [0.8], "larger": [0.9]}
    losses = {"small": 0.9, "fits": 0.2, "large": 0.1, "larger": 0.0}
    chosen = _WithinTargets(lambda name: torch.tensor(costs[name]), torch.tensor([0.5]))

    def offer(name, share=0.9):
        chosen.offer(share, name, lambda: losses[name], lambda: name)

    offer("small", share=0.7)
    assert chosen.best() is None
    for name, best in (("larger", "larger"), ("large", "large"), ("larger", "large"),
                       ("small", "small"), ("fits", "fits"), ("large", "fits")):  # fmt: skip
        offer(name)
        assert chosen.best() == best


def test_targets_carry_units():
    assert parse_targets({"peak_ram": "8 kB", "latency": "5 ms"}) == {
        "peak_ram": 8000,
        "latency": pytest.approx(0.005),
    }
    with pytest.raises(ConfigError, match="Did you mean 'peak_ram'"):
        parse_targets({"peakram": 1})
    with pytest.raises(ConfigError, match="Unknown cost"):
        parse_targets({"error": 1})
    with pytest.raises(ConfigError, match="more than 0"):
        parse_targets({"params": 0})


def test_targets_are_checked_where_a_config_is_read():
    with pytest.raises(ConfigError, match="targets: unknown cost 'peakram'"):
        validate_table(DNAS.Settings, {"targets": {"peakram": 1}}, "[study.dnas]")


def test_both_bounds_are_met_in_a_single_search_for_4_of_5_seeds():
    task = _task()
    seed = cost_report(task.space.seed, DEVICE, "tflm")
    targets = {"peak_ram": 0.7 * seed.peak_ram_bytes, "latency": 0.2 * seed.latency_s}
    settings = DNAS.Settings(targets=targets)

    found = [DNAS(dataclasses.replace(task, seed=s), settings).search(1.0) for s in range(5)]

    met = 0
    for each in found:
        report = cost_report(each.spec, DEVICE, "tflm")
        assert each.targets == targets
        assert each.costs["latency"] == report.latency_s
        met += report.latency_s <= targets["latency"] and (
            report.peak_ram_bytes <= targets["peak_ram"]
        )
    assert met >= 4


def test_a_strength_divides_the_seed_s_costs():
    task = _task(("params",), steps=8)
    found = DNAS(task, DNAS.Settings()).search(2.0)

    assert found.targets == {"params": cost_report(task.space.seed, DEVICE, "tflm").params / 2}


def test_a_sweep_ends_where_the_smallest_network_meets_a_bound():
    low, high = DNAS(_task(costs=("params",)), DNAS.Settings()).sweep_ends

    # 80 + 584 + 876 + 39 params of the seed; of one channel and one tap a layer 2 + 2 + 2 + 6
    assert (low, high) == (1.5, pytest.approx(1579 / 12))


def test_targets_of_other_costs_join_those_of_the_task():
    task = _task(("params",), steps=8)
    found = DNAS(task, DNAS.Settings(targets={"latency": "1 ms"})).search(2.0)

    assert set(found.costs) == {"params", "latency"}
    assert found.targets == {"latency": pytest.approx(0.001)}
