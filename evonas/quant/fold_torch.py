"""Folding batch norms and merging branches as a function of tensors, so that gradients pass.

The same as evonas.proxy.weights.fold, whose text says what is folded. The statistics of batch norms
are constants: they stay as training left them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from evonas.arch.ops import LSTM, Conv, Dense, MetaKernel
from evonas.arch.spec import ArchSpec
from evonas.proxy.weights import BATCH_NORM_EPS, folded_norms

Tensors = Mapping[str, Tensor]


def fold_tensors(spec: ArchSpec, weights: Tensors) -> dict[str, Tensor]:
    """Returns the deployed network's weights, by their names in its state dict.

    Args:
        spec: The network.
        weights: Parameters and buffers of its training module.
    """
    norm_after = {source: norm for norm, source in folded_norms(spec).items()}
    folded: dict[str, Tensor] = {}
    for index, node in enumerate(spec.nodes):
        name = f"node{index}"
        if isinstance(node.op, Conv | Dense):
            norm = norm_after.get(index)
            folded |= _layer(weights, name, None if norm is None else f"node{norm}")
        elif isinstance(node.op, LSTM):
            for part in ("weight_ih", "weight_hh"):
                folded[f"{name}.{part}"] = weights[f"{name}.{part}"]
            folded[f"{name}.bias"] = weights[f"{name}.bias_ih"] + weights[f"{name}.bias_hh"]
        elif isinstance(node.op, MetaKernel):
            folded |= _merged(node.op, weights, name)
        elif index not in norm_after.values():
            prefix = f"{name}."
            folded |= {key: value for key, value in weights.items() if key.startswith(prefix)}
    return folded


def _layer(weights: Tensors, name: str, norm: str | None) -> dict[str, Tensor]:
    kernel = weights[f"{name}.weight"]
    bias = weights.get(f"{name}.bias")
    if norm is None:
        return {
            f"{name}.weight": kernel,
            f"{name}.bias": kernel.new_zeros(len(kernel)) if bias is None else bias,
        }
    gain, shift = _affine(weights, norm)
    return {
        f"{name}.weight": gain.view(-1, *(1,) * (kernel.dim() - 1)) * kernel,
        f"{name}.bias": shift if bias is None else gain * bias + shift,
    }


def _merged(op: MetaKernel, weights: Tensors, name: str) -> dict[str, Tensor]:
    height, width = (1,) * (2 - len(op.kernel)) + op.kernel
    kernels, biases = [], []
    for i in range(len(op.kernels)):
        kernel = weights[f"{name}.branch{i}.weight"]
        gain, shift = _affine(weights, f"{name}.branch{i}.norm")
        top, left = (height - kernel.shape[2]) // 2, (width - kernel.shape[3]) // 2
        kernels.append(functional.pad(gain.view(-1, 1, 1, 1) * kernel, [left, left, top, top]))
        biases.append(shift)
    return {
        f"{name}.weight": torch.stack(kernels).sum(0),
        f"{name}.bias": torch.stack(biases).sum(0),
    }


def _affine(weights: Tensors, norm: str) -> tuple[Tensor, Tensor]:
    """Returns the gain and shift of a batch norm in evaluation mode."""
    weight, bias, mean, variance = (
        weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = weight * torch.rsqrt(variance + BATCH_NORM_EPS)
    return gain, bias - gain * mean
