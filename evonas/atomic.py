"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a path beside the wanted one to write to; it takes its place once all is written.

    Args:
        path: The wanted file; what it held stays until then.
    """
    unfinished = path.with_name(f"{path.name}.part")
    yield unfinished
    unfinished.replace(path)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
