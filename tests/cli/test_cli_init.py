"""The command init: a config fitted to the data."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.config import StudyConfig

from .command_line import run


def test_init_writes_a_config_that_a_search_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 2, 70)) + y[:, None, None]
    np.savez("my.npz", X_train=X[:60], y_train=y[:60], X_test=X[60:], y_test=y[60:])
    result = run("init", "--data", "my.npz", "--device", "stm32l4r5")
    assert result.exit_code == 0, result.output
    assert (
        "2 channels x 70 samples, 3 classes; 45 training, 15 validation, 30 test" in result.stdout
    )
    (tmp_path / "study.toml").write_text(result.stdout)
    dry = run("search", "study.toml", "--dry-run")
    assert dry.exit_code == 0, dry.output


@pytest.mark.parametrize("length", [1, 5])
def test_init_takes_short_signals_and_names_with_quotes(tmp_path, monkeypatch, length):
    monkeypatch.chdir(tmp_path)
    X, y = np.random.default_rng(0).normal(size=(60, 2, length)), np.arange(60) % 3
    np.savez('my "ä" data.npz', X_train=X, y_train=y)
    result = run("init", "--data", 'my "ä" data.npz', "--device", "stm32u575")
    assert result.exit_code == 0, result.output
    assert "# of tflm, " in result.stdout
    (tmp_path / "study.toml").write_text(result.stdout, encoding="utf-8")
    config = StudyConfig.from_toml("study.toml")
    assert config.directory.name == 'my "ä" data'
    assert config.device.name == "stm32u575"
    dry = run("search", "study.toml", "--dry-run")
    assert dry.exit_code == 0, dry.output


@pytest.mark.parametrize("size", [(8, 8), (5, 40), (24, 24)])
def test_init_takes_images_too(tmp_path, monkeypatch, size):
    monkeypatch.chdir(tmp_path)
    X, y = np.random.default_rng(0).normal(size=(60, 1, *size)), np.arange(60) % 3
    np.savez("images.npz", X_train=X, y_train=y)
    result = run("init", "--data", "images.npz")
    assert result.exit_code == 0, result.output
    assert f"1 channel x {size[0]} x {size[1]} pixels, 3 classes;" in result.stdout
    assert 'kind = "metakernel"' in result.stdout
    (tmp_path / "study.toml").write_text(result.stdout, encoding="utf-8")
    dry = run("search", "study.toml", "--dry-run", "--set", 'final.references=["resnet8"]')
    assert dry.exit_code == 0, dry.output
