import numpy as np
import pytest

from evonas.config_table import validate_table
from evonas.errors import ConfigError, DataError
from evonas.tasks.load import load_splits
from evonas.tasks.toyadmos import ToyadmosSettings, ToyadmosTask


@pytest.fixture(scope="module")
def root(tmp_path_factory, copies):
    """Machines that hum at 440 and 880 Hz, and anomalous clips at 1320 Hz."""
    folder = tmp_path_factory.mktemp("toys")
    copies.toyadmos(folder, n_train=3)
    return folder


def task(folder, **keys):
    return ToyadmosTask(ToyadmosSettings(data_dir=str(folder), **keys))


def loudest_hertz(X):
    """Returns the peak of the loudest of 128 mel bands of Slaney's scale from 0 to 8000 Hz."""
    mels = (1 + X.mean(axis=-1).argmax(axis=-1)) * (15 + np.log(8) / (np.log(6.4) / 27)) / 129
    return np.where(mels < 15, 200 / 3 * mels, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)))


def test_a_clip_gives_windows_of_128_bands_all_of_its_class_and_group(root):
    raw = task(root).load()

    # 200 frames: windows of 64 begin at 0, 32, 64, 96 and 128
    assert raw.X_train.shape == (2 * 3 * 5, 128, 64)
    assert raw.X_test.shape == (2 * 2 * 5, 128, 64)
    assert raw.class_names == ("ToyCar 01", "ToyCar 02")
    assert raw.y_train.tolist() == [0] * 15 + [1] * 15
    assert raw.groups_train[:6].tolist() == ["normal_id_01_00000000.wav"] * 5 + [
        "normal_id_01_00000001.wav"
    ]


def test_windows_of_one_clip_follow_each_other(root):
    X = task(root, window=64, hop=32).load().X_train

    assert np.array_equal(X[0][:, 32:], X[1][:, :32])


def test_bands_are_at_the_pitch_of_the_machine(root):
    raw = task(root).load()

    for X, y in [(raw.X_train, raw.y_train), (raw.X_test, raw.y_test)]:
        assert np.abs(loudest_hertz(X) - 440 * (y + 1)).max() < 40  # bands are 25 to 40 Hz apart


def test_a_hum_has_its_power_in_decibels(tmp_path, copies):
    # half of full scale at bin 32 of 1024: its magnitude is 0.5 / 2 times the Hann window's sum,
    # 512, which is 128, and 64 in both neighbours
    sound = 16_384 * np.sin(2 * np.pi * 500 * np.arange(128_000) / 16_000)
    folder = tmp_path / "ToyCar"
    for part in ("train", "test"):
        copies._wav(folder / part / "normal_id_01_00000000.wav", np.round(sound))
        copies._wav(folder / part / "normal_id_02_00000000.wav", np.zeros(128_000))

    raw = task(tmp_path, window=200).load()

    # below 1000 Hz bands begin every 45.245 / 129 mel of 66.67 Hz, 23.38 Hz; triangles of area 1
    # at that distance add up to 1 / 23.38 everywhere
    linear = (10 ** (raw.X_train[0].astype(np.float64) / 10)).sum(axis=0)
    assert linear == pytest.approx(np.full(200, (128**2 + 2 * 64**2) / 23.38), rel=1e-3)
    assert raw.X_train[1] == pytest.approx(-156.535, abs=1e-3)  # 10 log10 of float64's epsilon


def test_the_anomaly_test_holds_all_test_clips(root):
    found = task(root).anomaly_test()

    assert found.X.shape == (8, 5, 128, 64)
    assert found.is_anomaly.sum() == 4
    assert np.bincount(found.machine).tolist() == [4, 4]
    hertz = loudest_hertz(found.X).mean(axis=1)
    expected = np.where(found.is_anomaly, 1320, 440 * (found.machine + 1))
    assert np.abs(hertz - expected).max() < 60


