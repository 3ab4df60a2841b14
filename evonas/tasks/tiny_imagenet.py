"""Tiny ImageNet: 200 classes of ImageNet at 64 x 64 pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from pydantic import PositiveInt

from evonas.config_table import Table
from evonas.errors import DataError
from evonas.tasks.images import read_images
from evonas.tasks.local_copy import LocalCopy
from evonas.tasks.splits import RawData
from evonas.tasks.subset import limit_training
from evonas.tasks.task import AbstractTask

COPY = LocalCopy(
    title="Tiny ImageNet",
    source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    licence="ImageNet's terms: non-commercial research and education",
    folder="tiny-imagenet-200",
    tree="wnids.txt, words.txt, train/n*/images/*.JPEG, val/images/*.JPEG and "
    "val/val_annotations.txt",
)
SIZE = 64


class TinyImagenetSettings(Table):
    """Keys of [task] for kind = "tiny_imagenet".

    Attributes:
        data_dir: The folder tiny-imagenet-200, or the one that holds it; ~ and variables such as
            ${EVONAS_DATA} are replaced.
        max_train: Read and use about this many training images only, stratified; None uses all
            100 000, which take 4.9 GB as float32.
    """

    data_dir: str
    max_train: PositiveInt | None = None


@final
@dataclass(frozen=True)
class TinyImagenetTask(AbstractTask):
    """Colour images of 64 x 64 pixels, 0 .. 255; classes in the order of their WordNet ids.

    The set's validation part is the test part here, as the labels of its own test part are not
    published; that is how the loader of Burrello et al.'s group takes it
    <https://github.com/eml-eda/pytorch-benchmarks>, pytorch_benchmarks/tiny_imagenet/data.py.
    """

    settings: TinyImagenetSettings
    Settings: ClassVar[type[Table]] = TinyImagenetSettings

    def load(self) -> RawData:
        """Returns the training images, and those of the set's validation part as the test part.

        Raises:
            DataError: The copy is missing, damaged or of another form.
        """
        root = COPY.root(self.settings.data_dir)
        ids_file, annotations = root / "wnids.txt", root / "val" / "val_annotations.txt"
        COPY.require(ids_file, root / "words.txt", root / "train", annotations)
        ids = sorted(ids_file.read_text(encoding="utf-8").split())
        folders = [root / "train" / name / "images" for name in ids]
        COPY.require(*folders)
        files = [sorted(folder.glob("*.JPEG")) for folder in folders]
        test_files, test_ids = _annotated(annotations)
        unknown = set(test_ids) - set(ids)
        if unknown:
            raise DataError(f"{annotations}: class {min(unknown)} is not in {ids_file.name}.")
        train = [file for found in files for file in found]
        raw = RawData(
            X_train=np.arange(len(train)),  # the files' places, until it is known which are used
            y_train=np.repeat(np.arange(len(ids)), [len(found) for found in files]),
            X_test=np.arange(len(test_files)),
            y_test=np.array([ids.index(name) for name in test_ids], np.int64),
            class_names=_class_names(root / "words.txt", ids),
            notes=("Test: the set's validation part; its test part has no labels.",),
        )
        raw = limit_training(raw, self.settings.max_train)
        return replace(
            raw,
            X_train=read_images([train[i] for i in raw.X_train], SIZE),
            X_test=read_images(test_files, SIZE),
        )


def _annotated(file: Path) -> tuple[list[Path], list[str]]:
    """Returns the validation part's images and their WordNet ids, in the file's order."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.strip()]
    if not rows or any(len(row) < 2 for row in rows):
        raise DataError(f"{file}: expected lines of a file's name, a tab, and a class.")
    return [file.parent / "images" / row[0] for row in rows], [row[1] for row in rows]


def _class_names(file: Path, ids: list[str]) -> tuple[str, ...]:
    """Returns the first word for each id, or the id where the file has none."""
    words = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, meanings = line.partition("\t")
        words[name] = meanings.split(",")[0].strip()
    return tuple(words.get(name) or name for name in ids)
