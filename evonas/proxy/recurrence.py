"""A recurrent layer as one differentiable torch function on a CPU, its gradient by hand.

The inputs of all time steps are multiplied by W in one product, and so are the gradients of W and
U; only what must go step by step does, in the loops of evonas.proxy.cell_loops.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from evonas.arch.cells import CELLS
from evonas.proxy.cell_loop import Array, Back, Kept, Product
from evonas.proxy.cell_loops import LOOPS
from evonas.proxy.cell_steps import RecurrentWeights

NUMPY_PRODUCT = 1 << 17
"""Multiplications up to which a product is numpy's. Its BLAS, OpenBLAS, spreads what has more than
2^18 over threads; torch's obeys torch.set_num_threads and costs about 1 us more a call."""


class _Trace(NamedTuple):
    """What the way back needs of the way there.

    Attributes:
        h: (time + 1, hidden, batch), the states; the first is zero.
        kept: By the cell's loop.
    """

    h: Array
    kept: Kept


def all_states(cell: str, x: Tensor, weights: RecurrentWeights) -> Tensor:
    """Returns the state after every step, (time, hidden, batch), from a state of zeros.

    Differentiable once, by x and every weight.

    Args:
        cell: One of CELLS.
        x: (time, channels, batch), on a CPU.
        weights: Of the layer, of x's type.
    """
    if torch.is_grad_enabled():
        h: Tensor = _Recurrence.apply(cell, x, *weights)  # type: ignore[no-untyped-call]
        return h
    return _there(cell, x, weights)[0]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cell: str, x: Tensor, *weights: Any) -> Tensor:
        h, trace = _there(cell, x, RecurrentWeights(*weights))
        ctx.cell, ctx.trace = cell, trace
        ctx.save_for_backward(h, x, *weights)  # h: whoever overwrites the output is told
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        _, x, *tensors = ctx.saved_tensors
        weights = RecurrentWeights(*tensors)
        back = _back(ctx.cell, grad, weights, ctx.trace)
        return None, *_gradients(ctx.cell, x, weights, back, ctx.needs_input_grad[1])


def _there(cell: str, x: Tensor, weights: RecurrentWeights) -> tuple[Tensor, _Trace]:
    loop = LOOPS[cell]
    steps, _, batch = x.shape
    w_scale, u_scale = _scales(cell, weights)
    repeats = len(w_scale) // len(weights.w)
    inner = x if weights.w_first is None else _every_step(weights.w_first, x)
    bias = weights.bias[: len(w_scale), np.newaxis] * w_scale
    w = (weights.w.repeat(repeats, 1) * w_scale).expand(steps, -1, -1)
    a = torch.baddbmm(bias.expand(steps, -1, 1), w, inner)  # (time, rows, batch)
    blocks = (weights.u * u_scale).chunk(CELLS[cell].u_passes)
    products = tuple(_product(block, weights.u_first, batch) for block in blocks)
    hidden = len(u_scale) // len(loop.u_scale)
    h = np.empty((steps + 1, hidden, batch), _array(x).dtype)
    h[0] = 0
    with np.errstate(all="ignore"):  # what diverges is found by its loss
        kept = loop.forward(_array(a), h, products, _array(_extra(cell, weights)))
    return torch.from_numpy(h[1:]), _Trace(h, kept)


def _back(cell: str, grad: Tensor, weights: RecurrentWeights, trace: _Trace) -> Back:
    _, u_scale = _scales(cell, weights)
    u = weights.u if weights.u_first is None else weights.u @ weights.u_first
    blocks = (u * u_scale).chunk(CELLS[cell].u_passes)
    products = tuple(_product(block.t(), None, grad.shape[2]) for block in blocks)
    outside = _array(grad.contiguous())
    with np.errstate(all="ignore"):
        return LOOPS[cell].backward(outside, *trace, products, _array(_extra(cell, weights)))


