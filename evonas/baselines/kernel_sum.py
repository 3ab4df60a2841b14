"""The weighted sum of kernels that lie within one grid of taps, and its gradients.

Written as a function of its own because autograd's operators cost more than the convolution that
reads the kernel where images are small: a matrix product that places every tap took a fifth of a
search step of 7x7, 5x5 and 3x3 kernels on images of 8x8 (benchmarks/bench_metakernel.py). Here each
kernel is added where its taps lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Span(NamedTuple):
    """Where one kernel lies.

    Attributes:
        option: By whose share it weighs.
        start: Its first tap among the taps of all kernels.
        kernel: Its taps (height, width).
        rows: Of the grid.
        columns: Of the grid.
    """

    option: int
    start: int
    kernel: tuple[int, int]
    rows: slice
    columns: slice

    def of(self, weight: Tensor) -> Tensor:
        """Returns a view of its part of weights (n, taps, channels) as (n, *kernel, channels)."""
        height, width = self.kernel
        return weight[:, self.start : self.start + height * width].unflatten(1, (height, width))

    def on(self, total: Tensor) -> Tensor:
        """Returns a view of the grid's taps (n, *kernel, channels) at which its own lie."""
        return total[:, self.rows, self.columns]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, shares: Tensor, spans: Sequence[Span], grid: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(weight, shares)
        ctx.spans = spans
        total = weight.new_zeros(len(weight), *grid, weight.shape[-1])
        values = shares.tolist()
        for span in spans:
            span.on(total).add_(span.of(weight), alpha=values[span.option])
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        weight, shares = ctx.saved_tensors
        wants_weight, wants_shares, *_ = ctx.needs_input_grad
        of_weight = torch.empty_like(weight) if wants_weight else None
        of_shares = torch.zeros_like(shares) if wants_shares else None
        values = shares.tolist()
        for span in ctx.spans:
            part = span.on(grad)
            if of_weight is not None:
                torch.mul(part, values[span.option], out=span.of(of_weight))
            if of_shares is not None:
                of_shares[span.option] += (part * span.of(weight)).sum()
        return of_weight, of_shares, None, None


def weighted_sum(
    weight: Tensor, shares: Tensor, spans: Sequence[Span], grid: tuple[int, int]
) -> Tensor:
    """Returns the sum of kernels, each times its option's share, (n, *grid, channels).

    Args:
        weight: (n, taps of all kernels, channels), each kernel's taps row by row.
        shares: (n_options,).
        spans: Where each kernel lies; together they hold every tap once.
        grid: Taps of the sum (height, width).
    """
    total: Tensor = _Sum.apply(weight, shares, spans, grid)  # type: ignore[no-untyped-call]
    return total
