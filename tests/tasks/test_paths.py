from pathlib import Path

import pytest

from evonas.errors import DataError
from evonas.tasks.paths import expand_path


def test_variables_and_home_are_replaced(monkeypatch):
    monkeypatch.setenv("EVONAS_DATA", "/data")
    monkeypatch.setenv("HOME", "/home/me")

    assert expand_path("${EVONAS_DATA}/a.npz") == Path("/data/a.npz")
    assert expand_path("~/a.npz") == Path("/home/me/a.npz")
    assert expand_path("sub/a.npz") == Path("sub/a.npz")


@pytest.mark.parametrize("text", ["${EVONAS_DATA}/a.npz", "$EVONAS_DATA/a.npz"])
def test_an_unset_variable_says_to_set_it(monkeypatch, text):
    monkeypatch.delenv("EVONAS_DATA", raising=False)

    with pytest.raises(DataError, match="variable EVONAS_DATA is not set; set it to the folder"):
        expand_path(text)
