"""What every registered task promises. A new task adds its tiny settings to EXAMPLES.

A kind of several patterns has an example of each: KIND-PATTERN. Published data sets are tiny
generated copies in the form in which they are to be had.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from evonas.config_table import Table
from evonas.errors import ConfigError
from evonas.tasks import TASKS
from evonas.tasks.load import load_splits
from evonas.tasks.split import validation_mask
from evonas.tasks.splits import Splits
from evonas.tasks.synthetic import PATTERNS
from evonas.tasks.task import AbstractTask


def npz(folder):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2, 9)).astype(np.float32), np.arange(60) % 3
    groups = np.arange(60) // 6
    path = folder / "tiny.npz"
    np.savez(path, X_train=X, y_train=y, X_test=X[:9], y_test=y[:9], group_train=groups)
    return {"path": str(path)}


def csv(folder):
    path = folder / "tiny.csv"
    rows = [f"{i % 7},{i % 11},{i // 20 % 2},{i // 100}" for i in range(1000)]
    path.write_text("\n".join(["a,b,label,subject", *rows]))
    return {"path": str(path), "window": 10, "label": "label", "group": "subject"}


def aeon(folder):
    pytest.importorskip("aeon")
    return {"name": "JapaneseVowels"}


def digits(folder):
    pytest.importorskip("sklearn")
    return {"arrangement": "rows"}


def synthetic(**keys):
    return lambda folder: {"train": 60, "test": 20, **keys}


def _published():
    """Returns the module that writes tiny copies of published data sets."""
    path = Path(__file__).parents[1] / "tasks" / "copies.py"
    spec = importlib.util.spec_from_file_location("copies", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COPIES = _published()


def copy(name, **keys):
    return lambda folder: getattr(COPIES, name)(folder) | keys


EXAMPLES = {
    "aeon": aeon,
    "cifar10": copy("cifar10"),
    "csv": csv,
    "digits": digits,
    "ninapro_db1": copy("ninapro_db1", subjects=[1], low_pass=0),
    "npz": npz,
    "ppg_dalia": copy("ppg_dalia"),
    "speech_commands": copy("speech_commands", official_validation=False),
    "tiny_imagenet": copy("tiny_imagenet"),
    "toyadmos": copy("toyadmos"),
    "visual_wake_words": copy("visual_wake_words"),
    "synthetic": synthetic(groups=10),
    "synthetic-adding": synthetic(pattern="adding", groups=10),
    "synthetic-copy": synthetic(pattern="copy"),
    "synthetic-oscillator": synthetic(pattern="oscillator"),
}


def test_every_kind_and_pattern_has_an_example():
    patterns = {f"synthetic-{pattern}" for pattern in PATTERNS} - {"synthetic-waves"}

    assert set(EXAMPLES) == {*TASKS.names(), *patterns}


@pytest.fixture(params=EXAMPLES, scope="module")
def example(request):
    return request.param


@pytest.fixture(scope="module")
def kind(example):
    return example.partition("-")[0]


@pytest.fixture(scope="module")
def settings(example, tmp_path_factory):
    return EXAMPLES[example](tmp_path_factory.mktemp(example))


def raw_of(kind, settings):
    task_class = TASKS.get(kind)
    return task_class(task_class.Settings(**settings)).load()


def test_a_task_is_final_and_has_settings(kind):
    task_class = TASKS.get(kind)

    assert task_class.__bases__ == (AbstractTask,)
    assert issubclass(task_class.Settings, Table)


def test_shapes_and_types(kind, settings):
    splits = load_splits(kind, settings, 0.25, seed=0)

    assert isinstance(splits, Splits)
    for part in (splits.train, splits.val, splits.test):
        assert part.X.dtype == np.float32
        assert part.y.dtype == (np.float32 if splits.is_regression else np.int64)
        assert part.X.shape == (len(part), *splits.input_shape)
        assert np.isfinite(part.X).all()
    assert len(splits.input_shape) in (2, 3)
    assert splits.normalisation.mean.shape == (splits.input_shape[0],)
    assert (splits.normalisation.std > 0).all()
    if not splits.is_regression:
        assert set(splits.train.y) == set(range(splits.num_outputs))


def test_train_and_validation_are_disjoint_and_complete(kind, settings):
    raw = raw_of(kind, settings)
    splits = load_splits(kind, settings, 0.25, seed=0)
    is_val = validation_mask(raw, 0.25, 0)

    assert (len(splits.train), len(splits.val)) == ((~is_val).sum(), is_val.sum())
    assert is_val.mean() == pytest.approx(0.25, abs=0.1)
    assert np.array_equal(splits.val.y, raw.y_train[is_val])


def test_groups_are_whole(kind, settings):
    raw = raw_of(kind, settings)
    if raw.groups_train is None:
        pytest.skip(f"the example of {kind} has no groups")
    for seed in range(5):
        is_val = validation_mask(raw, 0.25, seed)
        assert not set(raw.groups_train[is_val]) & set(raw.groups_train[~is_val])


def test_the_same_seed_gives_the_same_split_and_another_seed_another(kind, settings):
    first, again, other = (load_splits(kind, settings, 0.25, seed) for seed in (0, 0, 1))

    assert first.fingerprint == again.fingerprint
    assert np.array_equal(first.train.X, again.train.X)
    assert first.fingerprint != other.fingerprint


def test_an_unknown_key_is_a_config_error(kind, settings):
    with pytest.raises(ConfigError, match="unknown key 'no_such_key'"):
        load_splits(kind, settings | {"no_such_key": 1}, 0.25, seed=0)
