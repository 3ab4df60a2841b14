"""Configs: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import dataclasses

import pytest

from evonas.config import Int8Table, StudyConfig
from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.quant.int8 import Int8Settings

MINIMAL = {"task": {"kind": "synthetic"}}
DIGEST_OF_MINIMAL = "a0eeabe46646c93d7754220b7ff95a5cdbf351ec3a5bc2b028b79ae11d406957"


def _refused(changes: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        validate_table(StudyConfig, {**MINIMAL, **changes}, "kws.toml")
    return str(caught.value)


def test_an_unknown_key_is_named_with_the_nearest_known_one():
    text = _refused({"search": {"popsize": 40}})
    assert text == "kws.toml: [search] unknown key 'popsize'. Did you mean 'pop_size'?"


def test_an_unknown_table_is_refused():
    assert "unknown key 'serach'. Did you mean 'search'?" in _refused({"serach": {}})


@pytest.mark.parametrize("key", ["Search", "str"])
def test_an_unknown_key_that_looks_like_a_type_is_named(key):
    assert f"unknown key {key!r}" in _refused({key: {}})


def test_an_unknown_key_of_a_table_that_could_be_a_name_is_named_with_the_nearest():
    from evonas.spaces.tcn_seed import TCNSettings

    with pytest.raises(ConfigError) as caught:
        validate_table(TCNSettings, {"seed_network": {"widths": [4], "Kernel": 3}}, "[space]")
    text = "[space] unknown key 'seed_network.Kernel'. Did you mean 'kernel'?"
    assert str(caught.value) == text


def test_a_missing_task_is_named():
    with pytest.raises(ConfigError, match="missing key 'task'"):
        validate_table(StudyConfig, {}, "kws.toml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"search": {"budget": {"trials": 5, "cpu": "1 min"}}}, "exactly one of trials, epochs"),
        ({"search": {"pop_size": 1}}, "[search] pop_size: "),
        ({"search": {"objectives": ["error", "error"]}}, "repeat a name"),
        ({"search": {"n_jobs": 0}}, "n_jobs"),
        ({"final": {"batch_size": 1}}, "[final] batch_size: "),
        ({"proxy": {"schedule": "step"}}, "'cosine', 'one-cycle' or 'constant', got 'step'"),
        ({"task": {"kind": "synthetic", "validation": 1.5}}, "less than 1, got 1.5"),
        ({"search": {"budget": {"cpu": "10 kB"}}}, "got '10 kB'"),
        ({"device": {"name": "a", "path": "b"}}, "either name or path"),
        ({"space": {"kind": ["tcn", "tcn"]}}, "[space] kind repeats a name: tcn, tcn"),
        ({"space": {"kind": []}}, "[space] kind names no space"),
        ({"final": {"references": ["ecgtcn"] * 2}}, "[final] references repeat a name"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(changes, words):
    text = _refused(changes)
    assert words in text
    assert "\n" not in text


def test_units_are_read():
    config = validate_table(
        StudyConfig,
        MINIMAL
        | {"device": {"reserve": {"ram": "4 KiB"}}, "search": {"budget": {"cpu": "10 min"}}},
        "x",
    )
    assert config.device.reserve.ram == 4096
    assert config.search.budget.cpu == 600


def test_a_resolved_config_reads_back_as_itself(tmp_path):
    config = validate_table(StudyConfig, MINIMAL, "x")
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert StudyConfig.from_toml(path) == config


def test_overrides_are_typed_and_a_budget_replaces_the_old_one():
    config = validate_table(StudyConfig, MINIMAL, "x")
    changed = config.with_overrides(
        ["search.pop_size=40", "search.budget.cpu=3 min", "task.kind=npz", "task.path=a.npz"]
    )
    assert changed.search.pop_size == 40
    assert changed.search.budget.trials is None
    assert changed.search.budget.cpu == 180
    assert changed.task.settings == {"path": "a.npz"}


@pytest.mark.parametrize("override", ["pop_size", "=3", "search.pop_size.x=3"])
def test_a_malformed_override_is_refused(override):
    config = validate_table(StudyConfig, MINIMAL, "x")
    with pytest.raises(ConfigError, match="--set"):
        config.with_overrides([override])


def test_a_missing_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        StudyConfig.from_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[task\n")
    with pytest.raises(ConfigError, match=r"broken\.toml: not a TOML file"):
        StudyConfig.from_toml(broken)


OLD = ["proxy.backend=torch", "final.backend=torch", "search.searcher=nsga2"]
"""What an old study is read with, see Study.load, and its searcher, which its config names."""


def test_what_came_later_leaves_the_digest_of_older_configs_as_it_was():
    config = validate_table(StudyConfig, MINIMAL, "x").with_overrides(OLD)
    assert config.fixed_digest == DIGEST_OF_MINIMAL
    for change in ('final.references=["ecgtcn"]', "final.front=loss", "search.stop_after=9"):
        assert config.with_overrides([change]).fixed_digest == DIGEST_OF_MINIMAL
    for change in ("final.steps=7", "search.lag=4", "search.batch=8"):
        assert config.with_overrides([change]).fixed_digest != DIGEST_OF_MINIMAL


def test_the_int8_table_is_fixed_only_where_the_search_measures_in_int8():
    plain = validate_table(StudyConfig, MINIMAL, "x")
    measured = plain.with_overrides(['search.objectives=["int8_error", "params"]'])
    limited = plain.with_overrides(["search.limits.int8_error=0.1"])

    def changes(config):
        return config.with_overrides(["int8.max_drop=0.02"]).fixed_digest != config.fixed_digest

    assert (changes(plain), changes(measured), changes(limited)) == (False, True, True)


def test_the_int8_tables_defaults_are_those_of_the_quantiser():
    assert Int8Table().model_dump() == dataclasses.asdict(Int8Settings())


def test_a_space_of_several_kinds_reads_back_as_itself(tmp_path):
    space = {"kind": ["tcn", "rnn"], "rnn": {"cells": ["gru"]}}
    config = validate_table(StudyConfig, MINIMAL | {"space": space}, "x")
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert StudyConfig.from_toml(path) == config
    assert config.space.kind == ("tcn", "rnn")
    assert config.space.settings == {"rnn": {"cells": ["gru"]}}
