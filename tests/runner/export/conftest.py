"""A tiny study, its export, and networks of spec files to export."""

from __future__ import annotations

import shutil

import pytest

from evonas.arch import SpecBuilder
from evonas.config import StudyConfig
from evonas.proxy.weights import initial_weights
from evonas.runner.export import export_trial
from evonas.runner.search import search
from evonas.study.evaluate import save_weights
from evonas.study.study import Study

from .tiny_export import BOTH, CONFIG, SHAPE


@pytest.fixture(scope="package")
def study(tmp_path_factory) -> Study:
    config = StudyConfig.model_validate(CONFIG)
    return search(config, directory=tmp_path_factory.mktemp("export") / "tiny")


@pytest.fixture(scope="package")
def exported(study, tmp_path_factory):
    return export_trial(study, study.recommend(), tmp_path_factory.mktemp("out") / "a b", BOTH)


@pytest.fixture
def out(exported, tmp_path):
    """Returns a copy of the export, to be damaged."""
    return shutil.copytree(exported.folder, tmp_path / "out")


@pytest.fixture
def config():
    return StudyConfig.model_validate(CONFIG)


@pytest.fixture
def network(tmp_path):
    """Returns a function that writes a network and weights, and returns its spec.json."""

    def write(read=None, change=None, shape=SHAPE, outputs=3):
        b = SpecBuilder()
        x = b.input(shape)
        spec = b.finish(b.dense((read or SpecBuilder.global_average_pool)(b, x), outputs))
        weights = initial_weights(spec, 0)
        if change is not None:
            change(weights)
        (tmp_path / "spec.json").write_text(spec.to_json())
        save_weights(tmp_path / "weights.npz", weights)
        return str(tmp_path / "spec.json")

    return write