def _gradients(
    cell: str, x: Tensor, weights: RecurrentWeights, back: Back, needs_x: bool
) -> tuple[Tensor | None, ...]:
    """Returns the gradients of x and of each weight, from those of the loop."""
    of_x, of_w_first, of_w, of_bias = _input_gradients(cell, x, weights, back, needs_x)
    _, u_scale = _scales(cell, weights)
    of_u_first, of_u = (
        None,
        u_scale
        * torch.cat(
            [
                _over_steps(torch.from_numpy(result)) @ _over_steps(torch.from_numpy(operand)).t()
                for result, operand in back.products
            ]
        ),
    )
    if weights.u_first is not None:
        of_u_first, of_u = weights.u.t() @ of_u, of_u @ weights.u_first.t()
    of_scalars = None
    if weights.scalars is not None:
        gains = weights.gains()
        of_scalars = torch.from_numpy(back.extra) * gains * (1 - gains)
    elif back.extra is not None:
        of_bias = torch.cat([of_bias, torch.from_numpy(back.extra)])
    return of_x, of_w_first, of_w, of_u_first, of_u, of_bias, of_scalars


def _input_gradients(
    cell: str, x: Tensor, weights: RecurrentWeights, back: Back, needs_x: bool
) -> tuple[Tensor | None, Tensor | None, Tensor, Tensor]:
    """Returns the gradients of x, of both factors of W and of the inputs' biases."""
    w_first, w = weights.w_first, weights.w
    w_scale, _ = _scales(cell, weights)
    given = torch.from_numpy(back.inputs)
    flat = _over_steps(given)  # (rows, time * batch)
    of_bias = (flat.sum(1, keepdim=True) * w_scale).flatten()
    inner = x if w_first is None else _every_step(w_first, x)
    of_w = (flat @ _over_steps(inner).t() * w_scale).view(-1, *w.shape).sum(0)
    if w_first is None and not needs_x:
        return None, None, of_w, of_bias
    repeats = len(w_scale) // len(w)
    of_inner = _every_step((w.repeat(repeats, 1) * w_scale).t(), given)
    if w_first is None:
        return of_inner, None, of_w, of_bias
    of_w_first = _over_steps(of_inner) @ _over_steps(x).t()
    of_x = _every_step(w_first.t(), of_inner) if needs_x else None
    return of_x, of_w_first, of_w, of_bias


def _extra(cell: str, weights: RecurrentWeights) -> Tensor:
    """Returns FastGRNN's zeta and nu, or the biases beyond those of the inputs."""
    if weights.scalars is not None:
        return weights.gains()
    return weights.bias[len(LOOPS[cell].w_scale) * len(weights.u) // len(LOOPS[cell].u_scale) :]


def _scales(cell: str, weights: RecurrentWeights) -> tuple[Tensor, Tensor]:
    """Returns what the rows of the inputs' pre-activations and of U are multiplied by, as columns.

    There may be more of the former than rows of W: blocks that share it.
    """
    loop = LOOPS[cell]
    hidden = len(weights.u) // len(loop.u_scale)
    w, u = (
        torch.from_numpy(np.repeat(np.array(scale, _array(weights.u).dtype), hidden)[:, np.newaxis])
        for scale in (loop.w_scale, loop.u_scale)
    )
    return w, u


def _every_step(matrix: Tensor, x: Tensor) -> Tensor:
    """Returns the matrix times x (time, rows, batch) of every step."""
    return torch.bmm(matrix.expand(len(x), -1, -1), x)


def _over_steps(x: Tensor) -> Tensor:
    """Returns (time, rows, batch) as (rows, time * batch)."""
    return x.permute(1, 0, 2).reshape(x.shape[1], -1)


def _product(matrix: Tensor, first: Tensor | None, batch: int) -> Product:
    """Returns what writes the matrix, behind the first factor, times (rows, batch) into out."""
    times_matrix = _times(matrix, batch)
    if first is None:
        return times_matrix
    times_first = _times(first, batch)
    inner = np.empty((len(first), batch), _array(first).dtype)

    def times(x: Array, out: Array) -> None:
        times_first(x, inner)
        times_matrix(inner, out)

    return times


def _times(matrix: Tensor, batch: int) -> Product:
    if matrix.numel() * batch <= NUMPY_PRODUCT:
        return functools.partial(np.dot, _array(matrix.contiguous()))

    def times(x: Array, out: Array) -> None:
        torch.mm(matrix, torch.from_numpy(x), out=torch.from_numpy(out))

    return times


def _array(tensor: Tensor) -> Array:
    return tensor.detach().numpy()
