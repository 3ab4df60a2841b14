import numpy as np
import pytest

from evonas.errors import ConfigError
from evonas.tasks.load import load_splits
from evonas.tasks.synthetic import SyntheticSettings, SyntheticTask


def load(**keys):
    return SyntheticTask(SyntheticSettings(**keys)).load()


def cycles(X):
    """Returns the strongest frequency of each sample's first channel."""
    return np.abs(np.fft.rfft(X[:, 0])).argmax(axis=-1)


def test_class_k_has_k_plus_1_cycles():
    raw = load(noise=0, classes=4)

    assert (cycles(raw.X_train) == raw.y_train + 1).all()


def test_classes_are_balanced():
    assert np.bincount(load(train=90, classes=3).y_train).tolist() == [30, 30, 30]


def test_the_regression_target_is_the_number_of_cycles():
    raw = load(noise=0, target="number", shape=(1, 512))

    assert raw.is_regression
    assert np.abs(cycles(raw.X_train) - raw.y_train).max() <= 1


def test_images_run_in_their_classs_direction():
    raw = load(noise=0, classes=2, shape=(1, 8, 8))

    down, across = raw.X_train[raw.y_train == 0], raw.X_train[raw.y_train == 1]
    assert np.abs(np.diff(down, axis=3)).max() < 1e-5  # class 0 varies along the height alone
    assert np.abs(np.diff(across, axis=2)).max() < 1e-5  # class 1 along the width


@pytest.mark.parametrize("shape", [(3, 20), (2, 6, 5)])
@pytest.mark.parametrize("target", ["class", "number"])
def test_shapes_are_as_asked(shape, target):
    raw = load(shape=shape, target=target, train=10, test=4)

    assert raw.X_train.shape == (10, *shape)
    assert raw.X_test.shape == (4, *shape)


def test_the_data_depends_on_its_seed_alone():
    assert np.array_equal(load().X_train, load().X_train)
    assert not np.array_equal(load().X_train, load(data_seed=1).X_train)


def test_groups_share_the_samples_evenly():
    assert np.bincount(load(train=20, groups=4).groups_train).tolist() == [5, 5, 5, 5]


def test_the_default_waves_are_those_that_earlier_versions_drew():
    raw = load()  # a study resumes on equal data alone

    assert raw.X_train[0, 0, :3].tolist() == pytest.approx([-0.6977924, 0.5760443, -0.1608742])
    assert raw.X_test[-1, 0, -2:].tolist() == pytest.approx([-1.8572679, -1.8309001])
    assert raw.y_train[:6].tolist() == [2, 1, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nois": 1}, "unknown key 'nois'. Did you mean 'noise'"),
        ({"patern": "adding"}, "unknown key 'patern'. Did you mean 'pattern'"),
        ({"pattern": "addin"}, "Unknown pattern 'addin'. Did you mean 'adding'"),
        ({"pattern": "adding", "shape": [1, 64]}, "unknown key 'shape'. Known: data_seed, groups"),
        ({"horizon": 4}, "unknown key 'horizon'"),
    ],
)
def test_a_key_that_is_not_the_patterns_is_refused(settings, message):
    with pytest.raises(ConfigError, match=rf"^\[task\] {message}"):
        load_splits("synthetic", settings, 0.25, seed=0)


def test_an_unknown_kind_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match="Unknown task 'synthetc'. Did you mean 'synthetic'"):
        load_splits("synthetc", {}, 0.25, seed=0)
