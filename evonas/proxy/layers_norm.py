"""Batch normalisation as a layer of its own and within a meta-kernel's branches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.proxy.weights import BATCH_NORM_EPS

MOMENTUM = 0.1
"""Share of a batch in a batch norm's running statistics, as in torch.nn.BatchNorm2d."""


class BatchNormLayer(nn.Module):
    """torch.nn.BatchNorm2d without its checks and its count of batches.

    Args:
        channels: Size of the second axis of its input.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.register_buffer("running_mean", torch.empty(channels))
        self.register_buffer("running_var", torch.empty(channels))
        self.momentum = MOMENTUM

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalised input; moves the running statistics while it trains."""
        return torch.batch_norm(
            x, self.weight, self.bias, self.running_mean, self.running_var,
            self.training, self.momentum, BATCH_NORM_EPS, False,
        )  # fmt: skip
