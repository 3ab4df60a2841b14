"""Weights as numpy arrays: how they start, and how batch norms fold into them.

Names are those of the torch module's state dict: "node3.weight" belongs to node 3 of the spec.
A Conv has weight (out_channels, in_channels / groups, height, width), with height 1 for a 1-D
signal, and bias (out_channels,); a Dense has weight (out_features, in_features) and bias
(out_features,); an LSTM has weight_ih (4 * hidden, channels), weight_hh (4 * hidden, hidden),
bias_ih and bias_hh (4 * hidden,), the gates as in torch.nn.LSTM (input, forget, cell, output), and
deployed the sum of its biases as one bias; a BatchNorm has weight, bias, running_mean and
running_var, each (channels,).

A Recurrent has weight_w (gates * hidden, channels) and weight_u (gates * hidden, hidden), of a rank
instead of either two factors, first (rank, columns) and second (gates * hidden, rank), such as
weight_w_first; bias (biases * hidden,); and with scalars those, before their sigmoids. The order of
gates, biases and scalars is that of evonas.arch.cells. Branch i of a MetaKernel has
branch{i}.weight, a convolution's, and branch{i}.norm.weight and so on, a batch norm's; deployed it
has the weight and bias of a convolution.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.cells import CELLS
from evonas.arch.ops import LSTM, BatchNorm, Conv, Dense, MetaKernel, Recurrent, Shape
from evonas.arch.spec import ArchSpec
from evonas.proxy.batches import INITIAL, generator

Array = npt.NDArray[Any]
Weights = dict[str, Array]
Scale = float | npt.NDArray[np.float64]

FASTGRNN_SCALARS = (1.0, -4.0)
"""zeta and nu before their sigmoids, as published (Kusupati et al. 2018)."""

KEEP_GATES = {"fastgrnn": (0, 1), "ugrnn": (0, 1), "mgu": (0, -1), "gru": (1, 1), "lstm": (1, 1)}
"""Cell -> (place among the biases of the gate by which it keeps its state, 1 where an open gate
keeps or -1 where it forgets). A vanilla cell has none.
"""

BATCH_NORM_EPS = 1e-5
"""Added to the variance, as in torch.nn.BatchNorm2d."""


def kernel_shape(op: Conv | Dense, x: Shape) -> Shape:
    """Returns the shape of the weight of a Conv or Dense that reads a tensor of shape x."""
    if isinstance(op, Dense):
        return (op.out_features, x[0])
    ones = (1,) * (2 - len(op.kernel))
    return (op.out_channels, x[0] // op.groups, *ones, *op.kernel)


def lstm_shapes(op: LSTM, x: Shape, deployed: bool = False) -> dict[str, Shape]:
    """Returns the shapes of the weights of an LSTM that reads a tensor of shape x, by name."""
    gates = 4 * op.hidden
    biases = ("bias",) if deployed else ("bias_ih", "bias_hh")
    kernels = {"weight_ih": (gates, x[0]), "weight_hh": (gates, op.hidden)}
    return {**kernels, **dict.fromkeys(biases, (gates,))}


def recurrent_shapes(op: Recurrent, x: Shape) -> dict[str, Shape]:
    """Returns the shapes of the weights of a Recurrent that reads a tensor of shape x, by name."""
    cell = CELLS[op.cell]
    rows = cell.gates * op.hidden
    shapes: dict[str, Shape] = {}
    for name, columns, rank in (("w", x[0], op.rank_w), ("u", op.hidden, op.rank_u)):
        if rank:
            shapes[f"weight_{name}_first"] = (rank, columns)
            shapes[f"weight_{name}_second"] = (rows, rank)
        else:
            shapes[f"weight_{name}"] = (rows, columns)
    shapes["bias"] = (cell.biases * op.hidden,)
    if cell.scalars:
        shapes["scalars"] = (cell.scalars,)
    return shapes


def branch_shapes(op: MetaKernel, x: Shape) -> tuple[Shape, ...]:
    """Returns the shape of each branch's weight of a MetaKernel that reads a tensor of shape x."""
    merged = op.merged()
    return tuple(kernel_shape(replace(merged, kernel=kernel), x) for kernel in op.kernels)


