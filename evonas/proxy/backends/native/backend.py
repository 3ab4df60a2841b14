"""The native backend: the same training as PyTorch's, in C, on one core."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, SpecError
from evonas.proxy.augment import augmented
from evonas.proxy.backends.backend import AbstractBackend, check_task
from evonas.proxy.backends.native.engine import engine_names, make_plan
from evonas.proxy.backends.native.parameters import Layout
from evonas.proxy.backends.native.program import compiled
from evonas.proxy.batches import AUGMENT, DROPOUT, Indices, batches, generator, used_samples
from evonas.proxy.divergence import FACTOR, LEAST, WINDOW, DivergenceWatch
from evonas.proxy.losses import TargetScale, class_weights, loss_kind, mean_loss, target_scale
from evonas.proxy.recipe import Recipe
from evonas.proxy.result import TrainResult
from evonas.proxy.schedule import learning_rates
from evonas.proxy.weights import Weights, initial_weights, scale_output
from evonas.tasks.metrics import Metric, predictions
from evonas.tasks.splits import Part, Splits

LOSSES = ("cross-entropy", "mse", "l1", "log-cosh")
"""In the order of enum loss of program.h."""

CHUNK = 64
"""Samples that are evaluated at a time."""


class NativeBackend(AbstractBackend):
    """Trains with the C engine; it never imports PyTorch.

    Args:
        engine: One of those that the processor has, such as "avx2"; the fastest one by default.

    Raises:
        ConfigError: evonas was installed without its C extension, or the engine is another
            processor's.
    """

    def __init__(self, engine: str | None = None) -> None:
        names = engine_names()
        if engine is not None and engine not in names:
            raise ConfigError(f"Expected one of the engines {', '.join(names)}, got {engine!r}.")
        self._engine = engine or names[0]
        self._dtype = np.float64 if self._engine == "double" else np.float32

    def fit(
        self,
        spec: ArchSpec,
        splits: Splits,
        recipe: Recipe,
        seed: int,
        metric: Metric,
        start: Weights | None = None,
    ) -> tuple[TrainResult, Weights]:
        """Returns how well the network learned, and its trained weights; see AbstractBackend."""
        began = time.process_time()
        check_task(spec, splits)
        if callable(recipe.loss):
            raise ConfigError("loss: a function of tensors needs backend = torch.")
        kind, scale = loss_kind(recipe, splits.is_regression), target_scale(splits)
        samples = used_samples(splits, recipe.data_fraction)
        weights = initial_weights(spec, seed)
        layout = Layout.of(weights)
        params = layout.flat(weights if start is None else start, self._dtype)
        order = list(batches(samples, recipe, seed))
        program = compiled(spec, layout, has_dropout=recipe.dropout > 0)
        drops = int(generator(seed, DROPOUT).integers(2**63)) if recipe.dropout else 0
        plan = make_plan(self._engine, program, layout, max(map(len, order)), drops)
        settings = self._settings(kind, recipe, splits, samples)
        settings |= _targets_scale(splits, scale)
        n_steps, error = _train(plan, params, splits.train, order, recipe, settings, seed)
        weights = layout.weights(params)
        if splits.is_regression:
            weights = scale_output(spec, weights, scale.mean, scale.std)
        value = val_loss = math.nan
        if error is None:
            outputs = _outputs(plan, layout.flat(weights, self._dtype), spec, splits.val.X)
            if np.isfinite(outputs).all():
                value = metric(splits.val.y, predictions(outputs, splits.is_regression))
                val_loss = mean_loss(kind, outputs, splits.val.y, scale)
            else:
                error = "diverged: an output on the validation part is not finite"
        epochs = n_steps / recipe.steps_per_epoch(len(samples))
        seconds = time.process_time() - began
        return TrainResult(value, val_loss, epochs, n_steps, seconds, error), weights

    def predict(
        self, spec: ArchSpec, weights: Weights, X: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Returns the network's outputs, (n, num_outputs); see AbstractBackend."""
        layout = Layout.of(initial_weights(spec, 0))
        params = layout.flat(weights, self._dtype)
        plan = make_plan(self._engine, compiled(spec, layout), layout, CHUNK)
        return _outputs(plan, params, spec, X)

    def _settings(
        self, kind: str, recipe: Recipe, splits: Splits, samples: Indices
    ) -> dict[str, Any]:
        """Returns what Plan.train takes beside arrays of the steps."""
        weights = None
        if recipe.class_weights and not splits.is_regression:
            weights = class_weights(splits.train.y[samples], splits.num_outputs)
        return {
            "class_weights": weights,
            "loss": LOSSES.index(kind),
            "smoothing": recipe.label_smoothing,
            "decay": recipe.weight_decay,
            "clip": recipe.clip or 0.0,
            "dropout": recipe.dropout,
            "window": min(WINDOW, recipe.steps_per_epoch(len(samples))),
            "factor": FACTOR,
            "least": LEAST,
        }


