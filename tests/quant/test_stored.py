"""Quantised networks on disk."""

import dataclasses

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.errors import StoreError
from evonas.proxy.weights import initial_weights
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.quant.stored import load_network, save_network
from evonas.study.evaluate import load_weights
from evonas.tasks.splits import Normalisation

SHAPE = (4, 12)


def spec_of(kind):
    b = SpecBuilder()
    x = b.input(SHAPE)
    if kind == "tcn":
        x = b.relu(b.conv1d(x, 6, kernel=3, padding="causal"))
        x = b.add(x, b.conv1d(x, 6, kernel=1))
        x = b.global_average_pool(x)
    elif kind == "lstm":
        x = b.last_step(b.lstm(x, 5))
    else:
        x = b.last_step(b.recurrent(b.recurrent(x, kind, 6, rank_w=1, rank_u=2), kind, 5))
    return b.finish(b.dense(x, 3))


def quantised(kind):
    spec = spec_of(kind)
    X = np.random.default_rng(0).normal(size=(20, *SHAPE)).astype(np.float32)
    normalisation = Normalisation(np.float32([1, 2, 3, 4]), np.float32([5, 6, 7, 8]))
    return quantize(spec, initial_weights(spec, 0), X, normalisation)


def flat(value):
    """Returns everything that a value holds, arrays as (type, shape, numbers)."""
    if isinstance(value, np.ndarray):
        return (value.dtype, value.shape, value.tolist())
    if dataclasses.is_dataclass(value):
        return [(f.name, flat(getattr(value, f.name))) for f in dataclasses.fields(value)]
    return [flat(v) for v in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("kind", ["tcn", "lstm", "gru", "fastgrnn"])
def test_a_network_comes_back_as_it_was_written(kind, tmp_path):
    network = quantised(kind)
    save_network(tmp_path / "int8.npz", network)

    found = load_network(tmp_path / "int8.npz", network.spec)

    assert flat(found) == flat(network)
    q = np.random.default_rng(1).integers(-128, 128, (4, 1, 12, 4)).astype(np.int8)
    assert run(found, q).tolist() == run(network, q).tolist()


def test_the_integers_of_another_network_are_refused(tmp_path):
    save_network(tmp_path / "int8.npz", quantised("tcn"))
    with pytest.raises(StoreError, match="another network"):
        load_network(tmp_path / "int8.npz", spec_of("lstm"))


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_file_is_one_line(content, tmp_path):
    path = tmp_path / "int8.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match="int8.npz: no quantised network"):
        load_network(path, spec_of("tcn"))


@pytest.mark.parametrize(("offset", "value"), [(10, 98), (8, 1)])
def test_an_archive_that_cannot_be_unpacked_is_one_line(tmp_path, offset, value):
    # Method 98 is unknown to Python's zipfile, and flag 1 says that an entry is encrypted.
    spec, path = spec_of("tcn"), tmp_path / "int8.npz"
    save_network(path, quantised("tcn"))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + offset] = value  # in the first entry of the directory
    path.write_bytes(data)

    with pytest.raises(StoreError, match="no quantised network that can be read"):
        load_network(path, spec)
    with pytest.raises(StoreError, match="no weights here that can be read"):
        load_weights(path)
