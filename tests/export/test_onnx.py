"""ONNX files against onnxruntime and the PyTorch network that they stem from."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.arch.ops import OPS, Activation
from evonas.errors import ConfigError, DataError
from evonas.export.onnx import onnx_bytes, run_onnx
from evonas.export.onnx_ops import HANDLERS, WITHOUT_NODE
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.weights import initial_weights
from evonas.references import reference
from evonas.searchers.sampling import sample_genes
from evonas.spaces import RNNSpace, TCNSpace
from evonas.tasks.splits import Normalisation

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TOLERANCE = 1e-4


def trained(spec, seed=0):
    """Returns weights as if trained: batch norms are no identities, scalars no starting values."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(0.5, 2, array.shape).astype(np.float32)
        if name.endswith("running_var")
        else (array + rng.normal(0, 0.2, array.shape)).astype(np.float32)
        for name, array in initial_weights(spec, seed).items()
    }


def largest_difference(spec, weights, n=3):
    """Returns the largest difference of onnxruntime and torch in shares of the largest output."""
    rng = np.random.default_rng(1)
    channels = spec.input_shape[0]
    normalisation = Normalisation(
        rng.normal(3, 2, channels).astype(np.float32),
        rng.uniform(0.5, 4, channels).astype(np.float32),
    )
    X = rng.normal(3, 2, (n, *spec.input_shape)).astype(np.float32)
    shape = (-1, *(1,) * (X.ndim - 2))
    mean, std = normalisation.mean.reshape(shape), normalisation.std.reshape(shape)
    expected = TorchBackend().predict(spec, weights, (X - mean) / std)
    found = run_onnx(onnx_bytes(spec, weights, normalisation), X)
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / np.abs(expected).max()


def sequence(add, shape=(3, 11)):
    """Returns a network of one operator on a sequence, a pooling and a dense layer."""
    b = SpecBuilder()
    x = b.input(shape)
    return b.finish(b.dense(b.global_average_pool(add(b, x)), 4))


@pytest.mark.parametrize(
    ("cell", "rank_w", "rank_u"),
    [
        *((cell, 0, 0) for cell in CELLS if cell != "lstm"),
        *((cell, 1, 2) for cell in CELLS),
    ],
)
def test_every_recurrent_cell_answers_as_in_torch(cell, rank_w, rank_u):
    spec = sequence(
        lambda b, x: b.recurrent(x, cell, hidden=6, rank_w=rank_w, rank_u=rank_u), (5, 11)
    )
    assert largest_difference(spec, trained(spec)) < TOLERANCE


@pytest.mark.parametrize("length", [12, 14])
def test_stacked_frames_before_an_lstm_and_its_last_step(length):
    b = SpecBuilder()
    x = b.lstm(b.stack_frames(b.input((2, length)), 4), hidden=5)
    spec = b.finish(b.dense(b.last_step(x), 3))
    assert largest_difference(spec, trained(spec)) < TOLERANCE


def test_pooling_pads_count_for_nothing_and_relu6_is_cut():
    b = SpecBuilder()
    x = b.add_op(Activation("relu6"), b.batch_norm(b.input((2, 7, 9))))
    pads = ((1, 1), (0, 1))
    parts = [b.pool(x, kind, size=3, stride=2, pads=pads) for kind in ("average", "max")]
    spec = b.finish(b.dense(b.flatten(b.add(*parts)), 3))
    assert largest_difference(spec, trained(spec)) < TOLERANCE


@pytest.mark.parametrize("shape", [(2, 12), (2, 9, 8)])
def test_meta_kernels_are_merged_whatever_their_branches(shape):
    b = SpecBuilder()
    x, rank = b.input(shape), len(shape) - 1
    kernels = ((1,) * rank, (3,) * rank, (5,) * rank)
    x = b.relu(b.meta_kernel(x, 6, kernels, stride=2, dilation=2))
    x = b.add(x, b.meta_kernel(x, 6, kernels[:2], groups=6))
    spec = b.finish(b.dense(b.global_average_pool(x), 3))
    assert largest_difference(spec, trained(spec)) < TOLERANCE


@pytest.mark.parametrize("space", [TCNSpace, RNNSpace])
def test_random_networks_of_a_space(space):
    made = space.from_settings({}, (3, 40), 4)
    for seed, genome in enumerate(sample_genes(made.genes, np.random.default_rng(0), 6)):
        spec = made.decode(genome)
        assert largest_difference(spec, trained(spec, seed), n=2) < TOLERANCE


@pytest.mark.parametrize("name", ["ds_cnn", "resnet8", "fc_autoencoder"])
def test_reference_networks(name):
    spec = reference(name)
    assert largest_difference(spec, trained(spec), n=1) < TOLERANCE


def test_every_operator_has_a_handler():
    assert {*HANDLERS, *WITHOUT_NODE} == set(OPS.values())


def test_the_file_is_of_an_old_version_and_says_what_it_is():
    spec = sequence(lambda b, x: b.conv1d(x, out_channels=2, kernel=3))
    data = onnx_bytes(spec, trained(spec), metadata={"labels": "a, b"})

    model = onnx.load_from_string(data)

    assert (model.ir_version, model.opset_import[0].version) == (7, 13)
    assert [(p.key, p.value) for p in model.metadata_props] == [("labels", "a, b")]
    assert data == onnx_bytes(spec, trained(spec), metadata={"labels": "a, b"})


def test_without_the_package_the_error_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    spec = sequence(lambda b, x: x)
    with pytest.raises(ConfigError, match=r"pip install 'evonas\[onnx\]'"):
        onnx_bytes(spec, trained(spec))


def test_a_damaged_file_is_one_line():
    spec = sequence(lambda b, x: x)
    data = onnx_bytes(spec, trained(spec))
    with pytest.raises(DataError, match="does not take the file") as raised:
        run_onnx(data[: len(data) // 2], np.zeros((1, 3, 11), np.float32))
    assert "\n" not in str(raised.value)
