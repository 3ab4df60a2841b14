"""Runs of the command line within tests, and the config that they share."""

from __future__ import annotations

from typer.testing import CliRunner

from evonas.cli import app

CONFIG = """
[study]
name = "tiny"
dir = "{dir}"

[task]
{task}

[space]
kind = "tcn"
seed_network = {{ widths = [6, 8], kernel = 5, pool = [1] }}

[search]
pop_size = 6
budget = {{ trials = 12 }}
n_jobs = 1
{search}

[proxy]
steps = 6

[final]
steps = 10
candidates = 4
seeds = 2
"""


SYNTHETIC = 'kind = "synthetic"\ntrain = 60\ntest = 20\nshape = [2, 24]'


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def refused(*arguments):
    """Returns the one line that a refusal prints, after checking that it is one."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    (line,) = result.stderr.strip().splitlines()
    return line
