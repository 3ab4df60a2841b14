"""What every export format promises."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.errors import ConfigError, DataError
from evonas.export import FORMATS
from evonas.export.format import Artefact
from evonas.proxy.weights import initial_weights
from evonas.quant.feed import normalised
from evonas.quant.quantize import quantize
from evonas.tasks.splits import Normalisation

pytest.importorskip("onnxruntime")
pytest.importorskip("tflite_micro")

NORMALISATION = Normalisation(np.float32([100, -3]), np.float32([20, 0.5]))
SHAPE = (2, 24)


@pytest.fixture(params=FORMATS.names())
def chosen(request):
    return FORMATS.get(request.param)()


@pytest.fixture(scope="module")
def natural_inputs():
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (16, *SHAPE)) * NORMALISATION.std[:, None] + NORMALISATION.mean[:, None]
    return X.astype(np.float32)


@pytest.fixture(scope="module")
def make(natural_inputs):
    """Returns a function of a seed: a network as it is exported, of other weights for each."""
    b = SpecBuilder()
    x = b.relu(b.batch_norm(b.conv1d(b.input(SHAPE), 4, kernel=5, padding="causal", dilation=2)))
    spec = b.finish(b.dense(b.flatten(b.pool(x, "max", 2)), 3))

    def make(seed):
        weights = initial_weights(spec, seed)
        X = normalised(natural_inputs, NORMALISATION)
        network = quantize(spec, weights, X, NORMALISATION)
        metadata = {"study": "tiny", "labels": ["a", "b", "c"], "mean": [100.0, -3.0]}
        return Artefact(spec, weights, NORMALISATION, network, metadata)

    return make


def test_a_file_computes_what_is_expected_of_natural_inputs(chosen, make, natural_inputs, tmp_path):
    artefact = make(0)
    chosen.check(artefact.spec)

    path = chosen.write(artefact, tmp_path)
    found = chosen.compare(artefact, tmp_path, natural_inputs)

    assert path == tmp_path / chosen.file
    assert (found.n_samples, found.n_values, found.n_different, found.first) == (16, 48, 0, None)
    assert found.answers.shape == (16, 3)
    assert not list(tmp_path.glob("*.part"))


def test_a_file_of_other_weights_differs_and_it_is_said_where(
    chosen, make, natural_inputs, tmp_path
):
    chosen.write(make(1), tmp_path)

    found = chosen.compare(make(0), tmp_path, natural_inputs)

    assert found.n_different > 24
    assert (found.first.sample, found.first.output) <= (0, 2)
    assert found.first.expected != found.first.found


def test_the_same_network_gives_the_same_bytes(chosen, make, tmp_path):
    first, second = (chosen.write(make(0), tmp_path).read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.98])
def test_a_cut_file_is_one_line_that_names_it(chosen, make, natural_inputs, tmp_path, share):
    path = chosen.write(make(0), tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    with pytest.raises(DataError) as raised:
        chosen.compare(make(0), tmp_path, natural_inputs)

    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_gone_is_one_line(chosen, make, natural_inputs, tmp_path):
    with pytest.raises(DataError, match=chosen.file):
        chosen.compare(make(0), tmp_path, natural_inputs)


def test_a_format_writes_the_files_that_it_names_and_no_others(chosen, make, tmp_path):
    chosen.write(make(0), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {chosen.file, *chosen.others}


@pytest.mark.parametrize("chosen", ["onnx", "tflite"], indirect=True)
def test_without_its_package_a_format_says_what_installs_it(chosen, make, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    for name in [name for name in sys.modules if name.startswith("evonas.export.tflite")]:
        if name != "evonas.export.tflite_format":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "evonas.export.flatbuffer", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'evonas\[(tflite|onnx)\]'"):
        chosen.check(make(0).spec)
