"""Tiny copies of published data sets, in the form in which they are to be had."""

import io
import pickle
import wave

import numpy as np
from PIL import Image
from scipy.io import savemat


class Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2 wrote its str: neither says which of them it is."""

    dispatch = dict(pickle._Pickler.dispatch)

    def _save_str(self, value):
        data = value.encode("latin-1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = _save_str


def python2_pickle(content):
    """Returns content as Python 2 pickled it, with the module names of numpy before 2."""
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(content)
    return stream.getvalue().replace(b"numpy._core.", b"numpy.core.")


def ppg_dalia(folder, seconds=40, subjects=range(1, 16)):
    """Writes PPG_FieldStudy; heart rates are 60 + subject + the window's number / 10."""
    rng = np.random.default_rng(0)
    for subject in subjects:
        n = (seconds - 8) // 2 + 1
        content = {
            "signal": {
                "wrist": {
                    "BVP": rng.normal(size=(64 * seconds, 1)),
                    "ACC": rng.normal(size=(32 * seconds, 3)),
                    "EDA": rng.normal(size=(4 * seconds, 1)),
                },
                "chest": {"ECG": rng.normal(size=(70, 1))},
            },
            "label": 60 + subject + np.arange(n) / 10,
            "activity": np.zeros((4 * seconds, 1)),
            "rpeaks": np.arange(5),
            "subject": f"S{subject}",
            "questionnaire": {"AGE": 30, "Gender": " m", "HEIGHT": 180.0, "SPORT": [1, 2]},
        }
        path = folder / "PPG_FieldStudy" / f"S{subject}" / f"S{subject}.pkl"
        path.parent.mkdir(parents=True)
        path.write_bytes(python2_pickle(content))
    return {"data_dir": str(folder)}


