"""Flash of a deployed network: the model in a runtime's format, and the runtime's own code."""

from __future__ import annotations

from collections.abc import Callable

from evonas.arch.graph import LoweredGraph
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.recurrent import array_bytes, check_cells, table_bytes
from evonas.cost.runtimes import Runtime, load_runtime
from evonas.cost.tflite_file import tflite_file_bytes

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
    return tflite_file_bytes(graph, runtime.name == "tflm_offline")


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

    Of a .tflite file, as evonas writes it for TFLite Micro, weights (1 byte), biases (4 bytes), a
    scale for every channel of a convolution (a dense layer has one for all), and the file's tables;
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
