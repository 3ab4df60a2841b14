"""Speech Commands v2: ten words, silence and the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final

import numpy as np
from pydantic import PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.cache import cached
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.speech_clips import Clip, official_test_clips, read_clip, training_clips
from evonas.tasks.speech_features import FRONT_ENDS, RATE
from evonas.tasks.splits import Floats, RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

_SOURCE = "http://download.tensorflow.org/data"
COPY = LocalCopy(
    title="Speech Commands v2",
    source=f"{_SOURCE}/speech_commands_v0.02.tar.gz",
    licence="CC BY 4.0",
    folder="speech_commands_v0.02",
    tree="yes/*.wav and 34 further words, _background_noise_/*.wav, validation_list.txt and "
    "testing_list.txt",
)
TEST_COPY = LocalCopy(
    title="Speech Commands v2, test set",
    source=f"{_SOURCE}/speech_commands_test_set_v0.02.tar.gz",
    licence="CC BY 4.0",
    folder="speech_commands_test_set_v0.02",
    tree="the folders of ten words, _silence_ and _unknown_",
)
WORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
CLASSES = (*WORDS, "silence", "unknown")

_BLOCK = 256
"""Clips whose features are computed together."""


class SpeechCommandsSettings(Table):
    """Keys of [task] for kind = "speech_commands".

    Attributes:
        data_dir: The unpacked archive; ~ and variables such as ${EVONAS_DATA} are replaced.
        test_set_dir: The unpacked archive of the test set of twelve classes, 4890 clips, which
            MLPerf Tiny tests on; None takes the clips of testing_list.txt, which know no silence
            and where most are unknown words.
        features: "mfcc" (1, 49, 10), MLPerf Tiny's, or "logmel" (40, 98), TCResNet14's frames.
        official_validation: Whether validation is that of validation_list.txt, and [task]
            validation is not used; else whole speakers are drawn.
        cache: Folder to keep the features in; None keeps nothing.
        max_train: Use about this many training clips only, validation among them; None uses all.
    """

    data_dir: str
    test_set_dir: str | None = None
    features: Literal["mfcc", "logmel"] = "mfcc"
    official_validation: bool = True
    cache: str | None = None
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class SpeechCommandsTask(AbstractTask):
    """Twelve classes, split and labelled as in MLPerf Tiny and TensorFlow Datasets.

    Set and lists: Warden 2018 <https://arxiv.org/abs/1804.03209>. All words but ten are unknown;
    silence is the background noise, cut into seconds that overlap by half, running_tap.wav for
    validation and the other files for training
    <https://github.com/tensorflow/datasets>, datasets/speech_commands. So training has 85 511
    clips, validation 10 102 and the test set 4890.
    """

    settings: SpeechCommandsSettings
    Settings: ClassVar[type[Table]] = SpeechCommandsSettings

    def load(self) -> RawData:
        """Returns the features of all clips.

        Raises:
            DataError: The copy is missing, damaged or of another form.
        """
        settings = self.settings
        root = COPY.root(settings.data_dir)
        lists = (root / "validation_list.txt", root / "testing_list.txt")
        COPY.require(*lists, root / "_background_noise_", *(root / word for word in WORDS))
        train, validation, test = training_clips(root, *lists, WORDS)
        notes = ["Test: testing_list.txt; it has no silence, and most are unknown words."]
        if settings.test_set_dir is not None:
            test_root = TEST_COPY.root(settings.test_set_dir)
            folders = [test_root / name for name in (*WORDS, "_silence_", "_unknown_")]
            TEST_COPY.require(*folders)
            test, notes = official_test_clips(folders), []
        clips = [*train, *validation]
        if not validation or not test:
            raise COPY.error(f"{len(validation)} validation and {len(test)} test clips in {root}")
        official = np.arange(len(clips)) >= len(train)
        raw = RawData(
            X_train=np.arange(len(clips)),  # the clips' places, until it is known which are used
            y_train=_labels(clips),
            X_test=np.arange(len(test)),
            y_test=_labels(test),
            groups_train=np.array([clip.speaker for clip in clips]),
            class_names=CLASSES,
            notes=tuple(notes),
            is_validation=official if settings.official_validation else None,
        )
        raw = limit_training(raw, settings.max_train)
        chosen = [clips[i] for i in raw.X_train]
        return replace(raw, X_train=self._features(chosen), X_test=self._features(test))

    def _features(self, clips: Sequence[Clip]) -> Floats:
        """Returns clips as a network sees them, (n, *shape), from the cache where it has them."""
        settings = self.settings
        front_end = FRONT_ENDS[settings.features]

        def make() -> dict[str, Floats]:
            X = np.empty((len(clips), *front_end.shape), np.float32)
            for start in range(0, len(clips), _BLOCK):
                block = clips[start : start + _BLOCK]
                X[start : start + len(block)] = front_end.compute(
                    np.stack([read_clip(clip, RATE) for clip in block])
                )
            return {"X": X}

        key = {"form": 1, "features": settings.features, "starts": [clip.start for clip in clips]}
        files = [clip.path for clip in clips]
        X = cached(settings.cache, f"speech_commands_{settings.features}", key, files, make)["X"]
        if X.shape != (len(clips), *front_end.shape):
            raise DataError(f"{settings.cache}: what is cached there has the shape {X.shape}.")
        return X.astype(np.float32, copy=False)


def _labels(clips: Sequence[Clip]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([CLASSES.index(clip.label) for clip in clips], np.int64)
