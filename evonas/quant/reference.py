"""The integer reference: a quantised network's int8 outputs, equal to TensorFlow Lite Micro's."""

from __future__ import annotations

import numpy as np

from evonas.quant.arithmetic import Int8s
from evonas.quant.kinds import kind_rules
from evonas.quant.network import QuantizedNetwork

CHUNK_BYTES = 1 << 26
"""Samples run in chunks whose largest intermediate array stays below this."""


def run(network: QuantizedNetwork, q: Int8s) -> Int8s:
    """Returns the int8 outputs (n, num_outputs) of int8 inputs.

    Args:
        network: The network.
        q: (n, height, width, channels) or (n, features).

    Raises:
        ValueError: q has another shape or type.
        UnsupportedOpError: The reference lacks a kind of operator.
    """
    shape = network.graph.tensors[0].shape
    if q.shape[1:] != shape or q.dtype != np.int8:
        expected = ", ".join(map(str, shape))
        raise ValueError(f"Expected int8 of shape (n, {expected}), got {q.dtype} of {q.shape}.")
    size = max(1, CHUNK_BYTES // _sample_bytes(network))
    parts = [_run(network, q[start : start + size]) for start in range(0, len(q), size)]
    n_outputs = network.graph.tensors[network.graph.output].n_bytes
    return np.concatenate(parts) if parts else np.zeros((0, n_outputs), np.int8)


def _sample_bytes(network: QuantizedNetwork) -> int:
    graph = network.graph
    sizes = (op.kernel[0] * op.kernel[1] * graph.tensors[op.inputs[0]].n_bytes for op in graph.ops)
    return 8 * max(sizes, default=1)


def _run(network: QuantizedNetwork, q: Int8s) -> Int8s:
    graph = network.graph
    last = {i: step for step, op in enumerate(graph.ops) for i in op.inputs}
    values = {0: q}
    for step, (op, quantized) in enumerate(zip(graph.ops, network.ops, strict=True)):
        sources = tuple(network.tensors[i] for i in op.inputs)
        inputs = tuple(values[i] for i in op.inputs)
        target = network.tensors[op.output]
        y = kind_rules(op).run(quantized, sources, target, *inputs)
        values[op.output] = y.reshape(len(q), *graph.tensors[op.output].shape)
        for i in set(op.inputs):
            if last[i] == step:
                del values[i]
    return values[graph.output].reshape(len(q), -1)
