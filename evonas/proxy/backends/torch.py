"""The reference backend: PyTorch on one thread of one core.

Measured there, a step of a network for microcontrollers is mostly PyTorch's own overhead. So all
weights lie in one buffer that a hand-written AdamW updates with a handful of operations, batches
are cut from the arrays without a DataLoader, and no object does per step what an array can.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.arch.ops import Dense
from evonas.arch.spec import ArchSpec
from evonas.proxy.augment import augmented
from evonas.proxy.backends.backend import AbstractBackend, check_task
from evonas.proxy.batches import AUGMENT, DROPOUT, Indices, batches, generator, used_samples
from evonas.proxy.build import Network, build, load_weights, read_weights
from evonas.proxy.divergence import DivergenceWatch
from evonas.proxy.losses import (
    TargetScale,
    class_weights,
    loss_kind,
    mean_loss,
    standardised,
    target_scale,
)
from evonas.proxy.recipe import Recipe
from evonas.proxy.result import TrainResult
from evonas.proxy.schedule import learning_rates
from evonas.proxy.weights import Weights, scale_output
from evonas.tasks.metrics import Metric, predictions
from evonas.tasks.splits import Part, Splits

BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8
"""AdamW's constants, as in torch.optim.AdamW."""

CLIP_EPS = 1e-6
"""As in torch.nn.utils.clip_grad_norm_: a gradient of 0 stays one."""

CHUNK = 128
"""Samples that are evaluated at a time: their activations stay in a core's cache."""

Loss = Callable[[Tensor, Tensor], Tensor]


class TorchBackend(AbstractBackend):
    """Trains with PyTorch; one thread, whatever torch.set_num_threads says."""

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
        kind, scale = loss_kind(recipe, splits.is_regression), target_scale(splits)
        samples = used_samples(splits, recipe.data_fraction)
        model = build(spec, seed=seed)
        if start is not None:
            load_weights(model, start)
        with one_thread():
            loss = training_loss(kind, recipe, splits, samples)
            n_steps, error = _train(model, loss, splits.train, scale, samples, recipe, seed)
        weights = read_weights(model)
        if splits.is_regression:
            weights = scale_output(spec, weights, scale.mean, scale.std)
        value = val_loss = math.nan
        if error is None:
            outputs = self.predict(spec, weights, splits.val.X)
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
        model = Network(spec).eval()
        load_weights(model, weights)
        outputs = np.empty((len(X), *spec.output_shape), np.float32)
        with one_thread(), torch.inference_mode():
            for start in range(0, len(X), CHUNK):
                chunk = slice(start, start + CHUNK)
                batch = torch.from_numpy(np.array(X[chunk], dtype=np.float32))
                outputs[chunk] = model(batch).numpy()
        return outputs


class FlatAdamW:
    """AdamW over all weights of a module at once; equal to torch.optim.AdamW.

    The weights become views of one buffer and so do their gradients, which saves 0.17 ms of a
    step of 1.1 ms against the fused torch.optim.AdamW on a small TCN. Decay falls on weights of
    more than one dimension.

    Args:
        model: Its parameters keep their memory format.
        weight_decay: Decoupled, times the rate.
        clip: Largest norm of the whole gradient, as in torch.nn.utils.clip_grad_norm_; or None.
    """

    def __init__(self, model: nn.Module, weight_decay: float, clip: float | None = None) -> None:
        parameters = sorted(model.parameters(), key=lambda p: p.dim() < 2)
        total = sum(p.numel() for p in parameters)
        self._n_decayed = sum(p.numel() for p in parameters if p.dim() > 1)
        self._decay = weight_decay
        self._clip = clip
        self._weights, self._gradients = torch.empty(total), torch.zeros(total)
        self._mean, self._square = torch.zeros(total), torch.zeros(total)
        self._step = 0
        start = 0
        for parameter in parameters:
            piece = slice(start, start + parameter.numel())
            view = _view(self._weights[piece], parameter)
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = _view(self._gradients[piece], parameter)
            start = piece.stop

    def zero_grad(self) -> None:
        """Clears the gradients."""
        self._gradients.zero_()

    def step(self, rate: float) -> None:
        """Moves the weights by one step of that learning rate."""
        self._step += 1
        if self._clip is not None:
            norm = torch.linalg.vector_norm(self._gradients)
            self._gradients.mul_((self._clip / (norm + CLIP_EPS)).clamp_(max=1))
        first, second = (1 - beta**self._step for beta in BETAS)
        if self._decay:
            self._weights[: self._n_decayed].mul_(1 - rate * self._decay)
        self._mean.lerp_(self._gradients, 1 - BETAS[0])
        self._square.mul_(BETAS[1]).addcmul_(self._gradients, self._gradients, value=1 - BETAS[1])
        scale = self._square.sqrt().div_(math.sqrt(second)).add_(ADAM_EPS)
        self._weights.addcdiv_(self._mean, scale, value=-rate / first)