def initial_weights(spec: ArchSpec, seed: int) -> Weights:
    """Returns the weights that a training starts from, float32, a function of spec and seed alone.

    Kernels, matrices and their biases are uniform in +-1 / sqrt(fan_in), those of recurrent layers
    in +-1 / sqrt(hidden), as PyTorch's own layers start; but units forget over 2 to as many steps
    as the sequence has. Batch norms start as the identity, the scalars of FastGRNN as published.
    """
    rng = generator(seed, INITIAL)
    weights: Weights = {}
    for index, node in enumerate(spec.nodes):
        name, op = f"node{index}", node.op
        if isinstance(op, Conv | Dense):
            shape = kernel_shape(op, spec.shapes[node.inputs[0]])
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            weights[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype(np.float32)
            if op.bias:
                weights[f"{name}.bias"] = rng.uniform(-bound, bound, shape[0]).astype(np.float32)
        elif isinstance(op, LSTM):
            bound = 1 / math.sqrt(op.hidden)
            x = spec.shapes[node.inputs[0]]
            for part, shape in lstm_shapes(op, x).items():
                weights[f"{name}.{part}"] = rng.uniform(-bound, bound, shape).astype(np.float32)
            _keep_state("lstm", x[1], weights[f"{name}.bias_ih"], rng)
        elif isinstance(op, Recurrent):
            bound = 1 / math.sqrt(op.hidden)
            x = spec.shapes[node.inputs[0]]
            for part, shape in recurrent_shapes(op, x).items():
                weights[f"{name}.{part}"] = rng.uniform(-bound, bound, shape).astype(np.float32)
            _keep_state(op.cell, x[1], weights[f"{name}.bias"], rng)
            if CELLS[op.cell].scalars:
                weights[f"{name}.scalars"] = np.array(FASTGRNN_SCALARS, np.float32)
        elif isinstance(op, MetaKernel):
            for i, shape in enumerate(branch_shapes(op, spec.shapes[node.inputs[0]])):
                bound = 1 / math.sqrt(math.prod(shape[1:]))
                kernel = rng.uniform(-bound, bound, shape).astype(np.float32)
                weights[f"{name}.branch{i}.weight"] = kernel
                weights |= _identity_norm(f"{name}.branch{i}.norm", op.out_channels)
        elif isinstance(op, BatchNorm):
            weights |= _identity_norm(name, spec.shapes[index][0])
    return weights


def _keep_state(cell: str, steps: int, bias: Array, rng: np.random.Generator) -> None:
    """Opens, in place, the gate by which a cell keeps its state.

    Its bias grows by log u, whereby a unit forgets over 1 + u steps: Tallec and Ollivier 2018
    <https://arxiv.org/abs/1804.11188>, who draw u uniformly in [1, steps - 1], and close an LSTM's
    input gate as far. Here log u is drawn uniformly, and no other gate changes. Against a bias of
    1, that lowered the validation metric of 18 of 20 pairs of cell and task (C-MAPSS, HAPT,
    JapaneseVowels, adding; 4 short trainings each) and of 15 with other seeds; u itself uniform, of
    14.
    """
    if cell in KEEP_GATES:
        place, sign = KEEP_GATES[cell]
        hidden = len(bias) // CELLS[cell].biases
        log_scales = rng.uniform(0, math.log(max(2, steps - 1)), hidden)
        bias[place * hidden : (place + 1) * hidden] += sign * log_scales


def _identity_norm(name: str, channels: int) -> Weights:
    ones = {f"{name}.{part}": np.ones(channels, np.float32) for part in ("weight", "running_var")}
    parts = ("bias", "running_mean")
    return ones | {f"{name}.{part}": np.zeros(channels, np.float32) for part in parts}


def folded_norms(spec: ArchSpec) -> dict[int, int]:
    """Returns, for every BatchNorm that folds, the node whose weights take it in.

    It folds where it reads a Conv or Dense that nothing else reads.
    """
    return {
        index: source
        for index, node in enumerate(spec.nodes)
        for source in node.inputs
        if isinstance(node.op, BatchNorm)
        and isinstance(spec.nodes[source].op, Conv | Dense)
        and spec.consumers[source] == (index,)
    }


def fold(spec: ArchSpec, weights: Weights) -> Weights:
    """Returns the deployed network's weights: batch norms folded, one bias on every layer.

    The outputs are those of the trained network in evaluation mode. Computed in float64, returned
    in the type of each kernel.

    Args:
        spec: The network.
        weights: Of the trained module; not changed.
    """
    norm_after = {source: norm for norm, source in folded_norms(spec).items()}
    folded: Weights = {}
    for index, node in enumerate(spec.nodes):
        name = f"node{index}"
        if isinstance(node.op, Conv | Dense):
            kernel = weights[f"{name}.weight"]
            bias = weights.get(f"{name}.bias", np.zeros(len(kernel)))
            norm = norm_after.get(index)
            gain, shift = _affine(weights, None if norm is None else f"node{norm}", len(kernel))
            wide = gain.reshape(-1, *(1,) * (kernel.ndim - 1)) * kernel
            folded[f"{name}.weight"] = wide.astype(kernel.dtype)
            folded[f"{name}.bias"] = (gain * bias + shift).astype(kernel.dtype)
        elif isinstance(node.op, LSTM):
            for part in ("weight_ih", "weight_hh"):
                folded[f"{name}.{part}"] = weights[f"{name}.{part}"]
            folded[f"{name}.bias"] = weights[f"{name}.bias_ih"] + weights[f"{name}.bias_hh"]
        elif isinstance(node.op, MetaKernel):
            folded |= merge_branches(node.op, name, weights)
        elif index not in norm_after.values():
            prefix = f"{name}."
            folded |= {key: array for key, array in weights.items() if key.startswith(prefix)}
    return folded


def merge_branches(op: MetaKernel, name: str, weights: Weights) -> Weights:
    """Returns the one kernel and bias into which a meta-kernel's branches and norms merge.

    By the additivity of convolution; computed in float64, returned in the type of each kernel.

    Args:
        op: The meta-kernel.
        name: Of its node, such as "node3".
        weights: Of the trained module; not changed.
    """
    kernels = [weights[f"{name}.branch{i}.weight"] for i in range(len(op.kernels))]
    height, width = (1,) * (2 - len(op.kernel)) + op.kernel
    merged = np.zeros((*kernels[0].shape[:2], height, width))
    bias = np.zeros(op.out_channels)
    for i, kernel in enumerate(kernels):
        gain, shift = _affine(weights, f"{name}.branch{i}.norm", op.out_channels)
        top, left = (height - kernel.shape[2]) // 2, (width - kernel.shape[3]) // 2
        rows, columns = slice(top, height - top), slice(left, width - left)
        merged[:, :, rows, columns] += gain.reshape(-1, 1, 1, 1) * kernel
        bias += shift
    dtype = kernels[0].dtype
    return {f"{name}.weight": merged.astype(dtype), f"{name}.bias": bias.astype(dtype)}


def _affine(weights: Weights, norm: str | None, channels: int) -> tuple[Array, Array]:
    """Returns the gain and shift of a batch norm in evaluation mode, float64; 1 and 0 of none."""
    if norm is None:
        return np.ones(channels), np.zeros(channels)
    weight, bias, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = weight / np.sqrt(variance + BATCH_NORM_EPS)
    return gain, bias - gain * mean


def scale_output(spec: ArchSpec, weights: Weights, mean: Scale, std: Scale) -> Weights:
    """Returns the weights of the network whose outputs are std * outputs + mean.

    So a network that learned standardised targets answers in the targets' natural units, and no
    reader of its weights needs to know the scale.

    Args:
        spec: A network that ends in a Dense with a bias.
        weights: Of the training module; not changed.
        mean: Of the target; (num_outputs,) where each output has one of its own.
        std: The same.
    """
    kernel, bias = (f"node{len(spec.nodes) - 1}.{part}" for part in ("weight", "bias"))
    scaled = dict(weights)
    rows = np.reshape(std, (-1, 1))  # the kernel is (outputs, features)
    scaled[kernel] = (rows * weights[kernel].astype(np.float64)).astype(weights[kernel].dtype)
    scaled[bias] = (std * weights[bias].astype(np.float64) + mean).astype(weights[bias].dtype)
    return scaled


def unscale_output(spec: ArchSpec, weights: Weights, mean: Scale, std: Scale) -> Weights:
    """Returns the weights that scale_output had taken, up to rounding; see there."""
    return scale_output(spec, weights, -mean / std, 1 / std)
