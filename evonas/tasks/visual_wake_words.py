"""Visual Wake Words in MLPerf Tiny's form: is there a person?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from pydantic import PositiveInt

from evonas.config_table import Table
from evonas.tasks.images import read_images
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.splits import RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

COPY = LocalCopy(
    title="Visual Wake Words",
    source="https://www.silabs.com/public/files/github/machine_learning/benchmarks/datasets/"
    "vw_coco2014_96.tar.gz",
    licence="made of COCO 2014: annotations CC BY 4.0, photographs under Flickr's terms",
    folder="vw_coco2014_96",
    tree="person/*.jpg and non_person/*.jpg",
)
CLASSES = ("non_person", "person")
"""In Keras' order, which is the alphabet's."""
SIZE = 96
TEST = 0.1
"""Share of each class, the first of its files, that MLPerf Tiny's training holds out."""


class VisualWakeWordsSettings(Table):
    """Keys of [task] for kind = "visual_wake_words".

    Attributes:
        data_dir: The folder vw_coco2014_96, or the one that holds it; ~ and variables such as
            ${EVONAS_DATA} are replaced.
        max_train: Read and use about this many training images only, stratified; None uses all:
            every 10 000 take 1.1 GB as float32.
    """

    data_dir: str
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class VisualWakeWordsTask(AbstractTask):
    """Colour images of 96 x 96 pixels, 0 .. 255, with a person or without.

    Task: Chowdhery et al. 2019 <https://arxiv.org/abs/1906.05721>. The test part is what MLPerf
    Tiny's training holds out: of each class the first tenth of its files in order of their names,
    which is what Keras makes of validation_split = 0.1
    <https://github.com/mlcommons/tiny>, benchmark/training/visual_wake_words/train_vww.py. Its
    augmentation is left out.
    """

    settings: VisualWakeWordsSettings
    Settings: ClassVar[type[Table]] = VisualWakeWordsSettings

    def load(self) -> RawData:
        """Returns the images of both classes.

        Raises:
            DataError: The copy is missing, damaged or of another form.
        """
        root = COPY.root(self.settings.data_dir)
        COPY.require(*(root / name for name in CLASSES))
        files = [sorted((root / name).glob("*.jpg")) for name in CLASSES]
        n_test = [int(TEST * len(found)) for found in files]
        train = [file for found, n in zip(files, n_test, strict=True) for file in found[n:]]
        test = [file for found, n in zip(files, n_test, strict=True) for file in found[:n]]
        if not all(n_test):
            counts = " and ".join(str(len(found)) for found in files)
            raise COPY.error(f"expected at least 10 images of each class in {root}, got {counts}")
        raw = RawData(
            X_train=np.arange(len(train)),  # the files' places, until it is known which are used
            y_train=np.repeat([0, 1], [len(f) - n for f, n in zip(files, n_test, strict=True)]),
            X_test=np.arange(len(test)),
            y_test=np.repeat([0, 1], n_test),
            class_names=CLASSES,
        )
        raw = limit_training(raw, self.settings.max_train)
        return replace(
            raw,
            X_train=read_images([train[i] for i in raw.X_train], SIZE),
            X_test=read_images(test, SIZE),
        )
