import pytest

from evonas.baselines import BASELINES
from evonas.errors import EvonasError
from evonas.runner.compare import compare
from evonas.runner.compare_driver import Driver
from evonas.runner.compare_run import carry_out

from .tiny_method import Tiny, small_config

FIGURES = "evonas.runner.compare_outputs.save_comparison_figures"


@pytest.fixture(scope="package")
def in_this_process():
    """What makes a comparison's run here, where a test can replace what it calls."""
    return _make


def _make(driver: Driver, run) -> str | None:
    try:
        carry_out(driver.plan.config, driver.directory, run, lambda p: driver._tell(run, p))
    except EvonasError as error:
        return driver._end(run, str(error))
    except Exception as error:
        return driver._end(run, f"{type(error).__name__}: {error}".splitlines()[0])
    return driver._end(run, None)


@pytest.fixture
def tiny(monkeypatch, request, in_this_process):
    """Makes the tiny method a baseline, and runs without figures, of which other tests are."""
    _install_tiny(monkeypatch)
    if "own_processes" not in request.fixturenames:
        monkeypatch.setattr(Driver, "_in_process", in_this_process)
    Tiny.warm_ups, Tiny.searches = [], []


@pytest.fixture
def own_processes():
    """Asks for what users get: a process of its own for every run."""


@pytest.fixture(scope="package")
def finished(tmp_path_factory, in_this_process):
    """Returns a comparison that ran to its end without interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driver, "_in_process", in_this_process)
        _install_tiny(patch)
        return compare(small_config(tmp_path_factory.mktemp("finished") / "small"))


def _install_tiny(patch):
    patch.setitem(BASELINES._table, "tiny", f"{Tiny.__module__}:Tiny")
    patch.setattr(FIGURES, lambda *_: ())
