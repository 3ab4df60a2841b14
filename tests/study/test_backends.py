"""What trained a network is chosen by the config and recorded with each evaluation."""

import subprocess
import sys

import pytest

from evonas.config import StudyConfig
from evonas.config_table import validate_table
from evonas.console import opening_lines
from evonas.errors import ConfigError, StoreError
from evonas.proxy.backends import choose
from evonas.proxy.backends.native.engine import extension
from evonas.runner.search import resume, search
from evonas.study.study import Study


@pytest.fixture(autouse=True)
def _without_outputs(monkeypatch):
    monkeypatch.setattr("evonas.runner.search.write_outputs", lambda *_: None)  # of other tests


def config(folder, proxy, final):
    data = {
        "study": {"dir": str(folder / "study")},
        "task": {"kind": "synthetic", "train": 60, "test": 20, "shape": [2, 24]},
        "space": {"kind": "tcn", "seed_network": {"widths": [6, 8], "kernel": 5, "pool": [1]}},
        "search": {"pop_size": 4, "budget": {"trials": 4}, "n_jobs": 1},
        "proxy": {"steps": 4, "backend": proxy},
        "final": {"steps": 4, "candidates": 2, "backend": final},
    }
    return validate_table(StudyConfig, data, "tiny")


@pytest.mark.skipif(extension() is None, reason="installed without a C compiler")
@pytest.mark.parametrize(("proxy", "final"), [("auto", "torch"), ("torch", "native")])
def test_each_evaluation_records_its_backend(tmp_path, proxy, final):
    study = search(config(tmp_path, proxy, final))
    used = {
        (e.stage, e.backend) for trial in study.trials() for e in trial.evaluations
    }  # the seed network's are of stage final

    proxy_used = "native" if proxy == "auto" else proxy
    assert used == {("proxy", proxy_used), ("final", final), ("test", final)}


def test_networks_are_trained_by_what_suits_them_unless_told_otherwise():
    plain = StudyConfig.model_validate({"task": {"kind": "digits"}})

    assert (plain.proxy.backend, plain.final.backend) == ("auto", "auto")


def test_a_study_from_before_there_was_a_choice_goes_on_with_pytorch(tmp_path):
    study = search(config(tmp_path, "torch", "torch"))
    path = study.directory / "config.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("backend")))
    assert sum(line.startswith("backend") for line in lines) == 2
    gone_on = resume(study.directory, ["search.budget.trials=6"])

    used = {e.backend for trial in gone_on.trials() for e in trial.evaluations}
    assert used == {"torch"}
    assert sum(bool(trial.of_stage("proxy")) for trial in gone_on.trials()) == 6
    assert gone_on.config.proxy.backend == "torch"


def test_what_trains_a_study_does_not_change(tmp_path):
    plain, chosen = config(tmp_path, "torch", "torch"), config(tmp_path, "auto", "torch")
    study = search(plain)
    path = study.directory / "config.toml"
    path.write_text(path.read_text().replace('backend = "torch"', 'backend = "auto"', 1))

    assert plain.fixed_digest != chosen.fixed_digest
    with pytest.raises(StoreError, match="changed since this study began"):
        resume(study.directory)


def test_without_the_extension_a_search_says_once_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(choose, "extension", lambda: None)
    lines = opening_lines(Study.from_config(config(tmp_path / "a", "auto", "auto")))
    bound = opening_lines(Study.from_config(config(tmp_path / "b", "torch", "torch")))

    (hint,) = [line for line in lines if "native" in line]
    assert hint.startswith("PyTorch trains all networks.")
    assert "pip install --force-reinstall --no-deps evonas" in hint
    assert not any("native" in line for line in bound)


def test_what_cannot_train_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(choose, "extension", lambda: None)

    with pytest.raises(ConfigError, match=r"^\[final\] backend: native is not installed; install"):
        search(config(tmp_path, "auto", "native"))
    assert not (tmp_path / "study").exists()


CHILD = """
import sys
from evonas.config import StudyConfig
from evonas.runner.search import search

study = search(StudyConfig.from_toml(sys.argv[1]))
print(len(study.front()), "torch" in sys.modules)
"""


@pytest.mark.skipif(extension() is None, reason="installed without a C compiler")
def test_a_study_that_is_trained_natively_never_imports_pytorch(tmp_path):
    path, script = tmp_path / "tiny.toml", tmp_path / "child.py"
    path.write_text(config(tmp_path, "auto", "auto").to_toml())
    script.write_text(CHILD)
    run = subprocess.run(
        [sys.executable, script, path], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    in_front, has_torch = run.stdout.split()
    assert int(in_front) >= 1
    assert has_torch == "False"  # from the task to the report and its figures
