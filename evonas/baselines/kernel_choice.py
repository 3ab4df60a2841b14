"""A convolution that chooses its kernel: options of own weights, weighted, in ONE convolution.

A convolution is additive in its kernel, so a weighted sum of convolutions of one input, stride and
grouping is the convolution by the weighted sum of their kernels, each of them placed where its taps
read. This is E-DNAS's meta-kernel (Garcia, Agudo, Moreno-Noguer 2021), here for kernels of any size
and dilation: every option reads the very positions that it reads once it is a layer of its own. So
causal kernels meet at the newest tap and centred ones at their centre, except where TFLite's SAME
padding of a strided layer lets them begin at the same position.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.arch.ops import Conv, MetaKernel, Shape
from evonas.baselines.kernel_slots import Kernel
from evonas.errors import SpecError
from evonas.proxy.layers_norm import BatchNormLayer
from evonas.proxy.weights import Weights


@dataclass(frozen=True)
class Piece:
    """One kernel of an option: a convolution's own, or that of one branch of a meta-kernel.

    Attributes:
        option: Index of the option.
        kernel: Taps (height, width).
        offsets: Position that tap (i, j) reads for output (0, 0), per axis: (n,) each.
    """

    option: int
    kernel: tuple[int, int]
    offsets: tuple[tuple[int, ...], tuple[int, ...]]


class Grid(NamedTuple):
    """The taps of the one convolution that holds every option's, per image axis.

    Attributes:
        kernel: Taps.
        dilation: Distance between them.
        first: Position that the first tap reads for the first output.
    """

    kernel: tuple[int, int]
    dilation: tuple[int, int]
    first: tuple[int, int]


class KernelChoice(nn.Module):
    """The weighted sum of convolutions, as one convolution on images, without batch norm.

    Args:
        options: Kernel -> its layer; of one output shape, stride and grouping for an input of
            shape x.
        x: Shape of the input, (channels, length) or (channels, height, width).
        rng: Draws the initial weights, uniform in +-1 / sqrt(fan_in) of each kernel.

    Attributes:
        shares: (n_options,) by which the options weigh; to be set before a call.

    Raises:
        SpecError: The options differ in more than kernel, dilation and pads.
    """

    option_of_tap: Tensor
    place_of_tap: Tensor

    def __init__(
        self, options: Mapping[Kernel, Conv | MetaKernel], x: Shape, rng: np.random.Generator
    ) -> None:
        super().__init__()
        merged = [_merged(option) for option in options.values()]
        _check(merged, x)
        self.options = dict(options)
        first = merged[0]
        ops = enumerate(options.values())
        self.pieces = tuple(piece for i, option in ops for piece in _pieces(i, option))
        self._grid = grid(self.pieces)
        self._stride, self._groups = _image(first.stride), first.groups
        self._rest, self._padding = self._pads(x, first.output_shape(x))
        place, owner = _placement(self.pieces, self._grid)
        self.register_buffer("place_of_tap", torch.from_numpy(place), persistent=False)
        self.register_buffer("option_of_tap", torch.from_numpy(owner), persistent=False)
        columns = x[0] // first.groups
        bounds = [1 / math.sqrt(columns * math.prod(p.kernel)) for p in self.pieces]
        bound = np.repeat(bounds, [math.prod(p.kernel) for p in self.pieces])[:, None]
        drawn = rng.uniform(-1, 1, (first.out_channels, len(owner), columns)) * bound
        self.weight = nn.Parameter(torch.from_numpy(drawn.astype(np.float32)))
        start = rng.uniform(-bounds[0], bounds[0], first.out_channels).astype(np.float32)
        self.bias = nn.Parameter(torch.from_numpy(start)) if first.bias else None
        self.shares = torch.full((len(options),), 1 / len(options))

    def kernel(self) -> Tensor:
        """Returns the one kernel, (out_channels, in_channels / groups, height, width)."""
        rows = self.weight * self.shares[self.option_of_tap].unsqueeze(1)
        height, width = self._grid.kernel
        total = rows.new_zeros(len(rows), height * width, rows.shape[-1])
        # Cheaper than a product with a matrix that places taps: it has all taps times all places.
        total = total.index_add(1, self.place_of_tap, rows)
        return total.view(len(rows), height, width, -1).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, out_channels, height, width): the options' outputs, times `shares`."""
        if any(self._rest):
            x = functional.pad(x, self._rest)  # a negative pad crops
        return torch.conv2d(
            x, self.kernel(), self.bias, self._stride, self._padding, self._grid.dilation,
            self._groups,
        )  # fmt: skip

    def chosen(self, kernel: Kernel) -> Weights:
        """Returns copies of one option's weights, by the names of evonas.proxy.weights."""
        option = list(self.options).index(kernel)
        is_meta = isinstance(self.options[kernel], MetaKernel)
        taps = self.weight.detach().numpy()
        found: Weights = {}
        start = 0
        for piece in self.pieces:
            stop = start + math.prod(piece.kernel)
            if piece.option == option:
                own = taps[:, start:stop].reshape(len(taps), *piece.kernel, -1)
                name = f"branch{len(found)}.weight" if is_meta else "weight"
                found[name] = np.ascontiguousarray(own.transpose(0, 3, 1, 2))
            start = stop
        if self.bias is not None:
            found["bias"] = self.bias.detach().numpy().copy()
        return found

    def _pads(self, x: Shape, y: Shape) -> tuple[list[int], tuple[int, int]]:
        """Returns the zeros of functional.pad and those that the convolution adds itself."""
        lengths, outputs = _image(x[1:]), _image(y[1:])
        pads = []
        for axis in range(2):
            before = -self._grid.first[axis]
            field = (self._grid.kernel[axis] - 1) * self._grid.dilation[axis] + 1
            # As many positions as the last output needs: what lies beyond no option reads.
            after = (outputs[axis] - 1) * self._stride[axis] + field - lengths[axis] - before
            pads.append((before, after))
        free = tuple(max(0, min(pad)) for pad in pads)
        (top, bottom), (left, right) = pads
        rest = [left - free[1], right - free[1], top - free[0], bottom - free[0]]
        return rest, (free[0], free[1])