def _view(piece: Tensor, like: Tensor) -> Tensor:
    """Returns a piece of a buffer with the shape and the order in memory of a parameter."""
    if like.dim() != 4:
        return piece.view(like.shape)
    out_channels, in_channels, height, width = like.shape
    return piece.view(out_channels, height, width, in_channels).permute(0, 3, 1, 2)


def _train(
    model: Network,
    loss: Loss,
    train: Part,
    scale: TargetScale,
    samples: Indices,
    recipe: Recipe,
    seed: int,
) -> tuple[int, str | None]:
    """Trains a module in place; returns the steps made and why it diverged, or None.

    Args:
        model: In training mode.
        loss: (outputs, targets) -> mean loss of a batch.
        train: The whole training part.
        scale: Of its targets.
        samples: Indices of those that are used.
        recipe: How to train.
        seed: Of the order of samples, dropout and the changes of samples.
    """
    X, y = np.asarray(train.X), train.y
    optimiser = FlatAdamW(model, recipe.weight_decay, recipe.clip)
    watch = DivergenceWatch(recipe.steps_per_epoch(len(samples)))
    rng = generator(seed, AUGMENT)
    rates = learning_rates(recipe, recipe.n_steps(len(samples))).tolist()
    steps = zip(rates, batches(samples, recipe, seed), strict=True)
    with dropout(model, model.spec, recipe.dropout, seed), torch.enable_grad():
        for step, (rate, batch) in enumerate(steps, 1):
            optimiser.zero_grad()
            inputs = augmented(X[batch], recipe, rng)
            targets = torch.from_numpy(standardised(y[batch], scale))
            value = loss(model(torch.from_numpy(inputs)), targets)
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step(rate)
            error = watch.verdict(value.item())
            if error is not None:
                return step, error
    return len(rates), None


def training_loss(kind: str, recipe: Recipe, splits: Splits, samples: Indices) -> Loss:
    """Returns the loss that is trained: (outputs, targets) -> its mean over a batch."""
    if callable(recipe.loss):
        return recipe.loss
    if kind == "mse":
        return lambda outputs, y: functional.mse_loss(outputs.reshape(y.shape), y)
    if kind == "l1":
        return lambda outputs, y: functional.l1_loss(outputs.reshape(y.shape), y)
    if kind == "log-cosh":
        return lambda outputs, y: _log_cosh(outputs.reshape(y.shape) - y)
    smoothing = recipe.label_smoothing
    if not recipe.class_weights:
        return functools.partial(functional.cross_entropy, label_smoothing=smoothing)
    weights = torch.from_numpy(class_weights(splits.train.y[samples], splits.num_outputs))
    return functools.partial(_weighted_cross_entropy, weights=weights, smoothing=smoothing)


def _log_cosh(difference: Tensor) -> Tensor:
    far = difference.abs()
    return (far + functional.softplus(-2 * far)).mean() - math.log(2)  # cosh itself overflows


def _weighted_cross_entropy(
    outputs: Tensor, y: Tensor, weights: Tensor, smoothing: float
) -> Tensor:
    """Returns the mean smoothed cross-entropy, each sample weighing as its class.

    PyTorch's own weights would fall on the smoothed share of every class as well: of a class 40
    times rarer than the rest, that share outweighs the labels.
    """
    losses = functional.cross_entropy(outputs, y, reduction="none", label_smoothing=smoothing)
    of_samples = weights[y]  # (batch,)
    return (of_samples * losses).sum() / of_samples.sum()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps PyTorch on one thread meanwhile."""
    # Two threads on shared cores were measured 28-148 times slower, and would change the bits.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def dropout(model: nn.Module, spec: ArchSpec, share: float, seed: int) -> Iterator[None]:
    """Drops a share of the inputs of the last Dense while the module trains.

    Args:
        model: Node i of the spec is its child "node{i}".
        spec: The network.
        share: In [0, 1).
        seed: Of the training.
    """
    dense = [i for i, node in enumerate(spec.nodes) if isinstance(node.op, Dense)]
    if not share or not dense:
        yield
        return
    source = torch.Generator().manual_seed(int(generator(seed, DROPOUT).integers(2**63)))

    def drop(_: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        kept = torch.empty_like(inputs[0]).bernoulli_(1 - share, generator=source)
        return inputs[0] * kept.div_(1 - share)

    hook = model.get_submodule(f"node{dense[-1]}").register_forward_pre_hook(drop)
    try:
        yield
    finally:
        hook.remove()
