"""What trains in a comparison: PyTorch, or another backend where every method can use it."""

import sqlite3

import pytest

from evonas.baselines import BASELINES
from evonas.config_compare import CompareConfig, SearchSettings
from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.proxy.backends.native.engine import extension
from evonas.runner.compare import compare
from evonas.runner.compare_driver import Driver
from evonas.runner.compare_plan import make_plan

TABLES = ("proxy", "final", "relaxed")


def config(folder, methods, **tables):
    block = {
        "name": "waves",
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "methods": methods,
        "budget": {"samples": 720},
    } | {name: {"steps": 4, "batch_size": 15} | tables.get(name, {}) for name in TABLES}
    data = {"compare": {"dir": str(folder), "n_jobs": 1}, "study": [block]}
    return validate_table(CompareConfig, data, "x")


def test_a_comparison_trains_with_pytorch_unless_told_otherwise(tmp_path):
    (block,) = config(tmp_path, ["nsga2"]).study

    assert [getattr(block, name).backend for name in TABLES] == ["torch"] * 3
    study = block.study_config("nsga2", SearchSettings(pop_size=4), 0, tmp_path, {"trials": 4})
    assert (study.proxy.backend, study.final.backend) == ("torch", "torch")


@pytest.mark.parametrize("backend", ["auto", "native"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("method", ["pit", "dnas"])
def test_what_gradient_based_searches_cannot_use_is_refused(tmp_path, method, table, backend):
    unfair = config(tmp_path, ["nsga2", method], **{table: {"backend": backend}})

    with pytest.raises(ConfigError) as error:
        make_plan(unfair)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"[study.waves.{table}] backend: expected torch, with which {method}")
    assert repr(backend) in line
    assert method in BASELINES.names()


@pytest.mark.skipif(extension() is None, reason="installed without a C compiler")
def test_searchers_and_the_scaled_seed_may_train_natively(tmp_path, monkeypatch, in_this_process):
    monkeypatch.setattr(Driver, "_in_process", in_this_process)
    monkeypatch.setattr("evonas.runner.compare_outputs.save_comparison_figures", lambda *_: ())
    used = {"proxy": {"backend": "auto"}, "final": {"backend": "native"}}
    made = compare(config(tmp_path, ["nsga2", "random", "width"], **used))

    assert all(run.finished for run in made.runs)
    assert {row.method for row in made.rows if row.test is not None} >= {"nsga2", "width"}
    with sqlite3.connect(tmp_path / "waves" / "nsga2-0" / "study.db") as record:
        found = set(record.execute("select distinct stage, backend from evaluations"))
    assert found == {(stage, "native") for stage in ("proxy", "final", "test")}
