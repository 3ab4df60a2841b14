"""An ArchSpec as a PyTorch module, for training or as it is deployed.

A 1-D signal runs as an image of height 1, and every image in channels-last memory: on one thread
that made a training step of a TCN of 8 to 16 channels 1.06-1.2 times faster than torch.nn.Conv1d,
and a depthwise convolution 2-2.5 times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.arch.ops import (
    LSTM,
    Activation,
    Add,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    Input,
    LastStep,
    MetaKernel,
    Pool,
    Recurrent,
    Shape,
    StackFrames,
)
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError, UnsupportedOpError, unknown_name
from evonas.proxy.layers_meta import MetaKernelLayer
from evonas.proxy.layers_norm import BatchNormLayer
from evonas.proxy.layers_recurrent import RecurrentLayer, StackFramesLayer
from evonas.proxy.weights import (
    Weights,
    fold,
    folded_norms,
    initial_weights,
    kernel_shape,
    lstm_shapes,
)


class Network(nn.Module):
    """The network of a spec; node i with weights is its child "node{i}".

    Args:
        spec: The network.
        deployed: Whether foldable batch norms are left out and every Conv and Dense has a bias
            and every LSTM one alone.
    """

    def __init__(self, spec: ArchSpec, deployed: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.deployed = deployed
        left_out = folded_norms(spec) if deployed else {}
        slots: list[int] = []
        self._plan: list[tuple[nn.Module, tuple[int, ...]]] = []
        for index, node in enumerate(spec.nodes):
            if index in left_out:
                slots.append(slots[left_out[index]])
                continue
            shapes = tuple(spec.shapes[i] for i in node.inputs)
            layer = _layer(node.op, shapes, deployed)
            self.add_module(f"node{index}", layer)
            self._plan.append((layer, tuple(slots[i] for i in node.inputs)))
            slots.append(len(self._plan) - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (batch, num_outputs) for x (batch, *input_shape)."""
        if x.shape[1:] != self.spec.input_shape:
            raise ValueError(
                f"Expected an input of shape (batch, {', '.join(map(str, self.spec.input_shape))})"
                f", got {tuple(x.shape)}."
            )
        values: list[Tensor] = []
        for layer, sources in self._plan:
            values.append(layer(*[values[i] for i in sources]) if sources else layer(x))
        return values[-1]


class _Input(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return x
        image = x.unsqueeze(2) if x.dim() == 3 else x  # (batch, channels, height, width)
        return image.contiguous(memory_format=torch.channels_last)


class _Conv(nn.Module):
    def __init__(self, op: Conv, x: Shape, bias: bool) -> None:
        super().__init__()
        shape = kernel_shape(op, x)
        self.weight = nn.Parameter(torch.empty(shape, memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.empty(shape[0])) if bias else None
        (top, bottom), (left, right) = ((0, 0),) * (2 - len(op.pads)) + op.pads
        # The convolution pads both sides alike for free; only the rest costs a copy.
        self._padding = (min(top, bottom), min(left, right))
        rest = [left, right, top, bottom]
        self._rest = [n - self._padding[1] for n in rest[:2]]
        self._rest += [n - self._padding[0] for n in rest[2:]]
        self._pads = any(self._rest)
        self._stride, self._dilation = _image(op.stride), _image(op.dilation)
        self._groups = op.groups

    def forward(self, x: Tensor) -> Tensor:
        if self._pads:
            x = functional.pad(x, self._rest)
        return torch.conv2d(
            x, self.weight, self.bias, self._stride, self._padding, self._dilation, self._groups
        )


class _Dense(nn.Module):
    def __init__(self, op: Dense, x: Shape, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(kernel_shape(op, x)))
        self.bias = nn.Parameter(torch.empty(op.out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class _LSTM(nn.Module):
    """torch.nn.LSTM on an image of height 1, deployed with one bias a gate instead of two."""

    def __init__(self, op: LSTM, x: Shape, deployed: bool) -> None:
        super().__init__()
        self._hidden = op.hidden
        self._names = tuple(lstm_shapes(op, x, deployed))
        for name, shape in lstm_shapes(op, x, deployed).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))

    def forward(self, x: Tensor) -> Tensor:
        sequence = x[:, :, 0].transpose(1, 2)  # (batch, time, channels)
        weights: list[Tensor] = [getattr(self, name) for name in self._names]
        if len(weights) == 3:
            weights.append(torch.zeros_like(weights[2]))  # torch.lstm expects two biases
        zeros = x.new_zeros(1, len(x), self._hidden)
        # biased, 1 layer, no dropout, one direction, batch first
        y, _, _ = torch.lstm(
            sequence, (zeros, zeros), weights, True, 1, 0.0, self.training, False, True
        )
        return y.transpose(1, 2).unsqueeze(2)  # (batch, hidden, 1, time)


class _Function(nn.Module):
    """A layer without weights."""

    def __init__(self, function: Callable[..., Tensor], *arguments: Any) -> None:
        super().__init__()
        self._function = function
        self._arguments = arguments

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._function(*inputs, *self._arguments)


def _image(sizes: Shape) -> Shape:
    return (1,) * (2 - len(sizes)) + sizes


# What reads a whole sequence does so by a view in the order of memory, so that the gradient lies
# there in the same order: a step of a small TCN on (1, 140) took 1.6 ms instead of 2.0. Images are
# channels-last, what a recurrent layer gives has the time first.


def _global_mean(x: Tensor) -> Tensor:
    if _is_time_first(x):
        return x.permute(2, 3, 1, 0).mean((0, 1)).t()
    return x.permute(0, 2, 3, 1).mean((1, 2))  # (batch, channels)


def _last_step(x: Tensor) -> Tensor:
    if _is_time_first(x):
        return x.permute(3, 2, 1, 0)[-1, 0].t()
    return x.permute(0, 2, 3, 1)[:, 0, -1]  # (batch, channels)


def _is_time_first(x: Tensor) -> bool:
    return x.stride(3) > x.stride(1) > x.stride(0)


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu6": functional.relu6,
}
_POOLINGS: dict[str, float] = {"average": 0.0, "max": -math.inf}
"""Kind of pooling -> what stands outside its input."""


class _Pool(nn.Module):
    def __init__(self, op: Pool) -> None:
        super().__init__()
        self._kernel, self._stride = _image(op.kernel), _image(op.stride)
        (top, bottom), (left, right) = ((0, 0),) * (2 - len(op.pads)) + op.pads
        self._rest = [left, right, top, bottom]
        self._outside = _POOLINGS[op.kind]
        self._is_average = op.kind == "average"

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, self._rest, value=self._outside) if any(self._rest) else x
        if not self._is_average:
            return functional.max_pool2d(padded, self._kernel, self._stride)
        mean = functional.avg_pool2d(padded, self._kernel, self._stride)
        if not any(self._rest):
            return mean
        # A window's mean is over the positions inside: divide by their share of it.
        inside = functional.pad(torch.ones_like(x[:1, :1]), self._rest)
        return mean / functional.avg_pool2d(inside, self._kernel, self._stride)


