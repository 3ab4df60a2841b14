"""Bad input at the command line: one line, exit code 2, nothing left behind."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from .command_line import SYNTHETIC, refused

BAD = {
    "missing file": ('kind = "npz"\npath = "none.npz"', "", "none.npz"),
    "unknown task": ('kind = "npy"', "", "Unknown task 'npy'. Did you mean 'npz'?"),
    "unknown set": ('kind = "aeon"\nname = "JapaneseVowel"', "", "JapaneseVowel"),
    "unknown task key": (SYNTHETIC + "\nnoize = 1", "", "Did you mean 'noise'?"),
    "unknown key": (SYNTHETIC, "popsize = 3", "[search] unknown key 'popsize'"),
    "unknown searcher": (SYNTHETIC, 'searcher = "nsga2x"', "Did you mean 'nsga2'?"),
    "unknown objective": (SYNTHETIC, 'objectives = ["latncy"]', "Did you mean 'latency'?"),
    "unknown limit": (SYNTHETIC, "limits = { latncy = 1 }", "Did you mean 'latency'?"),
    "wrong unit": (SYNTHETIC, 'limits = { latency = "5 kB" }', "[search.limits] latency"),
    "impossible limit": (SYNTHETIC, "limits = { params = 2 }", "smallest reachable value is"),
    "wrong metric": (SYNTHETIC + '\nmetric = "rmse"', "", "rmse"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing_behind(config, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    task, search, words = BAD[case]
    assert words in refused("search", config(task, search))
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X_train": np.zeros((9, 1, 8))}, "y_train"),
        ({"X_train": np.zeros((9, 8)), "y_train": np.zeros(9, int)}, "X_train"),
        ({"X_train": np.full((9, 1, 8), np.nan), "y_train": np.arange(9) % 3}, "NaN"),
        ({"X_train": np.zeros((9, 1, 8)), "y_train": np.array([0, 2] * 4 + [0])}, "class"),
    ],
)
def test_unusable_arrays_are_one_line(config, tmp_path, arrays, words):
    np.savez(tmp_path / "bad.npz", **arrays)
    line = refused("search", config(f'kind = "npz"\npath = "{tmp_path}/bad.npz"'))
    assert words in line


def test_an_unknown_device_and_space_are_refused(config):
    assert "Did you mean 'stm32l4r5'" in refused(
        "search", config(), "--set", "device.name=stm32l4r"
    )
    assert "Unknown search space 'tcnn'" in refused("search", config(), "--set", "space.kind=tcnn")
    assert "stm32l4r5" in refused("search", config(), "--set", "device.runtime=gap8")
    assert "Did you mean 'tflm'" in refused("search", config(), "--set", "device.runtime=tfml")


def test_a_damaged_or_missing_study_is_refused(study, tmp_path):
    assert "no study here" in refused("resume", tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(study[0], copy)
    (copy / "study.db").write_bytes(b"garbage" * 1000)
    assert "damaged" in refused("resume", copy)
    assert "damaged" in refused("report", copy)


def test_changed_data_is_refused(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(study[0], copy)
    text = (copy / "config.toml").read_text()
    (copy / "config.toml").write_text(text.replace("train = 60", "train = 63"))
    assert "the data changed" in refused("resume", copy)
