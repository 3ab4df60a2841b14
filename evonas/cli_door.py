"""What every verb of the command line shares: options, and errors as one line with an exit code."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from evonas.errors import EvonasError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs to read.")]

_MENDED_BY_USERS = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG,
)  # fmt: skip
"""What keeps files from being written: a full disk, no right to, a file in a folder's place."""


@contextmanager
def door(directory: Path | None = None) -> Iterator[None]:
    """Turns what a user can mend into one line and exit code 2, and Ctrl-C into a clean end."""
    try:
        yield
    except EvonasError as error:
        typer.echo(f"evonas: {error}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        if error.errno not in _MENDED_BY_USERS:
            raise
        typer.echo(f"evonas: {error.filename or directory}: {error.strerror}.", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        text = "interrupted."
        records = ("study.db", "comparison.toml")
        if directory is not None and any((directory / name).exists() for name in records):
            text = "interrupted; what was recorded is kept. To go on: evonas resume "
            text += quote(str(directory))
        typer.echo(f"\nevonas: {text}", err=True)
        raise typer.Exit(130) from None
