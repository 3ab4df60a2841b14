"""Flash of a deployed network: the model in a runtime's format, and the runtime's own code."""

from __future__ import annotations

from collections.abc import Callable

from evonas.arch.graph import LoweredGraph
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.runtimes import Runtime, load_runtime

FILE_BYTES = 1100
FILE_BYTES_PER_OP = 208
FILE_BYTES_PER_CHANNEL = 24
"""What a .tflite file holds beside weights and biases: header and tables, and for every
channel of a convolution a scale (4) and a zero point (8) of the weights and of the bias.

A file with one convolution has 1.11 to 1.31 kB beside its weights, biases and channels
(mcu_layer_cycles.csv); whole networks of 18 to 168 operators (nrf5340_sample.csv) are met within
2.3 % of the file. Files as TFLite's converter writes them.
"""

PLAN_HEADER_BYTES = 12
PLAN_BYTES_PER_TENSOR = 4
"""An embedded memory plan: [1, 0, n, offsets...] as int32, one offset a tensor of the file."""


ARRAY_BYTES_PER_CHANNEL = 9
"""Generated C: of every output channel a bias and a multiplier (4 bytes each) and a shift (1)."""


def graph_model_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    """Returns the size of a deployed graph's model; see model_bytes."""
    return FORMATS[runtime.export_format](graph, runtime)


def _tflite_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    n_bytes = FILE_BYTES + FILE_BYTES_PER_OP * len(graph.ops)
    for op in graph.ops:
        n_bytes += op.weights + 4 * op.biases + FILE_BYTES_PER_CHANNEL * op.scaled_channels
    if runtime.name == "tflm_offline":
        n_tensors = len(graph.tensors) + 2 * sum(op.biases > 0 for op in graph.ops)
        n_bytes += PLAN_HEADER_BYTES + PLAN_BYTES_PER_TENSOR * n_tensors
    return n_bytes


def _array_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    return sum(op.weights + ARRAY_BYTES_PER_CHANNEL * op.biases for op in graph.ops)


FORMATS: dict[str, Callable[[LoweredGraph, Runtime], int]] = {
    "tflite": _tflite_bytes,
    "c": _array_bytes,
    "onnx": _array_bytes,
}
"""Size of a model by the format that its runtime reads. What GAP's tools make of an ONNX file is
taken to hold what generated C does."""


def model_bytes(spec: ArchSpec, runtime: str = "tflm") -> int:
    """Returns the size of a network's int8 model in bytes.

    Of a .tflite file weights (1 byte), biases (4 bytes), scales and zero points of every channel of
    a convolution (a dense layer has one for all), and the file's tables, estimated by their number;
    of generated C the arrays.

    Args:
        spec: The network.
        runtime: A name in evonas.cost.runtimes; an embedded memory plan is part of the file.

    Raises:
        ConfigError: The runtime is unknown.
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    return graph_model_bytes(lower(spec), load_runtime(runtime))


def flash_bytes(spec: ArchSpec, runtime: str = "tflm") -> int:
    """Returns the flash that a network needs on a runtime: its model and the runtime's code.

    Raises:
        ConfigError: The runtime is unknown.
        UnsupportedOpError: The spec holds an operator without a lowering.
    """
    return model_bytes(spec, runtime) + load_runtime(runtime).flash_bytes
