"""Published networks trained as everything that was found is. Part of bench_claims.py.

One training of the block's [final] recipe on its data for a reference and a seed, that of the first
network of a run; kept in the folder --work, and made again where data, recipe or network changed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evonas.arch.spec import ArchSpec
from evonas.atomic import write_text
from evonas.cost import count_params
from evonas.errors import ConfigError, EvonasError, SpecError
from evonas.proxy.backends import BACKENDS
from evonas.proxy.backends.choose import backend_for
from evonas.proxy.recipe import Recipe
from evonas.references import reference
from evonas.tasks.metrics import Metric, predictions
from evonas.tasks.splits import Splits


@dataclass(frozen=True)
class Training:
    """How networks are trained in full, and what judges them.

    Attributes:
        splits: The data.
        recipe: Of full trainings.
        backend: Of the config: "torch", "native" or "auto".
        seeds: One for each repetition.
        metric: What is measured.
    """

    splits: Splits
    recipe: Recipe
    backend: str
    seeds: tuple[int, ...]
    metric: Metric


@dataclass(frozen=True)
class Trained:
    """A reference that was trained in full.

    Attributes:
        validation: Mean of its metric on the validation part; infinite where it diverged.
        loss: Mean of its loss there.
        test: Mean of its metric on the test part.
        params: Of the deployed network.
        cpu_seconds: Of the trainings.
    """

    validation: float
    loss: float
    test: float
    params: int
    cpu_seconds: float


def fitting(name: str, splits: Splits) -> ArchSpec | None:
    """Returns a reference for a task's inputs and outputs; None where it does not fit them."""
    try:
        spec = reference(name, splits.input_shape, splits.num_outputs)
    except (ConfigError, SpecError):
        return None
    return spec if spec.output_shape == (splits.num_outputs,) else None


def trained(name: str, spec: ArchSpec, how: Training, file: Path) -> Trained:
    """Returns what a reference reaches, from a file where that holds it, else after training it.

    Args:
        name: The reference's, for messages.
        spec: Its network.
        how: Of the training.
        file: Where the result is kept.
    """
    key = _key(spec, how)
    if file.is_file():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return Trained(**kept["result"])
    print(f"training {name} for {file.stem} in {file.parent}", file=sys.stderr, flush=True)
    result = _train(spec, how)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps({"key": key, "result": dataclasses.asdict(result)}, indent=2))
    return result


def _key(spec: ArchSpec, how: Training) -> dict[str, Any]:
    recipe = json.loads(json.dumps(dataclasses.asdict(how.recipe), default=str))
    return {
        "digest": spec.digest, "data": how.splits.fingerprint, "recipe": recipe,
        "backend": backend_for(how.backend, spec, how.recipe), "seeds": list(how.seeds),
        "metric": how.metric.name,
    }  # fmt: skip


def _train(spec: ArchSpec, how: Training) -> Trained:
    backend = BACKENDS.get(backend_for(how.backend, spec, how.recipe))()
    rows, seconds = [], 0.0
    for seed in how.seeds:
        try:
            result, weights = backend.fit(spec, how.splits, how.recipe, seed, how.metric)
        except EvonasError as error:
            print(f"  failed: {error}", file=sys.stderr)
            continue
        seconds += result.cpu_seconds
        if result.error is None and np.isfinite([result.metric, result.loss]).all():
            rows.append((result.metric, result.loss, _test(spec, backend, weights, how)))
    means: Sequence[float] = (math.inf,) * 3
    if rows:
        means = [float(value) for value in np.mean(rows, axis=0)]
    return Trained(*means, count_params(spec), seconds)


def _test(spec: ArchSpec, backend: Any, weights: Any, how: Training) -> float:
    test = how.splits.test
    if not len(test):
        return math.nan
    guess = predictions(backend.predict(spec, weights, test.X), how.splits.is_regression)
    return float(how.metric(test.y, guess))
