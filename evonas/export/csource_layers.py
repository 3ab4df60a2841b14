"""How each kind of operator stands in generated C."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evonas.arch.graph import LoweredOp
from evonas.arch.ops import Shape
from evonas.errors import UnsupportedOpError
from evonas.export.csource_text import array, braced, shape_text, structure
from evonas.quant.arithmetic import Array
from evonas.quant.network import Quantization, QuantizedOp

LARGEST_SIDE = (1 << 15) - 1
"""Heights, widths and channels are held in int16."""


@dataclass(frozen=True)
class LayerParts:
    """What an operator is written from.

    Attributes:
        quantized: Its integers.
        name: Its name in C.
        sources: Quantisations of its inputs.
        target: Quantisation of its output.
        shapes: Shapes of its inputs and of its output.
        inputs: Names of the tensors that it reads.
        output: Name of the tensor that it writes.
        scratch: Offsets of its scratch buffers in the arena.
    """

    quantized: QuantizedOp
    name: str
    sources: tuple[Quantization, ...]
    target: Quantization
    shapes: tuple[Shape, ...]
    inputs: tuple[str, ...]
    output: str
    scratch: tuple[int, ...]

    @property
    def op(self) -> LoweredOp:
        """The operator."""
        return self.quantized.op


@dataclass(frozen=True)
class Layer:
    """An operator in C.

    Attributes:
        kernels: What it calls; names in evonas.export.csource_kernels.
        definitions: Its arrays and its structure.
        call: The statement that runs it.
        states: Definitions of the memory that it keeps beside the arena.
        state_bytes: Size of that.
    """

    kernels: tuple[str, ...]
    definitions: tuple[str, ...]
    call: str
    states: tuple[str, ...] = ()
    state_bytes: int = 0


def _clamped(parts: LayerParts) -> dict[str, Any]:
    return {"low": parts.quantized.low, "high": parts.quantized.high}


def _zeros(parts: LayerParts) -> dict[str, Any]:
    return {"in_zero": parts.sources[0].zero_point, "out_zero": parts.target.zero_point}


def _axes(parts: LayerParts) -> dict[str, Any]:
    """Returns the windows over rows and columns: in, out, kernel, stride, dilation, pad."""
    op, found = parts.op, {}
    for i, name in enumerate(("y", "x")):
        n, kernel, stride, dilation = parts.shapes[0][i], op.kernel[i], op.stride[i], op.dilation[i]
        # The output's own shape may be flat.
        n_out = (n + sum(op.pads[i]) - (kernel - 1) * dilation - 1) // stride + 1
        found[name] = braced((n, n_out, kernel, stride, dilation, op.pads[i][0]))
    return found


def _arrays(parts: LayerParts, *names: str) -> tuple[dict[str, Any], list[str]]:
    """Returns fields and definitions of an operator's arrays."""
    quantized, fields, texts = parts.quantized, {}, []
    for name in names:
        values: Array | None = getattr(quantized, name)
        if values is None:
            raise UnsupportedOpError(f"{quantized.op.name} came without {name}.")
        if name == "shifts":
            values = values.astype(np.int8)
        remark = f"{quantized.op.name}: {name} {shape_text(values.shape)}"
        fields[name] = f"{parts.name}_{name}"
        texts.append(array(fields[name], values, remark))
    return fields, texts


WEIGHTED = ("weights", "biases", "multipliers", "shifts")


def _layer(
    parts: LayerParts,
    kernel: str,
    fields: Mapping[str, Any],
    arrays: list[str] | None = None,
    kind: str | None = None,
) -> Layer:
    """Returns a call of a kernel with a structure, of the kernel's own kind if none is named."""
    text = structure(kind or f"{kernel}_layer", parts.name, fields)
    arguments = ", ".join((f"&{parts.name}", *parts.inputs, parts.output))
    return Layer((kernel,), (*(arrays or ()), text), f"{kernel}({arguments});")


def _conv(parts: LayerParts) -> Layer:
    fields, texts = _arrays(parts, *WEIGHTED)
    channels = {"in_channels": parts.shapes[0][2], "out_channels": parts.op.biases}
    groups = {"groups": parts.op.groups}
    fields = {**_axes(parts), **channels, **groups, **_zeros(parts), **_clamped(parts), **fields}
    return _layer(parts, "conv", fields, texts)


