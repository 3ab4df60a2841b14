from collections.abc import Callable

import numpy as np
import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.devices import Device, load_device


@pytest.fixture
def builder() -> SpecBuilder:
    return SpecBuilder()


@pytest.fixture
def device() -> Device:
    return load_device("stm32l4r5")


def _norm_and_relu(rng: np.random.Generator, b: SpecBuilder, x: int) -> int:
    steps = [b.batch_norm, b.relu]
    rng.shuffle(steps)
    for step in steps[: rng.integers(3)]:
        x = step(x)
    return x


def _conv(rng: np.random.Generator, b: SpecBuilder, x: int) -> int:
    kernel, dilation = int(rng.integers(1, 6)), int(2 ** rng.integers(3))
    padding = str(rng.choice(["same", "causal"]))
    channels = b.shape(x)[0]
    depthwise = rng.random() < 0.3
    x = b.conv1d(
        x,
        channels if depthwise else int(rng.integers(1, 20)),
        kernel,
        stride=int(rng.integers(1, 3)),
        dilation=dilation,
        padding=padding,
        groups=channels if depthwise else 1,
        bias=bool(rng.integers(2)),
    )
    return _norm_and_relu(rng, b, x)


def _residual(rng: np.random.Generator, b: SpecBuilder, x: int) -> int:
    channels = b.shape(x)[0]
    y = _norm_and_relu(rng, b, b.conv1d(x, channels, 3, padding="causal"))
    return b.relu(b.add(x, y))


def _pool(rng: np.random.Generator, b: SpecBuilder, x: int) -> int:
    kind = str(rng.choice(["max", "average"]))
    return b.pool(x, kind) if b.shape(x)[1] >= 2 else x


def _lstm(rng: np.random.Generator, b: SpecBuilder, x: int) -> int:
    return _norm_and_relu(rng, b, b.lstm(x, int(rng.integers(1, 20))))


def random_spec(rng: np.random.Generator) -> ArchSpec:
    b = SpecBuilder()
    x = b.input((int(rng.integers(1, 9)), int(rng.integers(8, 150))))
    parts = (_conv, _conv, _residual, _pool, _lstm)
    for index in rng.integers(len(parts), size=rng.integers(1, 9)):
        x = parts[index](rng, b, x)
    heads = (b.flatten, b.global_average_pool, b.last_step)
    x = heads[rng.integers(3)](x)
    for _ in range(rng.integers(3)):
        x = _norm_and_relu(rng, b, b.dense(x, int(rng.integers(1, 30))))
    return b.finish(b.dense(x, 5))


@pytest.fixture
def random_specs() -> Callable[[int], list[ArchSpec]]:
    def make(n: int) -> list[ArchSpec]:
        rng = np.random.default_rng(7)
        return [random_spec(rng) for _ in range(n)]

    return make


@pytest.fixture
def ds_cnn() -> ArchSpec:
    """MLPerf Tiny's keyword spotting network."""
    b = SpecBuilder()
    x = b.conv2d(b.input((1, 49, 10)), 64, (10, 4), 2, ((4, 5), (1, 1)))
    for _ in range(4):
        x = b.relu(b.batch_norm(x))
        x = b.relu(b.batch_norm(b.conv2d(x, 64, 3, 1, ((1, 1), (1, 1)), groups=64)))
        x = b.conv2d(x, 64, 1)
    x = b.relu(b.batch_norm(x))
    return b.finish(b.dense(b.global_average_pool(x), 12))
