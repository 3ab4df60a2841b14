"""Random networks of every space train natively as in PyTorch."""

import numpy as np
import pytest

from evonas.proxy.backends.native.backend import NativeBackend
from evonas.proxy.backends.native.engine import extension
from evonas.proxy.backends.torch import TorchBackend
from evonas.proxy.recipe import Recipe
from evonas.searchers.sampling import sample_genes
from evonas.spaces import SPACES
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS

pytestmark = pytest.mark.skipif(extension() is None, reason="installed without a C compiler")

ERROR = METRICS["error"]
SHAPE, CLASSES = (2, 24), 3
SETTINGS = {
    "tcn": {"seed_network": "ecgtcn"},
    "rnn": {"seed_network": {"cell": "lstm", "hidden": 24}, "layers": 2},
    "metakernel": {"seed_network": {"widths": [8, 16], "repeats": 2, "skip": "block"}},
}


def networks(kind, n, seed):
    """Returns n random networks of a space and a task for them, with 600 validation samples."""
    task = {"train": 800, "test": 10, "shape": list(SHAPE)}
    splits = load_splits("synthetic", task, 0.75, 0)
    space = SPACES.get(kind).from_settings(SETTINGS[kind], splits.input_shape, splits.num_outputs)
    genomes = sample_genes(space.genes, np.random.default_rng(seed), n)
    return [space.decode(genome) for genome in genomes], splits


@pytest.mark.parametrize("kind", SETTINGS)
def test_losses_of_random_networks_are_pytorchs(kind, losses):
    specs, splits = networks(kind, 8, seed=0)
    recipe = Recipe(steps=50, learning_rate=1e-3)

    for spec in specs:
        expected, found = (
            losses(backend, spec, splits, recipe, 0, ERROR)
            for backend in (TorchBackend(), NativeBackend())
        )
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def half_width(values):
    """Half of the span from the 5th to the 95th percentile."""
    low, high = np.quantile(values, [0.05, 0.95])
    return (high - low) / 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", SETTINGS)
def test_the_validation_error_does_not_depend_on_the_backend(kind):
    specs, splits = networks(kind, 100, seed=1)
    recipe = Recipe(steps=100)
    between_backends, between_seeds = [], []
    for spec in specs:
        error = TorchBackend().fit(spec, splits, recipe, 0, ERROR)[0].metric
        between_backends.append(
            NativeBackend().fit(spec, splits, recipe, 0, ERROR)[0].metric - error
        )
        between_seeds.append(TorchBackend().fit(spec, splits, recipe, 1, ERROR)[0].metric - error)
    margin = 1.645 * np.std(between_backends, ddof=1) / np.sqrt(len(specs))

    assert abs(np.mean(between_backends)) + margin <= 0.01  # the mean's 90 % interval
    assert half_width(between_backends) <= half_width(between_seeds)
