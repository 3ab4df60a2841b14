"""Memory of TFLite Micro's fused int8 LSTM beside its input, output and parameters."""

from __future__ import annotations

from evonas.arch.graph import LoweredGraph, LoweredOp

GATE_BUFFERS = 4
"""Scratch buffers of one int16 a unit each that TFLite Micro's reference kernel asks for
(kernels/lstm_eval_common.cc <https://github.com/tensorflow/tflite-micro>): what the arenas of 200
random networks in its interpreter hold. Generated C and other runtimes are assumed to hold the
same."""

CMSIS_NN_GATE_BUFFERS = 3
"""The same of its kernel with CMSIS-NN, one of them for the cell state
(kernels/cmsis_nn/unidirectional_sequence_lstm.cc)."""

SUM_BUFFERS = 8
"""Sums of each weight matrix's rows, one int32 a unit, that TFLite Micro computes at start-up for
CMSIS-NN's kernel and keeps (same source as ``CMSIS_NN_GATE_BUFFERS``)."""


def gate_buffers(graph: LoweredGraph, op: LoweredOp, cmsis_nn: bool = False) -> tuple[int, ...]:
    """Returns the sizes in bytes of the buffers that an LSTM needs while it runs.

    Args:
        graph: The deployed network.
        op: The LSTM.
        cmsis_nn: Whether its kernel is CMSIS-NN's.
    """
    return (2 * _units(graph, op),) * (CMSIS_NN_GATE_BUFFERS if cmsis_nn else GATE_BUFFERS)


def state_tensors(graph: LoweredGraph, op: LoweredOp) -> tuple[int, int]:
    """Returns the sizes in bytes of an LSTM's hidden state (int8) and cell state (int16)."""
    return (_units(graph, op), 2 * _units(graph, op))


def sum_buffers(graph: LoweredGraph, op: LoweredOp) -> tuple[int, ...]:
    """Returns the sizes in bytes of what CMSIS-NN's kernel keeps between inferences."""
    return (4 * _units(graph, op),) * SUM_BUFFERS


def _units(graph: LoweredGraph, op: LoweredOp) -> int:
    return graph.tensors[op.output].shape[-1]