class MetaKernelChoice(nn.Module):
    """Meta-kernels to choose from: their one convolution and one batch norm behind it.

    A batch norm for each branch, as the space's networks train, would not let the branches be one
    convolution; in evaluation mode a branch's is affine, so any weights found here have the same
    function in the space's network (`chosen`).

    Args:
        options: As of KernelChoice; all meta-kernels.
        x: As of KernelChoice.
        rng: As of KernelChoice.
    """

    def __init__(
        self, options: Mapping[Kernel, Conv | MetaKernel], x: Shape, rng: np.random.Generator
    ) -> None:
        super().__init__()
        self.choice = KernelChoice(options, x, rng)
        self.norm = BatchNormLayer(len(self.choice.weight))
        with torch.no_grad():
            for tensor in (self.norm.weight, self.norm.running_var):
                tensor.fill_(1.0)
            for tensor in (self.norm.bias, self.norm.running_mean):
                tensor.fill_(0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, out_channels, height, width)."""
        normalised: Tensor = self.norm(self.choice(x))
        return normalised

    def chosen(self, kernel: Kernel) -> Weights:
        """Returns one option's weights: every branch's kernel and batch norm.

        All branches share gain and variance; the first one has the shift and the mean.
        """
        found = self.choice.chosen(kernel)
        norm = {name: tensor.detach().numpy() for name, tensor in self.norm.state_dict().items()}
        for branch in range(len(found)):
            for name, array in norm.items():
                shared = name in ("weight", "running_var") or branch == 0
                own = array.copy() if shared else np.zeros_like(array)
                found[f"branch{branch}.norm.{name}"] = own
        return found


def grid(pieces: Sequence[Piece]) -> Grid:
    """Returns the coarsest grid on which every tap of the pieces lies."""
    kernel, dilation, first = [], [], []
    for axis in range(2):
        read = sorted({offset for piece in pieces for offset in piece.offsets[axis]})
        step = math.gcd(*(offset - read[0] for offset in read)) or 1
        kernel.append((read[-1] - read[0]) // step + 1)
        dilation.append(step)
        first.append(read[0])
    return Grid((kernel[0], kernel[1]), (dilation[0], dilation[1]), (first[0], first[1]))


def _pieces(index: int, option: Conv | MetaKernel) -> list[Piece]:
    """Returns the kernels of an option, those of a meta-kernel centred in the merged one."""
    conv = _merged(option)
    kernels = option.kernels if isinstance(option, MetaKernel) else (conv.kernel,)
    pads = _image_pads(conv)
    field, dilation = _image(conv.kernel), _image(conv.dilation)
    pieces = []
    for kernel in map(_image, kernels):
        rows, columns = (
            tuple(((field[a] - kernel[a]) // 2 + i) * dilation[a] - pads[a] for i in range(taps))
            for a, taps in enumerate(kernel)
        )
        pieces.append(Piece(index, kernel, (rows, columns)))
    return pieces


def _placement(
    pieces: Sequence[Piece], on: Grid
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns of every tap of the pieces its place on the grid, row by row, and its option."""
    places, owner = [], []
    for piece in pieces:
        for row in piece.offsets[0]:
            for column in piece.offsets[1]:
                i = (row - on.first[0]) // on.dilation[0]
                places.append(i * on.kernel[1] + (column - on.first[1]) // on.dilation[1])
                owner.append(piece.option)
    return np.array(places, np.int64), np.array(owner, np.int64)


def _check(options: Sequence[Conv], x: Shape) -> None:
    if not options:
        raise SpecError("A choice of kernels needs at least one option.")
    shared = {(c.stride, c.groups, c.bias, c.output_shape(x)) for c in options}
    if len(shared) > 1:
        raise SpecError(
            "The options of a choice of kernels must have the same stride, groups, bias and output "
            f"shape, got {sorted(shared)}."
        )


def _merged(option: Conv | MetaKernel) -> Conv:
    if isinstance(option, MetaKernel):
        return replace(option.merged(), bias=False)
    return option


def _image(sizes: Shape) -> tuple[int, int]:
    first, second = (1,) * (2 - len(sizes)) + sizes
    return first, second


def _image_pads(conv: Conv) -> tuple[int, int]:
    """Returns the zeros before the input per image axis."""
    first, second = (0,) * (2 - len(conv.pads)) + tuple(before for before, _ in conv.pads)
    return first, second
