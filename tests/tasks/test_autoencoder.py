"""The autoencoder of machine sounds, from a copy of the data to the AUC."""

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.proxy.backends.torch import TorchBackend
from evonas.runner.search import search
from evonas.tasks.anomaly import auc, by_machine, reconstruction_scores
from evonas.tasks.toyadmos import ToyadmosSettings, ToyadmosTask


@pytest.fixture(scope="module")
def copy_of_sounds(tmp_path_factory, copies):
    folder = tmp_path_factory.mktemp("toys")
    return {**copies.toyadmos_loudness(folder), "form": "autoencoder", "hop": 15}


def scores(test, reconstruct):
    """Returns the mean squared error of every clip's windows."""
    errors = []
    for clip in test.X:
        wrong = reconstruct(clip) - clip.reshape(len(clip), -1)
        errors.append((wrong.astype(np.float64) ** 2).mean(axis=1))
    return reconstruction_scores(np.stack(errors), test)


def test_a_searched_autoencoder_tells_sounds_that_it_never_heard(copy_of_sounds, tmp_path):
    config = {
        "study": {"name": "toys", "dir": str(tmp_path / "toys")},
        "task": {"kind": "toyadmos", **copy_of_sounds},
        "space": {
            "kind": "tcn",
            "seed_network": {"widths": [16], "kernel": 3, "head": "flatten", "dense": [32]},
        },
        "device": {"name": "stm32h743", "runtime": "tflm"},
        "search": {
            "searcher": "random", "objectives": ["error", "params"], "pop_size": 2, "n_jobs": 1,
            "budget": {"trials": 2},
        },
        "proxy": {"steps": 20},
        "final": {"steps": 400, "learning_rate": 0.01, "candidates": 1},
    }  # fmt: skip
    study = search(StudyConfig.model_validate(config))
    test = ToyadmosTask(ToyadmosSettings(**copy_of_sounds)).anomaly_test()
    norm, spec = study.splits.normalisation, study.problem.space.seed
    with np.load(study.weights_path(study.seed_trial().number)) as archive:
        weights = dict(archive)
    mean = study.splits.train.y.mean(axis=0)

    def trained(clip):
        X = (clip - norm.mean[:, None]) / norm.std[:, None]
        return TorchBackend().predict(spec, weights, X)

    found = by_machine(auc, scores(test, trained), test)
    constant = by_machine(auc, scores(test, lambda clip: mean), test)

    assert spec.output_shape == (640,)
    assert found["mean"] > 0.9
    assert constant["mean"] < 0.3  # anomalies are as loud as machines are on average