def cifar10(folder, n=40):
    """Writes cifar-10-batches-bin: n images a file, the i-th of class i % 10."""
    rng = np.random.default_rng(0)
    root = folder / "cifar-10-batches-bin"
    root.mkdir()
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        records = rng.integers(0, 256, (n, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(n) % 10
        records.tofile(root / name)
    names = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]
    (root / "batches.meta.txt").write_text("\n".join([*names, "", ""]))
    return {"data_dir": str(folder)}


def _image(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="JPEG", quality=95)


def tiny_imagenet(folder, per_class=8, n_test=9):
    """Writes tiny-imagenet-200 with three classes; each image is of one colour, red by class."""
    root = folder / "tiny-imagenet-200"
    ids = ["n02124075", "n01443537", "n04067472"]  # not in order, as in the real file
    rng = np.random.default_rng(0)

    def pixels(name):
        colour = [60 * sorted(ids).index(name) + 30, *rng.integers(0, 256, 2)]
        return np.full((64, 64, 3), colour, np.uint8)

    for name in ids:
        for i in range(per_class):
            grey = i == 0  # the set has grey images too
            image = pixels(name)
            _image(
                root / "train" / name / "images" / f"{name}_{i}.JPEG",
                image[:, :, 0] if grey else image,
            )
        (root / "train" / name / f"{name}_boxes.txt").write_text(f"{name}_0.JPEG\t0\t0\t63\t63\n")
    lines = []
    for i in range(n_test):
        name = ids[i % 3]
        _image(root / "val" / "images" / f"val_{i}.JPEG", pixels(name))
        lines.append(f"val_{i}.JPEG\t{name}\t0\t32\t44\t62\n")
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    (root / "wnids.txt").write_text("\n".join(ids))
    (root / "words.txt").write_text(
        "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\n"
        "n02124075\tEgyptian cat\nn04067472\treel\n"
    )
    return {"data_dir": str(folder)}


def visual_wake_words(folder, n_person=21, n_none=30):
    """Writes vw_coco2014_96; the green of an image is its place among its class's names, x 8."""
    root = folder / "vw_coco2014_96"
    for name, n, red in [("person", n_person, 200), ("non_person", n_none, 50)]:
        for i in range(n):
            pixels = np.full((96, 96, 3), (red, 8 * i, 0), np.uint8)
            part = "train" if i < n // 2 else "val"
            _image(root / name / f"COCO_{part}2014_{i:012}.jpg", pixels)
    return {"data_dir": str(folder)}


def _wav(path, samples, rate=16_000, width=2, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as recording:
        recording.setparams((channels, width, rate, 0, "NONE", "not compressed"))
        recording.writeframes(np.asarray(samples).astype(f"<i{width}").tobytes())


WORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")


def speech_commands(folder, speakers=6):
    """Writes both archives: each speaker says each word once; the last two are listed.

    The last but one speaker is in validation_list.txt, the last in testing_list.txt. The
    noises last 2.6 s, so each gives four seconds of silence that begin half a second apart.
    """
    rng = np.random.default_rng(0)
    root, test_root = folder / "speech_commands_v0.02", folder / "speech_commands_test_set_v0.02"
    lists = ([], [])
    for word in (*WORDS, "bed", "zero"):
        for speaker in range(speakers):
            name = f"{word}/{speaker:08x}_nohash_0.wav"
            _wav(root / name, rng.integers(-9000, 9000, 16_000 if speaker else 12_000))
            if speaker >= speakers - 2:
                lists[speaker - speakers + 2].append(name)
        kind = word if word in WORDS else "_unknown_"
        _wav(test_root / kind / f"{word}_7_nohash_0.wav", rng.integers(-9000, 9000, 16_000))
    _wav(test_root / "_silence_" / "0.wav", rng.integers(-90, 90, 16_000))
    for name, lines in zip(("validation_list.txt", "testing_list.txt"), lists, strict=True):
        (root / name).write_text("\n".join(lines) + "\n")
    for noise in ("pink_noise", "running_tap"):
        _wav(root / "_background_noise_" / f"{noise}.wav", rng.integers(-90, 90, 41_600))
    return {"data_dir": str(root), "test_set_dir": str(test_root)}


def ninapro_db1(folder, subjects=(1, 2), moving=40, resting=20):
    """Writes the .mat files in folders s1, ...; an electrode shows movement + repetition / 100."""
    for subject in subjects:
        first = 0
        for exercise, n_movements in ((1, 12), (2, 17), (3, 23)):
            movement, repetition = (
                array.reshape(-1)
                for array in np.meshgrid(
                    np.arange(1, n_movements + 1), np.arange(1, 11), indexing="ij"
                )
            )
            lengths = np.tile([resting, moving], len(movement))
            labels = np.repeat(np.column_stack([0 * movement, movement]).reshape(-1), lengths)
            times = np.repeat(np.column_stack([0 * repetition, repetition]).reshape(-1), lengths)
            level = np.where(labels > 0, labels + first + times / 100, 0)
            path = folder / f"s{subject}" / f"S{subject}_A1_E{exercise}.mat"
            path.parent.mkdir(exist_ok=True)
            content = {
                "emg": np.repeat(level[:, None], 10, axis=1) + 100 * (subject - 1),
                "restimulus": labels[:, None].astype(np.int16),
                "rerepetition": times[:, None].astype(np.int16),
                "stimulus": labels[:, None].astype(np.int16),
                "subject": np.array([[subject]]),
                "exercise": np.array([[exercise]]),
            }
            savemat(path, content, do_compression=True)
            first += n_movements
    return {"data_dir": str(folder), "subjects": list(subjects), "window": 20, "hop": 10}


def toyadmos(folder, n_train=8, n_test=2):
    """Writes dev_data: two machines hum at 440 and 880 Hz, anomalous ones at 1320 Hz, for 8 s."""
    rng = np.random.default_rng(0)
    times = np.arange(8 * 16_000) / 16_000
    root = folder / "dev_data" / "ToyCar"

    def write(part, kind, machine, number):
        hertz = 1320 if kind == "anomaly" else 440 * machine
        sound = 3000 * np.sin(2 * np.pi * hertz * times) + rng.normal(0, 100, len(times))
        _wav(root / part / f"{kind}_id_{machine:02}_{number:08}.wav", sound)

    for machine in (1, 2):
        for number in range(n_train):
            write("train", "normal", machine, number)
        for number in range(n_test):
            write("test", "normal", machine, number)
            write("test", "anomaly", machine, number)
    return {"data_dir": str(folder)}


def toyadmos_loudness(folder, n_train=8, n_test=6):
    """Writes dev_data: hums at 440 and 880 Hz, of any loudness; anomalies have a faint 1320 Hz too.

    Loudness lies within 15 dB of the middle, where that of anomalies is: to the average spectrum
    they are nearer than most normal clips.
    """
    rng = np.random.default_rng(0)
    times = np.arange(8 * 16_000) / 16_000
    root = folder / "dev_data" / "ToyCar"

    def write(part, kind, machine, number, decibels):
        sound = 3000 * np.sin(2 * np.pi * 440 * machine * times) + rng.normal(0, 100, len(times))
        if kind == "anomaly":
            sound += 200 * np.sin(2 * np.pi * 1320 * times)
        path = root / part / f"{kind}_id_{machine:02}_{number:08}.wav"
        _wav(path, 10 ** (decibels / 20) * sound)

    for machine in (1, 2):
        for number, decibels in enumerate(np.linspace(-15, 15, n_train)):
            write("train", "normal", machine, number, decibels)
        for number, decibels in enumerate(np.linspace(-14, 14, n_test)):
            write("test", "normal", machine, number, decibels)
            write("test", "anomaly", machine, number, decibels / 100)
    return {"data_dir": str(folder)}
