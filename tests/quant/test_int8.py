import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.quant.calibrate import METHODS
from evonas.quant.int8 import CALIBRATIONS, Int8Settings, int8_network
from evonas.quant.quantize import quantize
from evonas.quant.score import int8_outputs, int8_score
from evonas.tasks.metrics import METRICS, Metric
from evonas.tasks.splits import Normalisation

ERROR = METRICS["error"]
RECIPE = Recipe(steps=100)


def test_a_network_that_loses_nothing_is_quantised_plainly(network, bumps):
    spec = network((3, 12), 3)
    _, weights = TorchBackend().fit(spec, bumps, RECIPE, 0, ERROR)

    settings = Int8Settings(max_drop=0.05)

    found, report = int8_network(spec, weights, bumps, ERROR, settings, RECIPE)

    plain = quantize(spec, weights, bumps.train.X, bumps.normalisation)
    assert report.is_plain
    assert report.score == report.plain == int8_score(plain, bumps.val, bumps, ERROR)
    assert np.array_equal(int8_outputs(found, bumps.val.X), int8_outputs(plain, bumps.val.X))
    assert report.drop == report.score.metric - report.float_metric


def test_another_calibration_is_taken_where_the_first_costs_too_much(network, bumps, monkeypatch):
    spec = network((3, 12), 3)
    _, weights = TorchBackend().fit(spec, bumps, RECIPE, 0, ERROR)
    monkeypatch.setitem(METHODS, CALIBRATIONS[0], lambda values: (0.0, 1e-3))

    _, report = int8_network(spec, weights, bumps, ERROR)

    assert report.plain.metric > report.float_metric + 0.3
    assert report.method in CALIBRATIONS[1:]
    assert not report.is_plain
    assert report.drop <= 0.01


def test_what_calibration_cannot_save_is_fine_tuned(ruined, bumps):
    spec, weights = ruined

    _, untuned = int8_network(spec, weights, bumps, ERROR)
    _, report = int8_network(spec, weights, bumps, ERROR, recipe=RECIPE)

    assert untuned.drop > 0.1
    assert (untuned.is_finetuned, report.is_finetuned) == (False, True)
    assert report.score.metric < untuned.score.metric


def test_the_better_network_is_kept_where_fine_tuning_harms(ruined, bumps):
    spec, weights = ruined
    harmful = Int8Settings(steps=20, learning_rate=1e4)

    network, report = int8_network(spec, weights, bumps, ERROR, harmful, RECIPE)
    expected, untuned = int8_network(spec, weights, bumps, ERROR)

    assert not report.is_finetuned
    assert "fine-tuning" in report.note
    assert report.score == untuned.score
    assert network.tensors == expected.tensors


def test_a_share_may_drop_by_a_difference_and_a_number_by_a_share(ruined, bumps):
    spec, weights = ruined
    cost = Metric("cost", "target", False, lambda y, p: 100 * ERROR.function(y, p))
    _, plain = int8_network(spec, weights, bumps, ERROR)
    metric = plain.float_metric
    assert metric > 0
    relative = plain.drop / metric

    for unit, most in ((ERROR, plain.drop), (cost, relative)):
        for max_drop, expected in ((most + 0.001, False), (most - 0.001, True)):
            settings = Int8Settings(max_drop=max_drop, steps=1)
            _, report = int8_network(spec, weights, bumps, unit, settings, RECIPE)
            assert (report.is_finetuned or report.note is not None) == expected


def test_inputs_take_the_way_through_natural_units(network, bumps):
    spec = network((3, 12), 3)
    _, weights = TorchBackend().fit(spec, bumps, RECIPE, 0, ERROR)
    units = Normalisation(np.full(3, 1000, np.float32), np.full(3, 50, np.float32))
    plain = int8_outputs(quantize(spec, weights, bumps.train.X), bumps.val.X)

    natural = int8_outputs(quantize(spec, weights, bumps.train.X, units), bumps.val.X)

    assert np.abs(natural - plain).mean() < 0.01 * plain.std()  # float32 near a rounding's edge


def test_settings_beyond_their_ranges_are_refused():
    with pytest.raises(ConfigError, match="max_drop: expected 0 or more, got -0.1"):
        Int8Settings(max_drop=-0.1)
    with pytest.raises(ConfigError, match="samples: expected a positive number, got 0"):
        Int8Settings(samples=0)
