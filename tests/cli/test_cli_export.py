"""The commands export and verify, and the list of formats."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from .command_line import refused, run


@pytest.fixture(scope="module")
def exported(study, tmp_path_factory):
    pytest.importorskip("tflite_micro")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exported") / "out"
    target = f"{study[0]}:recommended"
    result = run("export", target, "--format", "tflite,onnx", "-o", folder)
    assert result.exit_code == 0, result.output
    return folder, result


def test_an_export_prints_sizes_metrics_and_the_next_command(exported):
    folder, result = exported
    assert "model.tflite: " in result.stdout
    assert "predicted" in result.stdout
    assert "validation error: int8 " in result.stdout
    assert f"written: {folder}" in result.stdout
    assert f"next: evonas verify {folder}" in result.stdout
    assert "quantising on 45 training samples" in result.stderr


def test_a_verification_prints_every_comparison_and_ends_with_0(exported):
    result = run("verify", exported[0])
    assert result.exit_code == 0, result.output
    assert "model.tflite == numpy reference: 0 of 60 bytes differ over 20 test" in result.stdout
    assert "model.onnx == PyTorch: 0 of 60 outputs differ" in result.stdout
    assert result.stdout.endswith("verified\n")
    found = json.loads(run("verify", exported[0], "--samples", 3, "--json").stdout)
    assert (found["is_equal"], found["n_samples"]) == (True, 3)


def test_a_verification_that_fails_ends_with_1_and_a_damaged_file_with_2(exported, tmp_path):
    out = shutil.copytree(exported[0], tmp_path / "out")
    with np.load(out / "test_vectors.npz") as vectors:
        changed = dict(vectors) | {"int8_outputs": vectors["int8_outputs"] ^ 1}
    np.savez(out / "test_vectors.npz", **changed)
    result = run("verify", out)
    assert result.exit_code == 1
    assert "test_vectors.npz: differs; sample 0, output 0: expected" in result.stdout

    path = out / "model.tflite"
    path.write_bytes(path.read_bytes()[:400])
    assert f"{path}: the file is damaged" in refused("verify", out)


def test_an_export_that_cannot_be_made_is_one_line(study, tmp_path):
    target, out = f"{study[0]}:recommended", tmp_path / "out"
    for line, words in (
        (("nothing", "-o", out), "'nothing' is no network"),
        ((target, "-o", out, "--format", "tflit"), "Did you mean 'tflite'?"),
        ((target, "-o", study[0]), "no export of evonas"),
    ):
        lines = run("export", *line).stderr.strip().splitlines()
        assert words in lines[-1]
        assert run("export", *line).exit_code == 2
    assert "evonas export TARGET -o OUT" in refused("verify", out)
    assert "expected at least 1" in refused("verify", out, "--samples", 0)


def test_formats_are_listed(study):
    assert [line.split()[0] for line in run("list", "formats").stdout.splitlines()] == [
        "c",
        "onnx",
        "tflite",
    ]
