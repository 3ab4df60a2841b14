"""An export's folder: whose files are replaced, and what is no record of the network."""

from __future__ import annotations

import json

import pytest

from evonas.errors import ConfigError, StoreError
from evonas.runner.export import export_trial
from evonas.runner.verify import verify

from .tiny_export import edit_record

pytest.importorskip("onnxruntime")
pytest.importorskip("tflite_micro")


def test_an_export_replaces_its_own_files_and_no_others(study, out):
    (out / "notes.txt").write_text("mine")
    verify(out, samples=1)

    export_trial(study, study.seed_trial(), out, ("tflite",))

    names = {path.name for path in out.iterdir()}
    assert (out / "notes.txt").read_text() == "mine"
    assert not names & {"model.onnx", "verify.json"}
    assert json.loads((out / "export.json").read_text())["formats"] == ["tflite"]


def test_an_export_that_was_interrupted_can_be_made_again(study, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("evonas.export.tflite_format.TFLiteFormat.write", fail)
        with pytest.raises(KeyboardInterrupt):
            export_trial(study, study.seed_trial(), tmp_path / "out")
    with pytest.raises(StoreError, match="export it again"):
        verify(tmp_path / "out")
    export_trial(study, study.seed_trial(), tmp_path / "out")
    assert verify(tmp_path / "out", samples=2).is_equal


def test_a_folder_with_other_files_is_refused(study, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no export of evonas"):
        export_trial(study, study.seed_trial(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_record_of_another_program_does_not_make_a_folder_an_export(study, tmp_path):
    (tmp_path / "export.json").write_text('{"files": ["notes.txt"]}')
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="no export of evonas"):
        export_trial(study, study.seed_trial(), tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_changed_record_removes_no_file_that_is_not_of_an_export(study, out):
    (out / "notes.txt").write_text("mine")
    edit_record(out, lambda record: record["files"].update({"notes.txt": 4}))
    export_trial(study, study.seed_trial(), out)
    assert (out / "notes.txt").read_text() == "mine"


def _set(*names, value):
    def change(record):
        for name in names[:-1]:
            record = record[name]
        record[names[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("input", "zero_point", value=3), "input in export.json is not that"),
        (_set("input", "gain", 0, value=1.5), "input in export.json is not that"),
        (_set("output", "scale", value=1.0), "output in export.json is not that"),
        (_set("normalisation", "mean", 0, value=5.0), "normalisation in export.json is not that"),
        (_set("num_outputs", value=2), "num_outputs in export.json is not that"),
        (_set("is_regression", value=True), "is_regression in export.json is not that"),
        (_set("validation", "metric", value=[]), r"lacks validation.metric or has \[\]"),
        (_set("formats", value=3), "lacks formats or has 3"),
        (_set("formats", value=[]), "lacks formats or has"),
        (_set("study", value=3), "lacks study or has 3"),
        (lambda record: record.pop("data"), "lacks data.kind or has None"),
        (lambda record: record.pop("validation"), "lacks validation.metric or has None"),
    ],
)
def test_a_record_that_is_not_of_the_network_is_refused(out, change, message):
    edit_record(out, change)
    with pytest.raises(StoreError, match=message):
        verify(out, samples=1)
