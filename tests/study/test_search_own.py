"""Searches on arrays, metrics and losses of one's own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.runner.search import resume, search
from evonas.study.final import metric_on_test
from evonas.study.study import Study

from .tiny_study import rows, tiny_config


def test_own_arrays_and_an_own_metric_are_searched_and_resumed(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2, 24)).astype(np.float32)
    y = (X[:, 0, -8:].mean(1) > 0).astype(int)

    def twice_the_error(truth, guess):
        return 2 * float(np.mean(truth != guess))

    def focal(outputs, targets):
        import torch

        losses = torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
        return ((1 - torch.exp(-losses)) * losses).mean()

    data = (X[:60], y[:60], X[60:], y[60:])
    own = {"metric": twice_the_error, "loss": focal}
    study = search(tiny_config(tmp_path), data=data, **own)
    assert study.problem.metric.name == "twice_the_error"
    assert all(0 <= t.values["error"] <= 2 for t in study.front())
    with pytest.raises(ConfigError, match="pass the same data"):
        resume(study.directory)
    with pytest.raises(ConfigError, match="loss 'focal', got None"):
        resume(study.directory, data=data, metric=twice_the_error)
    before = rows(study)
    assert rows(resume(study.directory, data=data, **own)) == before
    plain = search(tiny_config(tmp_path / "plain"), data=data, metric=twice_the_error)
    assert rows(plain) != before


def _arrays():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2, 24)).astype(np.float32)
    return X, (X[:, 0, -8:].mean(1) > 0).astype(int)


def test_an_own_metric_named_as_a_known_one_stays_the_own(tmp_path):
    def error(truth, guess):
        return 2 * float(np.mean(truth != guess))

    config = tiny_config(tmp_path, compare_random=True, budget={"trials": 4})
    study = search(config, data=_arrays(), metric=error)
    own = {t.digest: t.values["error"] for t in study.trials() if "error" in t.values}
    rival = Study.load(study.directory / "random", study.splits, metric=error)
    shared = [t for t in rival.trials() if t.digest in own]
    assert shared
    assert all(t.values["error"] == own[t.digest] for t in shared)
    with pytest.raises(ConfigError, match=r"metric 'error \(your own\)', got 'error'"):
        resume(study.directory, data=_arrays())


def test_an_own_loss_is_the_random_search_s_too(tmp_path):
    def doubled(outputs, targets):
        import torch

        return 2 * torch.nn.functional.cross_entropy(outputs, targets)

    config = tiny_config(tmp_path, compare_random=True, budget={"trials": 4})
    study = search(config, data=_arrays(), loss=doubled)
    assert "random" in study.summary()
    assert (study.directory / "figures" / "front.png").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_without_a_finite_value_is_refused_before_anything_is_written(tmp_path, value):
    with pytest.raises(ConfigError, match="for a constant prediction; expected a finite number"):
        search(tiny_config(tmp_path), metric=lambda truth, guess: value, data=_arrays())
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("table", ["proxy", "final"])
def test_a_loss_of_the_other_kind_is_refused_before_anything_is_written(tmp_path, table):
    config = tiny_config(tmp_path).with_overrides([f"{table}.loss=mse"])
    with pytest.raises(ConfigError, match=rf"\[{table}\] loss: 'mse' does not suit"):
        search(config)
    assert not (tmp_path / "study").exists()


def test_an_own_metric_that_fails_on_test_data_is_a_row_with_its_error(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2, 24)).astype(np.float32)
    y = np.arange(64) % 2

    def picky(truth, guess):
        if len(truth) == 20:
            raise ValueError("a class is missing")
        return float(np.mean(truth != guess))

    study = search(tiny_config(tmp_path), data=(X[:44], y[:44], X[44:], y[44:]), metric=picky)
    scored = [e for t in study.front() for e in t.evaluations if e.stage == "test"]
    assert {e.error for e in scored} == {"ValueError: a class is missing"}
    assert metric_on_test(study.front()[0]) is None


def test_a_metric_below_zero_is_refused(tmp_path):
    X, y = np.zeros((40, 1, 8), np.float32), np.arange(40) % 2
    with pytest.raises(ConfigError, match=r"at least 0, to be minimised \(of a score"):
        search(tiny_config(tmp_path), data=(X, y), metric=lambda truth, guess: -1.0)
