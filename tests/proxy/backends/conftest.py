"""Fixtures of the tests of training backends."""

import numpy as np
import pytest

from evonas.proxy.backends import torch as torch_module
from evonas.proxy.backends.native import backend as native_module
from evonas.proxy.divergence import DivergenceWatch


@pytest.fixture
def losses(monkeypatch):
    """Returns the losses of every step of a training by a backend."""
    seen = []

    class Recorder(DivergenceWatch):
        def verdict(self, loss):
            seen.append(loss)
            return super().verdict(loss)

    for module in (torch_module, native_module):
        monkeypatch.setattr(module, "DivergenceWatch", Recorder)

    def of(backend, *arguments):
        seen.clear()
        backend.fit(*arguments)
        return np.array(seen)

    return of
