from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evonas.config import StudyConfig
from evonas.plots.axes import Axis
from evonas.plots.front import FrontData
from evonas.runner.search import search
from evonas.study.study import Study

AXES = (
    Axis("error", "validation error", "share", False),
    Axis("latency", "latency", "second", True),
    Axis("peak_ram", "peak RAM", "byte", True),
    Axis("macs", "MACs", "count", True),
    Axis("energy", "energy", "joule", True),
)


@pytest.fixture
def front_of() -> Callable[[int], FrontData]:
    """Data with a known front of three networks, one candidate off it, four trials, on n axes."""

    def make(n_axes: int) -> FrontData:
        def points(errors: list[float], sizes: list[float]) -> np.ndarray:
            scales = np.array([1e-3, 1e3, 1e4, 1e-5])[: n_axes - 1]
            return np.column_stack([errors, np.multiply.outer(sizes, scales)])

        return FrontData(
            title="hand-made",
            axes=AXES[:n_axes],
            explored=points([0.1, 0.2, 0.3, 0.9], [4.0, 2.0, 1.0, 8.0]),
            candidates=points([0.05, 0.1, 0.3, 0.2], [4.0, 2.0, 1.0, 4.0]),
            front=points([0.05, 0.1, 0.3], [4.0, 2.0, 1.0]),
            front_numbers=(17, 5, 9),
            front_test=np.array([0.06, np.nan, 0.25]),
            front_families=(),
            seed=points([0.04], [40.0])[0],
            seed_test=0.07,
            references=(),
            reference_points=points([], []),
            reference_test=np.empty(0),
            recommended=5,
            random=points([0.2, 0.3], [4.0, 1.0]),
            n_trials={"complete": 4, "infeasible": 3, "not executable": 0, "failed": 1,
                      "waiting": 0},
            families=(),
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    """A finished search of twelve trials, with random search beside it."""
    folder: Path = tmp_path_factory.mktemp("study")
    return search(tiny_config(["error", "latency", "peak_ram"], True), directory=folder / "tiny")


@pytest.fixture(scope="session")
def cost_study(tmp_path_factory) -> Study:
    """A finished search that trains nothing."""
    folder: Path = tmp_path_factory.mktemp("costs")
    return search(tiny_config(["latency", "peak_ram"], False), directory=folder / "tiny")


@pytest.fixture
def empty_study(tmp_path) -> Study:
    """A study before its first trial."""
    return Study.from_config(tiny_config(["error", "params"], False), directory=tmp_path / "tiny")


def tiny_config(objectives: list[str], compare_random: bool) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "study": {"name": "tiny"},
            "task": {"kind": "synthetic", "train": 60, "test": 30, "noise": 0.2},
            "space": {"seed_network": {"widths": [4, 4], "kernel": 5}},
            "search": {
                "objectives": objectives,
                "pop_size": 6,
                "budget": {"trials": 12},
                "compare_random": compare_random,
                "n_jobs": 1,
            },
            "proxy": {"steps": 5},
            "final": {"steps": 10, "candidates": 3, "seeds": 2},
        }
    )
