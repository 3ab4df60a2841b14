"""`evonas export` and `evonas verify` from Python, on a tiny study."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import evonas
from evonas.config import StudyConfig
from evonas.errors import ConfigError, DataError
from evonas.export.format import Artefact
from evonas.export.tflite_format import TFLiteFormat
from evonas.proxy.backends.torch import TorchBackend
from evonas.quant.stored import load_network, save_network
from evonas.runner.export import ExportOptions, export_target, export_trial
from evonas.runner.search import search
from evonas.runner.verify import verify

from .tiny_export import BOTH, CONFIG, SHAPE, edit_record

pytest.importorskip("onnxruntime")
pytest.importorskip("tflite_micro")


def test_the_folder_holds_the_models_and_what_verifies_them(exported, study):
    names = {path.name for path in exported.folder.iterdir()}
    record = json.loads((exported.folder / "export.json").read_text())

    assert names >= {"model.tflite", "model.onnx", "spec.json", "weights.npz", "int8.npz"}
    assert names >= {"export.json", "test_vectors.npz", "README.md"}
    assert record["digest"] == study.recommend().digest
    assert record["trial"] == study.recommend().number
    assert record["labels"] == ["wave0", "wave1", "wave2"]
    assert record["costs"]["params"] == study.recommend().values["params"]
    size = (exported.folder / "model.tflite").stat().st_size
    assert record["files"]["model.tflite"] == size
    assert abs(size - record["metadata_bytes"] - record["costs"]["model_bytes"]) <= 256


def test_the_metadata_in_the_tflite_say_which_network_it_is(exported, study):
    data = (exported.folder / "model.tflite").read_bytes()
    text = data[data.index(b'{"costs') :].decode(errors="replace")
    found, _ = json.JSONDecoder().raw_decode(text)
    assert (found["study"], found["digest"]) == ("tiny", study.recommend().digest)
    assert found["labels"] == ["wave0", "wave1", "wave2"]
    assert found["mean"] == pytest.approx(study.splits.normalisation.mean.tolist(), rel=1e-5)


def test_the_formula_that_is_written_feeds_the_network(exported):
    record = json.loads((exported.folder / "export.json").read_text())
    with np.load(exported.folder / "test_vectors.npz") as vectors:
        X, q = vectors["inputs"], vectors["int8_inputs"]
    mean, gain = (
        np.float32(record[a][b]) for a, b in (("normalisation", "mean"), ("input", "gain"))
    )
    zero_point = record["input"]["zero_point"]

    for sample, row in zip(X, q, strict=True):
        for c in range(SHAPE[0]):
            v = np.rint((sample[c] - mean[c]) * gain[c]) + zero_point
            assert row[0, :, c].tolist() == np.clip(v, -128, 127).tolist()
    assert f"gain[c]) + {zero_point};" in (exported.folder / "README.md").read_text()


def test_verification_finds_all_outputs_equal_and_scores_the_test_part(exported, study):
    found = verify(exported.folder)

    test = study.splits.test
    outputs = TorchBackend().predict(
        study.recommend().spec, study.weights(study.recommend()), test.X
    )
    error = float(np.mean(outputs.argmax(axis=1) != test.y))
    assert found.is_equal
    assert [(c.file, c.n_samples, c.n_different) for c in found.comparisons] == [
        ("model.tflite", 30, 0),
        ("model.onnx", 30, 0),
    ]
    assert found.values["float"] == found.values["model.onnx"] == error
    assert abs(found.values["model.tflite"] - error) <= 2 / 30
    figures = {f.name: (f.measured, f.predicted) for f in found.comparisons[0].figures}
    assert len({*figures["arena head"]}) == 1
    assert json.loads((exported.folder / "verify.json").read_text()) == found.to_dict()


def test_the_studys_report_lists_the_export_and_its_verification(exported, study):
    verify(exported.folder, samples=5)
    report = (study.directory / "report.md").read_text()
    section = report[report.index("## Exports") : report.index("## Again")]
    assert f"| {study.recommend().number} | " in section
    assert "model.tflite: 0 of 15, model.onnx: 0 of 15 (test)" in section


def test_fewer_samples_are_spread_over_the_test_part(exported, study):
    found = verify(exported.folder, samples=3)
    assert (len(found.samples.X), found.samples.n_all) == (3, 30)
    assert found.samples.y.tolist() == study.splits.test.y[[0, 14, 29]].tolist()


def test_a_file_of_other_integers_is_not_verified_and_the_place_is_named(out):
    spec = evonas.ArchSpec.from_json((out / "spec.json").read_text())
    network = load_network(out / "int8.npz", spec)
    biases = network.ops[-1].biases + np.int32([0, 1 << 12, 0])
    last = dataclasses.replace(network.ops[-1], biases=biases)
    changed = dataclasses.replace(network, ops=(*network.ops[:-1], last))
    TFLiteFormat().write(Artefact(spec, {}, changed.normalisation, changed), out)

    found = verify(out)

    assert not found.is_equal
    assert found.comparisons[0].first.output == 1
    assert found.comparisons[0].n_different == 30  # one output in three
    assert "first: sample 0, output 1: expected" in "\n".join(found.lines())


def test_integers_that_do_not_match_the_stored_vectors_are_not_verified(out):
    spec = evonas.ArchSpec.from_json((out / "spec.json").read_text())
    network = load_network(out / "int8.npz", spec)
    last = dataclasses.replace(network.ops[-1], biases=network.ops[-1].biases + (1 << 12))
    changed = dataclasses.replace(network, ops=(*network.ops[:-1], last))
    save_network(out / "int8.npz", changed)
    TFLiteFormat().write(Artefact(spec, {}, changed.normalisation, changed), out)

    found = verify(out)

    assert [c.n_different for c in found.comparisons] == [0, 0]
    assert not found.is_equal
    assert "test_vectors.npz: differs" in "\n".join(found.lines())


def test_a_file_that_crashes_the_interpreter_is_one_line(out, monkeypatch):
    path = out / "model.tflite"
    path.write_bytes(path.read_bytes() + b"tail")
    assert verify(out, samples=1).is_equal  # not as written, and tried apart first
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr("evonas.export.tflite_format.PROBE", crash)
    with pytest.raises(DataError, match=r"model\.tflite: the file is damaged \(.* crashes on it\)"):
        verify(out, samples=1)


def test_a_file_of_other_bytes_is_named_where_its_outputs_are_equal(exported, out):
    edit_record(out, lambda record: record["metadata"].update(study="other"))

    found = verify(out, samples=5)

    assert found.is_equal
    assert "model.tflite" in found.lines()[0]
    assert "  note: its bytes are not those that evonas writes" in "\n".join(found.lines())
    assert "note: its bytes" not in "\n".join(verify(exported.folder, samples=5).lines())


def test_without_its_data_the_stored_vectors_are_run(out):
    record = json.loads((out / "export.json").read_text())
    record["data"]["settings"]["noise"] = 0.3
    (out / "export.json").write_text(json.dumps(record))

    found = verify(out)

    assert found.is_equal
    assert (found.samples.part, found.comparisons[0].n_samples) == ("stored", 8)
    assert "another fingerprint" in found.notes[0]


def test_own_arrays_are_exported_and_verified_from_python(config, tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = (rng.normal(size=(40, 1, 16)) + 5 + 3 * y[:, None, None]).astype(np.float32)
    settings = config.with_overrides(["search.budget.trials=4", "final.candidates=1"])
    study = search(settings, directory=tmp_path / "own", data=(X, y))

    export_trial(study, study.seed_trial(), tmp_path / "out")

    assert verify(tmp_path / "out").samples.part == "stored"
    found = verify(tmp_path / "out", study=study)
    assert (found.samples.part, found.is_equal) == ("validation", True)
    assert set(found.values) == {"model.tflite", "float"}


def test_an_offline_plan_is_embedded_and_honoured(study, tmp_path):
    found = export_trial(
        study, study.seed_trial(), tmp_path / "plan", options=ExportOptions(offline_plan=True)
    )

    assert found.record["runtime"] == "tflm_offline"
    assert b"OfflineMemoryAllocation" in (tmp_path / "plan" / "model.tflite").read_bytes()
    verified = verify(tmp_path / "plan")
    assert verified.is_equal
    head = verified.comparisons[0].figures[0]
    assert head.measured == head.predicted


def test_a_bare_file_is_as_predicted(study, tmp_path):
    export_trial(study, study.seed_trial(), tmp_path, options=ExportOptions(bare=True))

    record = json.loads((tmp_path / "export.json").read_text())
    data = (tmp_path / "model.tflite").read_bytes()
    assert b"tiny" not in data
    assert record["metadata_bytes"] == 0
    assert abs(len(data) - record["costs"]["model_bytes"]) <= 256
    assert verify(tmp_path, samples=2).is_equal


def test_softmax_makes_shares_of_the_logits_in_both_formats(study, tmp_path):
    export_trial(study, study.seed_trial(), tmp_path / "out", BOTH, ExportOptions(softmax=True))

    found = verify(tmp_path / "out")

    assert found.is_equal
    for comparison in found.comparisons:
        assert comparison.answers.sum(axis=1) == pytest.approx(np.ones(30), abs=2 / 256)
    int8, float32 = (c.answers for c in found.comparisons)
    assert np.abs(int8 - float32).max() < 0.1
    assert "Shares of the classes" in (tmp_path / "out" / "README.md").read_text()


def test_softmax_of_a_number_is_refused(network, tmp_path):
    task = {"kind": "synthetic", "pattern": "adding", "train": 60, "test": 30, "length": 24}
    sums = StudyConfig.model_validate({**CONFIG, "task": task})
    target = network(outputs=1)
    with pytest.raises(ConfigError, match="--softmax is for classes"):
        export_target(target, tmp_path / "out", ("tflite",), sums, ExportOptions(softmax=True))
    export_target(target, tmp_path / "out", BOTH, sums)
    found = verify(tmp_path / "out")
    assert (found.is_equal, found.metric) == (True, "rmse")
    assert "A number in the target's own unit" in (tmp_path / "out" / "README.md").read_text()
