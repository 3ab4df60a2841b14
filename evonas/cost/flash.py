"""Flash of a deployed network: the model in a runtime's format, and the runtime's own code."""

from __future__ import annotations

from collections.abc import Callable

from evonas.arch.graph import LoweredGraph
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.recurrent import array_bytes, check_cells, table_bytes
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

FILE_BYTES_PER_LSTM = 836
"""The same of a fused LSTM: eight matrices, four biases, two states and five intermediate tensors,
each with one scale. What is left of the one file known, 3.6 kB with 6 inputs and 16 units, so its
error on others is not known."""

LSTM_TENSORS = 19
"""Tensors of a fused LSTM in a file besides its input and output."""

PLAN_HEADER_BYTES = 12
PLAN_BYTES_PER_TENSOR = 4
"""An embedded memory plan: [1, 0, n, offsets...] as int32, one offset a tensor of the file."""


ARRAY_BYTES_PER_CHANNEL = 9
"""Generated C: of every output channel a bias and a multiplier (4 bytes each) and a shift (1)."""

ARRAY_BYTES_PER_LSTM = 40
"""Assumed: of each of an LSTM's eight matrices a multiplier (4) and a shift (1), beside 4 bytes a
bias. evonas.cost.recurrent counts the tables of sigmoid and tanh."""


def graph_model_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    """Returns the size of a deployed graph's model; see model_bytes."""
    check_cells(graph, runtime)
    return FORMATS[runtime.export_format](graph, runtime)


def _tflite_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    n_bytes = FILE_BYTES
    for op in graph.ops:
        n_bytes += FILE_BYTES_PER_LSTM if op.kind == "lstm" else FILE_BYTES_PER_OP
        n_bytes += op.weights + 4 * op.biases + FILE_BYTES_PER_CHANNEL * op.scaled_channels
    if runtime.name == "tflm_offline":
        constants = (LSTM_TENSORS if op.kind == "lstm" else 2 * bool(op.biases) for op in graph.ops)
        n_tensors = len(graph.tensors) + sum(constants)
        n_bytes += PLAN_HEADER_BYTES + PLAN_BYTES_PER_TENSOR * n_tensors
    return n_bytes


def _array_bytes(graph: LoweredGraph, runtime: Runtime) -> int:
    n_bytes = table_bytes(graph)
    for op in graph.ops:
        if op.kind == "recurrent":
            n_bytes += array_bytes(op)
        elif op.kind == "lstm":
            n_bytes += op.weights + 4 * op.biases + ARRAY_BYTES_PER_LSTM
        else:
            n_bytes += op.weights + ARRAY_BYTES_PER_CHANNEL * op.biases
    return n_bytes


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
    of generated C the arrays, tables of sigmoid and tanh among them where a layer is recurrent.

    Args:
        spec: The network.
        runtime: A name in evonas.cost.runtimes; an embedded memory plan is part of the file.

    Raises:
        ConfigError: The runtime is unknown.
        UnsupportedOpError: The spec holds an operator without a lowering, or one that the runtime
            does not execute.
    """
    return graph_model_bytes(lower(spec), load_runtime(runtime))


def flash_bytes(spec: ArchSpec, runtime: str = "tflm") -> int:
    """Returns the flash that a network needs on a runtime: its model and the runtime's code.

    Raises:
        ConfigError: The runtime is unknown.
        UnsupportedOpError: The spec holds an operator without a lowering, or one that the runtime
            does not execute.
    """
    return model_bytes(spec, runtime) + load_runtime(runtime).flash_bytes
