"""Paths of data files as users write them: with ~ and environment variables."""

from __future__ import annotations

import os
import re
from pathlib import Path

from evonas.errors import DataError

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def expand_path(text: str) -> Path:
    """Returns a path with ~ and variables such as ${EVONAS_DATA} replaced by their values.

    A relative path stays relative to the working directory.

    Raises:
        DataError: A variable is not set.
    """
    expanded = os.path.expandvars(text)
    unset = _VARIABLE.search(expanded)
    if unset:
        raise DataError(
            f"{text}: the environment variable {unset[1]} is not set; set it to the folder that "
            f"holds the data (export {unset[1]}=...) or write the whole path."
        )
    return Path(expanded).expanduser()