def _train(
    plan: Any,
    params: npt.NDArray[Any],
    train: Part,
    order: Sequence[Indices],
    recipe: Recipe,
    settings: dict[str, Any],
    seed: int,
) -> tuple[int, str | None]:
    """Trains weights in place; returns the steps made and why it diverged, or None."""
    rates, losses = learning_rates(recipe, len(order)), np.empty(len(order))
    if recipe.shift or recipe.mask:
        made = _train_augmented(plan, params, train, order, recipe, settings, rates, losses, seed)
    else:
        starts = np.cumsum([0, *map(len, order)], dtype=np.int64)
        flat = np.ascontiguousarray(train.X, dtype=np.float32)
        y = np.ascontiguousarray(train.y, dtype=_dtype(train))
        made, _ = plan.train(
            params, flat, y, np.concatenate(order), starts, rates, losses, **settings
        )
    watch = DivergenceWatch(settings["window"])
    verdicts = (watch.verdict(float(loss)) for loss in losses[:made])
    return made, next((error for error in verdicts if error is not None), None)


def _targets_scale(splits: Splits, scale: TargetScale) -> dict[str, npt.NDArray[np.float64]]:
    """Returns what Plan.train standardises numbers by, batch by batch; of classes nothing."""
    if not splits.is_regression:
        return {}
    return {
        "means": np.atleast_1d(np.asarray(scale.mean, np.float64)),
        "deviations": np.atleast_1d(np.asarray(scale.std, np.float64)),
    }


def _dtype(part: Part) -> type[np.generic]:
    return np.float32 if part.y.dtype.kind == "f" else np.int64


def _train_augmented(
    plan: Any,
    params: npt.NDArray[Any],
    train: Part,
    order: Sequence[Indices],
    recipe: Recipe,
    settings: dict[str, Any],
    rates: npt.NDArray[np.float64],
    losses: npt.NDArray[np.float64],
    seed: int,
) -> int:
    """Trains step by step on batches that are changed at random; returns the steps made."""
    rng = generator(seed, AUGMENT)
    for step, batch in enumerate(order):
        changed = np.ascontiguousarray(augmented(train.X[batch], recipe, rng), dtype=np.float32)
        y = np.ascontiguousarray(train.y[batch], dtype=_dtype(train))
        own, starts = np.arange(len(batch)), np.array([0, len(batch)])
        one = slice(step, step + 1)
        _, end = plan.train(params, changed, y, own, starts, rates[one], losses[one], **settings)
        if end != "finished":
            return step + 1
    return len(order)


def _outputs(
    plan: Any, params: npt.NDArray[Any], spec: ArchSpec, X: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    if X.shape[1:] != spec.input_shape:
        raise SpecError(f"Expected inputs of shape {spec.input_shape}, got {X.shape[1:]}.")
    outputs = np.empty((len(X), *spec.output_shape), params.dtype)
    plan.predict(params, np.ascontiguousarray(X, dtype=np.float32), outputs)
    return outputs.astype(np.float32, copy=False)
