"""A comparison goes on with the same config and data, and keeps when and where it was made."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from evonas.cli import app
from evonas.config_compare import CompareConfig
from evonas.config_table import validate_table
from evonas.errors import DataError, StoreError
from evonas.runner.compare import compare, resume, rewrite_outputs
from evonas.runner.compare_driver import Driver
from evonas.runner.compare_store import RunStore


@pytest.fixture(scope="module", autouse=True)
def _here(in_this_process):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driver, "_in_process", in_this_process)
        patch.setattr("evonas.runner.compare_outputs.save_comparison_figures", lambda *_: ())
        yield


def _write(path, scale=1.0):
    rng = np.random.default_rng(0)
    arrays = {"X_train": rng.normal(size=(24, 1, 8)), "X_test": rng.normal(size=(8, 1, 8))}
    labels = {"y_train": np.arange(24) % 2, "y_test": np.arange(8) % 2}
    np.savez(path, **{name: scale * array for name, array in arrays.items()}, **labels)


def _config(folder, **block):
    data = {
        "compare": {"name": "small", "dir": str(folder / "out"), "n_jobs": 1},
        "study": [
            {
                "name": "noise",
                "task": {"kind": "npz", "path": str(folder / "data.npz")},
                "space": {"seed_network": {"widths": [2], "kernel": 3}},
                "methods": ["width"],
                "budget": {"samples": 32},
                "final": {"steps": 2, "batch_size": 9},
            }
            | block
        ],
    }
    return validate_table(CompareConfig, data, "a.toml")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    _write(folder / "data.npz")
    compare(_config(folder))
    return folder


@pytest.fixture
def folder(first, tmp_path):
    """A folder with the data and a finished comparison of width, whose config names both."""
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "out" / "comparison.toml"
    path.write_text(path.read_text().replace(str(first), str(tmp_path)))
    for record in tmp_path.glob("out/noise/*/run.db"):
        store = RunStore(record.parent)
        fixed = store.meta("fixed")
        fixed["block"]["task"]["path"] = str(tmp_path / "data.npz")
        store.set_meta("fixed", fixed)
        store.close()
    return tmp_path


def test_another_budget_or_recipe_is_refused(folder):
    changed = _config(folder, budget={"samples": 33}, final={"steps": 3, "batch_size": 9})
    with pytest.raises(StoreError, match="'noise' differs in budget, final; choose"):
        compare(changed)


def test_a_method_may_bring_its_table_along(folder):
    more = _config(folder, methods=["width", "random"], random={"pop_size": 4})
    comparison = compare(more)
    assert {run.method for run in comparison.runs if run.finished} == {"seed", "width", "random"}


def test_a_finished_method_whose_table_changed_is_refused_even_after_a_pause(folder):
    both = {"methods": ["width", "random"]}
    compare(_config(folder, **both, random={"pop_size": 4}))
    compare(_config(folder, random={"pop_size": 6}))
    with pytest.raises(StoreError, match="differs in random; choose another folder"):
        compare(_config(folder, **both, random={"pop_size": 6}))


@pytest.mark.parametrize("verb", [resume, rewrite_outputs], ids=["resume", "report"])
def test_finished_runs_are_not_mixed_with_other_data(folder, verb):
    _write(folder / "data.npz", scale=2.0)
    with pytest.raises(StoreError, match="the data of block 'noise' changed since its runs began"):
        verb(folder / "out")


def test_data_is_recognised_by_any_seed_on_record(folder):
    compared = compare(_config(folder, seeds=[3, 0]))
    assert {run.seed for run in compared.runs} == {0, 3}
    _write(folder / "data.npz", scale=2.0)
    with pytest.raises(StoreError, match="the data of block 'noise' changed"):
        compare(_config(folder, seeds=[7, 3]))


def test_a_report_written_later_keeps_when_and_where_the_runs_were_made(folder):
    for method, day in (("seed", "2020-01-02"), ("width", "2020-01-03")):
        store = RunStore(folder / "out" / "noise" / f"{method}-0")
        made = {"date": day, "machine": "a laptop", "versions": {"numpy": day[-1]}}
        store.set_meta("made", made)
        store.close()

    found = rewrite_outputs(folder / "out")

    assert (found.date, found.machine) == ("2020-01-03", "a laptop")
    assert found.versions == {"numpy": "2, 3"}
    assert "Compared on 2020-01-03, on a laptop." in (folder / "out" / "report.md").read_text()


def test_a_failed_run_is_exit_code_1_and_says_how_to_try_again(folder, monkeypatch):
    monkeypatch.setattr(Driver, "_in_process", lambda self, run: self._end(run, "no memory"))
    arguments = ["resume", str(folder / "out"), "--set", "study.methods=['width', 'random']"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "failed: noise, random, seed 0: no memory" in result.stdout
    said = result.stderr.strip().splitlines()[-1]
    assert said == f"evonas: 1 of 3 runs failed. To try them again: evonas resume {folder / 'out'}"


def test_data_without_a_test_part_is_refused_before_anything_is_trained(folder):
    with np.load(folder / "data.npz") as arrays:
        known = dict(arrays)
    empty = {name: known[name][:0] for name in ("X_test", "y_test")}
    np.savez(folder / "untested.npz", **(known | empty))
    task = {"kind": "npz", "path": str(folder / "untested.npz")}
    with pytest.raises(DataError, match="no test part, by which a comparison judges"):
        compare(_config(folder, task=task))


def test_a_folder_in_a_file_s_place_is_one_line(folder):
    path = folder / "small.toml"
    path.write_text(_config(folder).to_toml())
    result = CliRunner().invoke(app, ["compare", str(path), "--dir", str(path / "out")])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()[-1:]) == 1
    assert "Not a directory" in result.stderr.strip().splitlines()[-1]
