"""A study's folder: what is refused there, and what is kept as it was."""

from __future__ import annotations

import shutil

import pytest

from evonas.config import StudyConfig
from evonas.errors import ConfigError, StoreError
from evonas.runner.search import resume, search
from evonas.study.store import Store
from evonas.study.study import Study

from .tiny_study import tiny_config


def test_a_folder_that_holds_a_study_is_refused(finished):
    with pytest.raises(StoreError, match="evonas resume"):
        search(finished.config)


def _edited(study, tmp_path, old, new):
    """Returns a copy of a study's folder in whose config one entry is another."""
    copy = tmp_path / "copy"
    shutil.copytree(study.directory, copy)
    text = (copy / "config.toml").read_text()
    assert old in text
    (copy / "config.toml").write_text(text.replace(old, new))
    return copy


def test_data_that_changed_is_refused(finished, tmp_path):
    copy = _edited(finished, tmp_path, "train = 60", "train = 61")
    with pytest.raises(StoreError, match="the data changed"):
        Study.load(copy)


def test_a_replay_that_differs_names_the_trial(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    store = Store.open(copy / "study.db")
    store._db.execute("UPDATE trials SET genome = replace(genome, '1', '0') WHERE number = 8")
    store._db.commit()
    store.set_meta("versions", {**store.meta("versions"), "pymoo": "0.5.0"})
    store.close()
    with pytest.raises(StoreError, match=r"trial 8: .*pymoo 0\.5\.0, now"):
        resume(copy)


def test_a_study_keeps_its_config_but_for_the_budget(finished):
    with pytest.raises(ConfigError, match="a study keeps its config"):
        resume(finished.directory, ["proxy.steps=7"])


def test_two_processes_do_not_work_on_one_study(finished):
    with finished.working(), pytest.raises(StoreError, match="another process"), finished.working():
        pass


def test_a_config_that_is_not_the_study_s_own_is_not_overwritten(tmp_path):
    config = tiny_config(tmp_path)
    config.directory.mkdir()
    mine = config.directory / "config.toml"
    mine.write_text("# mine\n" + config.to_toml())
    with pytest.raises(StoreError, match=r"config\.toml is in the way"):
        search(config)
    assert mine.read_text().startswith("# mine")


def test_a_study_that_another_process_works_on_keeps_its_budget(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    with Study.load(copy).working(), pytest.raises(StoreError, match="another process"):
        resume(copy, ["search.budget.trials=20"])
    assert StudyConfig.from_toml(copy / "config.toml").search.budget.trials == 14


def test_missing_weights_are_said(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.directory, copy)
    study = Study.load(copy)
    trial = study.front()[0]
    study.weights_path(trial.number).write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(StoreError, match="no weights here that can be read"):
        study.build(trial)


def test_a_config_edited_under_a_study_is_refused(finished, tmp_path):
    copy = _edited(finished, tmp_path, "learning_rate = 0.02", "learning_rate = 0.01")
    with pytest.raises(StoreError, match="changed since this study began"):
        resume(copy)