def _meta_kernel(op: MetaKernel, x: Shape, deployed: bool) -> nn.Module:
    return _Conv(op.merged(), x, bias=True) if deployed else MetaKernelLayer(op, x)


LAYERS: dict[type, Callable[[Any, tuple[Shape, ...], bool], nn.Module]] = {
    Input: lambda op, shapes, deployed: _Input(),
    Conv: lambda op, shapes, deployed: _Conv(op, shapes[0], op.bias or deployed),
    MetaKernel: lambda op, shapes, deployed: _meta_kernel(op, shapes[0], deployed),
    Dense: lambda op, shapes, deployed: _Dense(op, shapes[0], op.bias or deployed),
    LSTM: lambda op, shapes, deployed: _LSTM(op, shapes[0], deployed),
    Recurrent: lambda op, shapes, deployed: RecurrentLayer(op, shapes[0]),
    StackFrames: lambda op, shapes, deployed: StackFramesLayer(op.factor),
    BatchNorm: lambda op, shapes, deployed: BatchNormLayer(shapes[0][0]),
    Activation: lambda op, shapes, deployed: _Function(_ACTIVATIONS[op.function]),
    Pool: lambda op, shapes, deployed: _Pool(op),
    GlobalAveragePool: lambda op, shapes, deployed: _Function(_global_mean),
    LastStep: lambda op, shapes, deployed: _Function(_last_step),
    Flatten: lambda op, shapes, deployed: _Function(torch.flatten, 1),
    Add: lambda op, shapes, deployed: _Function(torch.add),
}
"""Operator -> its layer, given the operator, its input shapes and whether it is deployed."""


def _layer(op: object, shapes: tuple[Shape, ...], deployed: bool) -> nn.Module:
    if type(op) not in LAYERS:
        known = (kind.__name__ for kind in LAYERS)
        raise UnsupportedOpError(
            unknown_name("operator of PyTorch modules", type(op).__name__, known)
        )
    return LAYERS[type(op)](op, shapes, deployed)


def build(spec: ArchSpec, deployed: bool = False, seed: int = 0) -> Network:
    """Returns the spec as a module, in training mode, with the initial weights of a seed.

    Torch's random numbers are neither used nor changed. Under ``torch.device("meta")`` there are
    shapes alone.

    Args:
        spec: The network.
        deployed: Batch norms folded where they can be, a bias on every Conv and Dense and one on
            every LSTM, as the costs count it.
        seed: Of the initial weights.

    Raises:
        UnsupportedOpError: The spec has an operator that no layer is known for.
    """
    model = Network(spec, deployed)
    if not any(tensor.is_meta for tensor in model.state_dict().values()):
        weights = initial_weights(spec, seed)
        load_weights(model, fold(spec, weights) if deployed else weights)
    return model


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Copies weights into a module; names and shapes must be those of its state dict.

    Raises:
        SpecError: They are not.
    """
    state = model.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    given = {name: tuple(array.shape) for name, array in weights.items()}
    if shapes != given:
        name = next(n for n in sorted({*shapes, *given}) if shapes.get(n) != given.get(n))
        raise SpecError(
            f"Weights of another network: {name} is {given.get(name, 'absent')}, expected "
            f"{shapes.get(name, 'absent')}."
        )
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(torch.tensor(weights[name]))


def read_weights(model: nn.Module) -> Weights:
    """Returns copies of a module's weights, by their names in its state dict."""
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
