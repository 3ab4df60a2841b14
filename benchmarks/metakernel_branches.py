"""A supernet of branches: what E-DNAS' merged meta-kernel is measured against.

Every option of a slot is a convolution of its own that runs in full; the layer's output is the sum
of their outputs, each times its share. Weights, batch norms and the rest of the network are those
of the merged one, so both compute the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.arch.ops import Conv, MetaKernel, Shape
from evonas.baselines.kernel_choice import KernelChoice, MetaKernelChoice
from evonas.baselines.kernel_options import KernelOptions
from evonas.baselines.layout import Layout
from evonas.proxy.layers_norm import BatchNormLayer


class Branch(nn.Module):
    """One option's convolution on images of (batch, channels, height, width)."""

    def __init__(self, op: Conv, weight: np.ndarray) -> None:
        super().__init__()
        image = torch.from_numpy(weight)
        if image.dim() == 3:
            image = image.unsqueeze(2)
        self.weight = nn.Parameter(image.contiguous(memory_format=torch.channels_last))
        ones = (1,) * (2 - len(op.kernel))
        self._stride, self._dilation = ones + op.stride, ones + op.dilation
        self._groups = op.groups
        pads = ((0, 0),) * len(ones) + op.pads
        self._padding = tuple(max(0, min(pad)) for pad in pads)
        rest = [[n - free for n in pad] for pad, free in zip(pads, self._padding, strict=True)]
        self._rest = [n for pad in reversed(rest) for n in pad]  # the last axis first

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, out_channels, height, width)."""
        if any(self._rest):
            x = functional.pad(x, self._rest)
        return torch.conv2d(
            x, self.weight, None, self._stride, self._padding, self._dilation, self._groups
        )


class BranchChoice(nn.Module):
    """All options of a merged choice as branches, with its weights and its batch norm.

    Args:
        merged: Of single kernels, without a bias.

    Attributes:
        shares: (n_options,) by which the branches' outputs weigh; to be set before a call.
    """

    def __init__(self, merged: MetaKernelChoice) -> None:
        super().__init__()
        choice: KernelChoice = merged.choice
        branches = []
        for kernel, op in choice.options.items():
            conv = op.merged() if isinstance(op, MetaKernel) else op
            name = "branch0.weight" if isinstance(op, MetaKernel) else "weight"
            branches.append(Branch(conv, choice.chosen(kernel)[name]))
        self.branches = nn.ModuleList(branches)
        self.norm = BatchNormLayer(len(choice.weight))
        self.norm.load_state_dict(merged.norm.state_dict())
        self.shares = choice.shares

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, out_channels, height, width): the branches' outputs, weighted, normed."""
        y = self.shares[0] * self.branches[0](x)
        for share, branch in zip(self.shares[1:], list(self.branches)[1:], strict=True):
            y = y + share * branch(x)
        normalised: Tensor = self.norm(y)
        return normalised


class BranchOptions:
    """The options of every slot as branches; used as KernelOptions is.

    Args:
        layout: Whose slots they are.
        merged: The same options merged, whose weights are copied.

    Attributes:
        layers: Node -> its layer, to be given to a MaskedNetwork.
    """

    def __init__(self, layout: Layout, merged: KernelOptions) -> None:
        self.layers: dict[int, nn.Module] = {
            node: BranchChoice(layer)
            for node, layer in merged.layers.items()
            if isinstance(layer, MetaKernelChoice)
        }
        self._nodes = [slot.nodes for slot in layout.slots]

    def weigh(self, shares: Sequence[Tensor]) -> None:
        """Sets by which shares (n_options,) the options of each slot weigh from now on."""
        for nodes, own in zip(self._nodes, shares, strict=True):
            for node in nodes:
                self.layers[node].shares = own


def convolution_macs(layout: Layout, options: Sequence[Sequence[object]]) -> tuple[int, int, int]:
    """Returns the multiplications of one forward pass of a sample, by convolutions.

    Returns:
        Of all options of the slots one by one, of one merged kernel in each slot, and of the
        network's other convolutions, which both share.
    """
    branches = merged = other = 0
    for number, node in enumerate(layout.spec.nodes):
        if not isinstance(node.op, (Conv, MetaKernel)):
            continue
        x = layout.spec.shapes[node.inputs[0]]
        slot = layout.slot_of.get(number)
        if slot is None:
            op = node.op.merged() if isinstance(node.op, MetaKernel) else node.op
            other += _macs(op, x)
            continue
        ops = [layout.slots[slot].ops[kernel][number] for kernel in options[slot]]
        each = [_macs(op.merged() if isinstance(op, MetaKernel) else op, x) for op in ops]
        branches += sum(each)
        merged += max(each)
    return branches, merged, other


def _macs(op: Conv, x: Shape) -> int:
    taps = int(np.prod(op.kernel)) * x[0] // op.groups
    return taps * int(np.prod(op.output_shape(x)))
