"""A network as it trains towards int8: what int8 would round is rounded, and gradients pass.

Weights and activations stand on the grids of evonas.quant.quantize. A rounded number passes its
gradient on as if it were not rounded, one beyond the grid's ends none (Jacob et al. 2018
<https://arxiv.org/abs/1712.05877>); the scale of an activation learns as in Esser et al. 2020
<https://arxiv.org/abs/1902.08153>, here by its logarithm, so that it stays positive.

Batch norms are folded with the statistics that training left. What is not modelled: biases, whose
grid is 2^8 times finer or more; the rounding of the accumulators' multipliers; and inside a
recurrent layer all but its weights, that is the 16-bit sums, tables and states and the int8 hidden
state that is fed back, while the sequence that leaves it is rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call

from evonas.arch.cells import CELLS
from evonas.arch.graph import LoweredGraph
from evonas.arch.ops import LSTM, BatchNorm, Conv, Dense, Flatten, LastStep, MetaKernel, Recurrent
from evonas.arch.spec import ArchSpec
from evonas.proxy.build import Network, load_weights
from evonas.proxy.losses import TargetScale
from evonas.proxy.weights import Weights, folded_norms
from evonas.quant.arithmetic import INT8_MAX, INT8_MIN
from evonas.quant.calibrate import WEIGHT_MAX, Range
from evonas.quant.fold_torch import fold_tensors
from evonas.quant.kinds import kind_rules
from evonas.quant.layers import keep
from evonas.quant.network import Quantization, QuantizedNetwork

SCALES: dict[type, Callable[[Any, str], int]] = {
    Conv: lambda op, name: int(op.out_channels),
    MetaKernel: lambda op, name: int(op.out_channels),
    Dense: lambda op, name: 1,
    LSTM: lambda op, name: 4,
    Recurrent: lambda op, name: 1 if name.endswith("_first") else CELLS[op.cell].gates,
}
"""Operator with weights -> how many scales one of its deployed weights has, along the first axis. A
batch norm that does not fold has one weight a scale and loses nothing."""


RANGE_RATE = 10.0
"""How many times faster than weights the logarithms of scales learn. Measured on networks that were
trained on hapt and on JapaneseVowels and whose activations' scales were set 16 times too large, 300
steps at 3e-3 recovered the metric of the float networks with it, and without it half of the loss or
less."""


class FakeQuantNetwork(nn.Module):
    """The network of a spec with the losses of int8.

    Args:
        start: The network as quantised after training; its scales are those to begin with.
        weights: Of the training module, for a standardised target.
        target: Scale of numeric targets: the outputs are rounded in their natural units.
    """

    def __init__(self, start: QuantizedNetwork, weights: Weights, target: TargetScale) -> None:
        super().__init__()
        spec, graph = start.spec, start.graph
        self.trained = Network(spec)
        load_weights(self.trained, weights)
        self.log_scales = nn.Parameter(torch.zeros(len(graph.tensors)))  # over RANGE_RATE
        # In a tuple, so that its parameters are none of this module: they come from `trained`.
        self._deployed = (Network(spec, deployed=True).eval(),)
        self._tensors = start.tensors
        roots = _scale_owners(graph)
        for tensor, node in _rounded_after(spec, graph).items():
            is_output = tensor == graph.output
            hook = self._rounding(roots[tensor], target if is_output else TargetScale())
            self._deployed[0].get_submodule(f"node{node}").register_forward_hook(hook)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, num_outputs) for x (batch, *input_shape)."""
        spec = self.trained.spec
        own = dict(self.trained.named_parameters()) | dict(self.trained.named_buffers())
        folded = fold_tensors(spec, own)
        rounded = {name: _rounded_weight(spec, name, value) for name, value in folded.items()}
        y: Tensor = functional_call(self._deployed[0], rounded, (x,))
        return y

    def ranges(self) -> dict[int, Range]:
        """Returns the range of each tensor that its learned scale covers, for ``quantize``."""
        factors = torch.exp(RANGE_RATE * self.log_scales.detach()).tolist()
        ranges = {}
        for i, (q, factor) in enumerate(zip(self._tensors, factors, strict=True)):
            scale = q.scale * factor
            ranges[i] = ((INT8_MIN - q.zero_point) * scale, (INT8_MAX - q.zero_point) * scale)
        return ranges

    def _rounding(self, owner: int, target: TargetScale) -> Callable[..., Tensor]:
        """Returns a hook that rounds a layer's output; of a standardised target in its own unit."""
        quantization = self._tensors[owner]
        mean, std = (_per_output(numbers) for numbers in (target.mean, target.std))

        def rounded(module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
            z: Tensor = _Rounded.apply(y, self.log_scales[owner], quantization)  # type: ignore[no-untyped-call]
            return z

        def rounded_target(module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
            natural = rounded(module, inputs, y * std + mean)
            return (natural - mean) / std

        return rounded if target.is_natural else rounded_target


def _per_output(numbers: float | npt.NDArray[np.float64]) -> float | Tensor:
    return numbers if isinstance(numbers, float) else torch.from_numpy(numbers).float()


class _Rounded(torch.autograd.Function):
    """Rounds to int8 and back; passes gradients to the numbers and to the scale's logarithm."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, log_scale: Tensor, quantization: Quantization) -> Tensor:
        scale = quantization.scale * torch.exp(RANGE_RATE * log_scale)
        low, high = INT8_MIN - quantization.zero_point, INT8_MAX - quantization.zero_point
        steps = x / scale
        q = torch.round(steps).clamp_(low, high)
        inside = (steps >= low - 0.5) & (steps <= high + 0.5)
        # d rounded / d scale: the rounding error inside, the end of the grid outside
        ctx.save_for_backward(inside, torch.where(inside, q - steps, q), scale)
        return q * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        inside, slope, scale = ctx.saved_tensors
        return gradient * inside, (gradient * slope).sum() * scale * RANGE_RATE, None


def _rounded_weight(spec: ArchSpec, name: str, value: Tensor) -> Tensor:
    node, _, part = name.partition(".")
    op = spec.nodes[int(node.removeprefix("node"))].op
    if not part.startswith("weight") or isinstance(op, BatchNorm):
        return value
    rows = value.reshape(SCALES[type(op)](op, part), -1)
    scales = rows.detach().abs().amax(1) / WEIGHT_MAX
    scales = torch.where(scales > 0, scales, torch.ones_like(scales))
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    rounded = torch.fake_quantize_per_channel_affine(
        rows, scales, zeros, 0, -WEIGHT_MAX, WEIGHT_MAX
    )
    return rounded.view(value.shape)


def _scale_owners(graph: LoweredGraph) -> list[int]:
    """Returns for each tensor the one whose scale it has: itself, or what an operator moves."""
    owners = list(range(len(graph.tensors)))
    for op in graph.ops:
        if kind_rules(op).quantize is keep:
            owners[op.output] = owners[op.inputs[0]]
    return owners


def _rounded_after(spec: ArchSpec, graph: LoweredGraph) -> dict[int, int]:
    """Returns tensor -> the node after which the training module holds it.

    Those alone that int8 rounds: what moves or selects numbers leaves them where they are.
    """
    rounds = {0} | {
        op.output
        for op in graph.ops
        if kind_rules(op).quantize is not keep or op.kind == "average_pool"
    }
    last = {op.node: op.output for op in graph.ops}
    left_out = folded_norms(spec)
    values: list[int] = []
    nodes: dict[int, int] = {}
    for index, node in enumerate(spec.nodes):
        tensor = 0 if not node.inputs else last.get(index, values[node.inputs[0]])
        values.append(tensor)
        is_name_only = isinstance(node.op, Flatten | LastStep) or index in left_out
        if tensor in rounds and not is_name_only:
            nodes[tensor] = index
    return nodes
