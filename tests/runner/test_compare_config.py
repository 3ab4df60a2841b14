"""Configs of comparisons: what is refused at the door, and what overrides and defaults mean."""

from __future__ import annotations

import pytest

from evonas.config_compare import CompareConfig
from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.runner.compare import compare

from .tiny_method import small_config, small_data

pytestmark = pytest.mark.usefixtures("tiny")

BAD = [
    ({"methods": ["pits"]}, "[study.waves] methods: Unknown method 'pits'. Did you mean 'pit'?"),
    ({"methods": []}, "[study.waves] methods: tuple should have at least 1 item"),
    ({"methods": ["width", "width"]}, "[study.waves] methods repeat an entry: width, width"),
    ({"sedes": 2}, "[study.waves] unknown key 'sedes'. Did you mean 'seeds'?"),
    ({"proxi": {"steps": 2}}, "[study.waves] unknown key 'proxi'. Did you mean 'proxy'?"),
    ({"final": {"stesp": 2}}, "[study.waves.final] unknown key 'stesp'. Did you mean 'steps'?"),
    ({"final": {"fit_on": "train"}}, "[study.waves.final] unknown key 'fit_on'"),
    (
        {"budget": {"cpu": "3 s", "samples": 3}},
        "[study.waves] budget: give exactly one of cpu, samples",
    ),
    ({"budget": {"wall": "3 s"}}, "[study.waves.budget] unknown key 'wall'. Known: cpu, samples."),
    ({"seeds": 0}, "[study.waves] seeds: expected how many seeds there are, at least 1, or a"),
    ({"seeds": True}, "[study.waves] seeds: expected how many seeds there are"),
    ({"seeds": [1, 1]}, "[study.waves] seeds repeat an entry: 1, 1"),
    ({"objectives": ["params", "macs"]}, "[study.waves] objectives lack error"),
    ({"objectives": ["error", "speed"]}, "Unknown objective 'speed'"),
    (
        {"objectives": ["error", "params", "int8_error"]},
        "[study.waves] objectives: int8_error: a comparison trains networks in float",
    ),
    ({"limits": {"int8_error": 0.1}}, "[study.waves] limits: int8_error: a comparison trains"),
    ({"limits": {"speed": 1}}, "[study.waves] Unknown objective 'speed'"),
    ({"device": {"name": "stm32x"}}, "[study.waves] Unknown device 'stm32x'. Did you mean"),
    ({"space": {"kind": "tcnn"}}, "[study.waves.space] kind: Unknown space 'tcnn'. Did you mean"),
    ({"final": {"learning_rate": -1}}, "[study.waves.final] learning_rate: input should be"),
    ({"name": "figures"}, "a block is named figures, as the folder of the figures is"),
    ({"limits": {"params": 1}}, "[study.waves.limits] params: no network of this space"),
    ({"tiny": {"halve": 1}}, "[study.waves.tiny] unknown key 'halve'. Did you mean 'halves'?"),
    ({"nsga2": {"pop_size": 1}}, "[study.waves.nsga2] pop_size: input should be greater"),
    ({"width": {"shares": 1}}, "[study.waves.width] unknown key 'shares'"),
    ({"name": "a/b"}, "[study.a/b] name: string should match pattern"),
    ({"task": {"kind": "synthetic", "patern": 1}}, "[study.waves.task] unknown key 'patern'"),
    ({"proxy": {"loss": "l1"}}, "[study.waves.proxy] loss"),
    (
        {"space": {"kind": "rnn"}, "methods": ["tiny"]},
        "[study.waves] methods: tiny does not apply to the rnn space; it applies to tcn.",
    ),
    (
        {"space": {"kind": ["rnn", "tcn"]}, "methods": ["tiny"]},
        "[study.waves] methods: tiny does not apply to the mixed space; it applies to tcn.",
    ),
]


@pytest.mark.parametrize(("block", "expected"), BAD, ids=[text[:40] for _, text in BAD])
def test_a_bad_config_is_one_line_at_the_door(tmp_path, block, expected):
    with pytest.raises(ConfigError) as caught:
        compare(small_config(tmp_path / "c", **block))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_a_study_s_config_is_no_comparison_s(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('[study]\nname = "a"\n[task]\nkind = "synthetic"\n')
    with pytest.raises(ConfigError, match="expected one or several"):
        compare(path)


def test_overrides_reach_one_block_or_all(tmp_path):
    data = small_data(tmp_path)
    data["study"].append({**data["study"][0], "name": "more"})
    config = validate_table(CompareConfig, data, "x")
    changed = config.with_overrides(
        ["study.more.seeds=3", "study.budget.cpu='2 s'", "study.final.steps=9", "compare.n_jobs=2"]
    )
    assert [block.seeds for block in changed.study] == [(0,), (0, 1, 2)]
    assert [block.budget.cpu for block in changed.study] == [2.0, 2.0]
    assert [block.budget.samples for block in changed.study] == [None, None]
    assert [block.final.steps for block in changed.study] == [9, 9]
    assert changed.compare.n_jobs == 2
    assert validate_table(CompareConfig, changed.model_dump(exclude_none=True), "x") == changed


def test_the_relaxed_training_is_as_the_final_one_where_nothing_else_is_said(tmp_path):
    final = {"steps": 9, "batch_size": 15, "learning_rate": 0.5, "dropout": 0.1, "seeds": 2}
    block = small_config(tmp_path, final=final, relaxed={"dropout": 0.2}).study[0]
    shared = (block.relaxed.steps, block.relaxed.batch_size, block.relaxed.learning_rate)
    assert shared == (300, 15, 0.5)
    assert block.relaxed.dropout == 0.2
