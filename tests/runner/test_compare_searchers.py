"""Searchers in a comparison: any of them, several times, each with settings of its own."""

from __future__ import annotations

import pytest

from evonas.config_compare import CompareConfig
from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.runner.compare import compare
from evonas.runner.compare_driver import Driver
from evonas.runner.compare_methods import proxies, search_settings, searcher_of
from evonas.runner.compare_plan import make_plan
from evonas.searchers import SEARCHERS
from evonas.study.study import Study


def config(folder, methods, **block):
    data = {
        "name": "waves",
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "methods": methods,
        "budget": {"samples": 900},
        "proxy": {"steps": 4, "batch_size": 15, "learning_rate": 0.01},
        "final": {"steps": 4, "batch_size": 15},
    } | block
    return validate_table(
        CompareConfig, {"compare": {"dir": str(folder), "n_jobs": 1}, "study": [data]}, "x"
    )


VARIANTS = {
    "nsga2": {"pop_size": 4},
    "narrow": {"searcher": "nsga2", "pop_size": 4, "batch": 2},
    "waiting": {"searcher": "random", "pop_size": 4, "lag": 2, "proxy": {"steps": 2}},
}


def test_every_searcher_may_compete_under_its_own_name(tmp_path):
    names = list(SEARCHERS.names())
    (block,) = config(tmp_path, names).study

    assert {"nsga2", "random"} < set(names)
    assert [searcher_of(block, name) for name in names] == names
    assert searcher_of(block, "pit") is None
    assert searcher_of(block, "width") is None


def test_a_variant_has_settings_of_its_own_and_shares_the_rest(tmp_path):
    (block,) = make_plan(config(tmp_path, [*VARIANTS], **VARIANTS)).config.study
    studies = {
        name: block.study_config(name, search_settings(block, name), 7, tmp_path, {"trials": 9})
        for name in VARIANTS
    }

    found = {n: (s.search.searcher, s.search.batch, s.search.lag) for n, s in studies.items()}
    assert found == {
        "nsga2": ("nsga2", None, 0),
        "narrow": ("nsga2", 2, 0),
        "waiting": ("random", None, 2),
    }
    assert {name: s.proxy.steps for name, s in studies.items()} == {
        "nsga2": 4, "narrow": 4, "waiting": 2
    }  # fmt: skip
    assert {s.proxy.learning_rate for s in studies.values()} == {0.01}
    assert {name: proxy.steps for name, proxy in proxies(block).items()} == {
        name: s.proxy.steps for name, s in studies.items()
    }


def test_what_a_run_depends_on_leaves_out_other_methods_tables(tmp_path):
    (block,) = config(tmp_path, [*VARIANTS], **VARIANTS).study

    fixed = block.fixed("narrow")
    assert fixed["narrow"] == VARIANTS["narrow"]
    assert not {"nsga2", "waiting", "methods"} & set(fixed)


def test_variants_compete_like_any_method(tmp_path, monkeypatch, in_this_process):
    monkeypatch.setattr(Driver, "_in_process", in_this_process)
    monkeypatch.setattr("evonas.runner.compare_outputs.save_comparison_figures", lambda *_: ())

    made = compare(config(tmp_path, [*VARIANTS], **VARIANTS))

    assert all(run.finished for run in made.runs)
    assert {row.method for row in made.rows if row.is_front} == {*VARIANTS, "seed"} - {"seed"}
    for name, (searcher, steps) in {"narrow": ("nsga2", 4), "waiting": ("random", 2)}.items():
        study = Study.load(tmp_path / "waves" / f"{name}-0")
        assert study.config.search.searcher == searcher
        assert {e.steps for e in study.store.evaluations() if e.stage == "proxy"} == {steps}
        batches = [row.batch for row in study.store.trials()]
        assert max(batches.count(batch) for batch in set(batches) - {0}) <= 2


@pytest.mark.parametrize(
    ("methods", "tables", "words"),
    [
        (["pits"], {}, '[study.waves] methods: Unknown method \'pits\'. Did you mean \'pit\'?'),
        (["mine"], {"mine": {"searcher": "nsga"}}, "[study.waves.mine] searcher: Unknown searcher"),
        (["mine"], {"mine": {"pop_size": 4}}, "[study.waves] methods: Unknown method 'mine'."),
        (["nsga2"], {"nsga2": {"searcher": "random"}}, "[study.waves.nsga2] searcher: expected"),
        (["nsga2"], {"nsga2": {"popsize": 4}}, "[study.waves.nsga2] unknown key 'popsize'."),
        (["seed"], {"seed": {"searcher": "nsga2"}}, "[study.waves.seed] seed is the seed network"),
        (
            ["mine"],
            {"mine": {"searcher": "nsga2", "proxy": {"step": 3}}},
            "[study.waves.mine.proxy] unknown key 'step'. Did you mean 'steps'?",
        ),
        (
            ["mine"],
            {"mine": {"searcher": "nsga2", "lag": 3, "proxy": {"rungs": [2, 4]}}},
            "[study.waves] mine: ",
        ),
        (
            ["pit", "mine"],
            {"mine": {"searcher": "nsga2", "proxy": {"backend": "native"}}},
            "[study.waves.mine.proxy] backend: expected torch",
        ),
    ],
)  # fmt: skip
def test_what_is_no_method_is_said_in_one_line(tmp_path, methods, tables, words):
    with pytest.raises(ConfigError) as error:
        make_plan(config(tmp_path, methods, **tables))

    (line,) = str(error.value).splitlines()
    assert line.startswith(words)


def test_a_name_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="methods"):
        config(tmp_path, ["../mine"], **{"../mine": {"searcher": "nsga2"}})