def _depthwise(parts: LayerParts) -> Layer:
    fields, texts = _arrays(parts, *WEIGHTED)
    channels = {"in_channels": parts.shapes[0][2], "out_channels": parts.op.biases}
    fields = {**_axes(parts), **channels, **_zeros(parts), **_clamped(parts), **fields}
    return _layer(parts, "depthwise", fields, texts)


def _scale(parts: LayerParts) -> Layer:
    fields, texts = _arrays(parts, *WEIGHTED)
    shape = parts.shapes[0]
    sizes = {"positions": math.prod(shape[:-1]), "channels": shape[-1]}
    return _layer(parts, "scale", {**sizes, **_zeros(parts), **_clamped(parts), **fields}, texts)


def _dense(parts: LayerParts) -> Layer:
    fields, texts = _arrays(parts, "weights", "biases")
    multipliers, shifts = parts.quantized.multipliers, parts.quantized.shifts
    if multipliers is None or shifts is None:
        raise UnsupportedOpError(f"{parts.op.name} came without multipliers.")
    sizes = {"inputs": math.prod(parts.shapes[0]), "outputs": math.prod(parts.shapes[-1])}
    factor = {"multiplier": int(multipliers[0]), "shift": int(shifts[0])}
    fields = {**sizes, **factor, **_zeros(parts), **_clamped(parts), **fields}
    return _layer(parts, "dense", fields, texts)


def _add(parts: LayerParts) -> Layer:
    multipliers, shifts = parts.quantized.multipliers, parts.quantized.shifts
    if multipliers is None or shifts is None:
        raise UnsupportedOpError(f"{parts.op.name} came without multipliers.")
    fields = {
        "n": math.prod(parts.shapes[-1]),
        "multipliers": braced(multipliers.tolist()),
        "shifts": braced(shifts.tolist()),
        "a_zero": parts.sources[0].zero_point,
        "b_zero": parts.sources[1].zero_point,
        "out_zero": parts.target.zero_point,
        **_clamped(parts),
    }
    return _layer(parts, "add", fields)


def _pool(kernel: str) -> Callable[[LayerParts], Layer]:
    def write(parts: LayerParts) -> Layer:
        fields = {**_axes(parts), "channels": parts.shapes[0][2], **_clamped(parts)}
        return _layer(parts, kernel, fields, kind="pool_layer")

    return write


def _pad(parts: LayerParts) -> Layer:
    (height, width, channels), ((top, bottom), (left, right)) = parts.shapes[0], parts.op.pads
    row = (left + width + right) * channels
    fields = {
        "rows": height,
        "row_bytes": width * channels,
        "before": top * row,
        "after": bottom * row,
        "left": left * channels,
        "right": right * channels,
        "zero": parts.target.zero_point,
    }
    return _layer(parts, "pad", fields)


def _relu(parts: LayerParts) -> Layer:
    n, low, high = math.prod(parts.shapes[-1]), parts.quantized.low, parts.quantized.high
    call = f"relu({parts.inputs[0]}, {parts.output}, {n}, {low}, {high});"
    return Layer(("relu",), (), call)


def _copy(parts: LayerParts) -> Layer:
    n = math.prod(parts.shapes[-1])
    return Layer((), (), f"memcpy({parts.output}, {parts.inputs[0]}, {n});")


def _last_positions(parts: LayerParts) -> Layer:
    n = math.prod(parts.shapes[-1])
    skipped = math.prod(parts.shapes[0]) - n
    return Layer((), (), f"memcpy({parts.output}, {parts.inputs[0]} + {skipped}, {n});")


def _softmax(parts: LayerParts) -> Layer:
    p, shape = parts.quantized.parameters, parts.shapes[-1]
    fields = {
        "rows": math.prod(shape[:-1]),
        "classes": shape[-1],
        "multiplier": p.multiplier,
        "smallest": p.smallest,
        "shift": p.shift,
    }
    return _layer(parts, "softmax", fields)


LAYERS: dict[str, Callable[[LayerParts], Layer]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "scale": _scale,
    "dense": _dense,
    "add": _add,
    "average_pool": _pool("average_pool"),
    "max_pool": _pool("max_pool"),
    "pad": _pad,
    "relu": _relu,
    "reshape": _copy,
    "axes": _copy,
    "stack": _copy,
    "strided_slice": _last_positions,
    "softmax": _softmax,
}
"""Kind of operator -> how it is written; evonas.export.csource_recurrent has the recurrent ones."""
