"""The random search at the same budget that a study may be compared with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evonas.study.study import Study

FOLDER = "random"
"""Where it lies within the study's own folder."""


@contextmanager
def opened_rival(study: Study) -> Iterator[Study | None]:
    """Yields the random search in a study's folder, over the same data, or None.

    Raises:
        StoreError: It is there but cannot be read.
    """
    from evonas.study.study import Study

    folder = study.directory / FOLDER
    if not (folder / "study.db").is_file():
        yield None
        return
    rival = Study.load(folder, study.splits, study.problem.metric, study.loss)
    try:
        yield rival
    finally:
        rival.store.close()