def test_the_search_never_sees_an_anomaly(root):
    raw = task(root).load()

    assert loudest_hertz(raw.X_train).max() < 1000
    assert loudest_hertz(raw.X_test).max() < 1000


def test_fewer_training_clips_stay_whole(root):
    raw = task(root, max_train=2).load()

    assert len(raw.X_train) == 2 * 5
    assert len(set(raw.groups_train)) == 2
    assert len(raw.X_test) == 20


def test_the_cache_gives_the_same_bands(root, tmp_path):
    cache = str(tmp_path / "kept")
    first = task(root, cache=cache).load()

    assert np.array_equal(
        task(root, cache=cache, window=5).load().X_test[0], first.X_test[0, :, :5]
    )
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_the_autoencoders_target_is_its_sample(root):
    raw = task(root, form="autoencoder").load()

    # 200 frames: windows of 5 begin at 0 .. 195
    assert raw.X_train.shape == (2 * 3 * 196, 128, 5)
    assert raw.y_train.shape == (2 * 3 * 196, 640)
    assert raw.is_regression
    assert raw.class_names == ()
    assert raw.y_train[7, 3 * 5 + 2] == raw.X_train[7, 3, 2]  # band 3 at frame 2
    assert np.array_equal(raw.y_test.reshape(raw.X_test.shape), raw.X_test)
    assert raw.groups_train[[0, 195, 196]].tolist() == [
        "normal_id_01_00000000.wav",
        "normal_id_01_00000000.wav",
        "normal_id_01_00000001.wav",
    ]


def test_the_autoencoders_windows_are_those_of_the_other_form(root):
    wide = task(root, window=200).load().X_train
    narrow = task(root, form="autoencoder", hop=65).load().X_train

    for place, start in enumerate((0, 65, 130, 195)):
        assert np.array_equal(narrow[place::4], wide[:, :, start : start + 5])


def test_targets_and_overlapping_test_windows_take_no_memory_of_their_own(root):
    found = task(root, form="autoencoder")
    raw, test = found.load(), found.anomaly_test()

    assert np.shares_memory(raw.X_train, raw.y_train)
    assert test.X.shape == (8, 196, 128, 5)
    assert test.X.strides[1] == test.X.strides[3]  # a sample begins at the next frame


def test_the_autoencoders_parts_are_split_by_clips_and_targets_stay_decibels(root):
    splits = load_splits(
        "toyadmos", {"data_dir": str(root), "form": "autoencoder", "hop": 20}, 0.3, 0
    )

    assert splits.target == "640 numbers"
    assert len(splits.val) in (10, 20, 30)
    norm = splits.normalisation
    natural = splits.val.X * norm.std[:, None] + norm.mean[:, None]
    assert splits.val.y == pytest.approx(natural.reshape(len(natural), -1), abs=1e-3)
    assert np.median(splits.train.y) < -20  # far from standardised numbers


def test_another_form_is_refused_in_one_line():
    with pytest.raises(ConfigError, match="'machine_id' or 'autoencoder'"):
        validate_table(ToyadmosSettings, {"data_dir": "a", "form": "vae"}, "[task]")


def test_a_short_clip_an_unknown_machine_and_a_missing_part_are_refused(tmp_path, copies):
    folder = tmp_path / "ToyCar"
    with pytest.raises(DataError, match=r"train does not exist.*zenodo\.org/record/3678171"):
        task(tmp_path).load()
    copies._wav(folder / "train" / "normal_id_01_00000000.wav", np.zeros(100_000))
    copies._wav(folder / "test" / "normal_id_03_00000000.wav", np.zeros(128_000))
    with pytest.raises(DataError, match="machine 03 is in the test part and not in training"):
        task(tmp_path).load()
    copies._wav(folder / "test" / "normal_id_01_00000000.wav", np.zeros(128_000))
    (folder / "test" / "normal_id_03_00000000.wav").unlink()
    with pytest.raises(DataError, match=r"expected 8 s of sound at least, got 6\.25 s"):
        task(tmp_path).load()
