"""A tiny config, and a study that was made from it."""

from __future__ import annotations

import pytest

from .command_line import CONFIG, SYNTHETIC, run


@pytest.fixture
def config(tmp_path):
    """Returns a function that writes a config and returns its path."""

    def write(task=SYNTHETIC, search="", folder="study"):
        path = tmp_path / "config.toml"
        path.write_text(CONFIG.format(dir=tmp_path / folder, task=task, search=search))
        return path

    return write


@pytest.fixture(scope="package")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    path = folder / "config.toml"
    path.write_text(
        CONFIG.format(dir=folder / "study", task=SYNTHETIC, search="compare_random = true")
    )
    result = run("search", path)
    assert result.exit_code == 0, result.output
    return folder / "study", result
