"""The .tflite file of a quantised network, as TensorFlow Lite Micro reads it.

The file holds what that interpreter needs and no more: tensors have no names, the weights' zero
point is written once instead of for every channel, the biases of convolutions have no scales of
their own (they are implied), and whatever is equal is shared. Files for other readers, such as
TensorFlow Lite on a desktop, are larger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from evonas.arch.graph import LoweredGraph
from evonas.arch.ops import Shape
from evonas.cost.arena import plan_offline
from evonas.cost.memory import arena_buffers
from evonas.errors import UnsupportedOpError
from evonas.export.tflite_model import FileModel, FileTensor, serialise
from evonas.export.tflite_ops import OPERATORS
from evonas.quant.arithmetic import Array
from evonas.quant.network import QuantizedNetwork

PLAN_NAME = "OfflineMemoryAllocation"
METADATA_NAME = "evonas"


def tflite_bytes(
    network: QuantizedNetwork,
    offline_plan: bool = False,
    scratch: bool = True,
    metadata: Mapping[str, Any] | None = None,
    portable: bool = False,
) -> bytes:
    """Returns the file.

    Args:
        network: The network.
        offline_plan: Whether the file says where each tensor lies in the arena, as
            evonas.cost.arena.plan_offline plans it.
        scratch: Whether that plan leaves room for CMSIS-NN's scratch buffers.
        metadata: What goes into the file as JSON beside the network; None for nothing.
        portable: Whether other readers than TFLite Micro should take the file.

    Raises:
        UnsupportedOpError: An operator has no form in the file.
    """
    model = FileModel(portable)
    for tensor, quantization in zip(network.graph.tensors, network.tensors, strict=True):
        shape = _shape(network.graph, tensor.index)
        scales = (quantization.scale,)
        model.add(FileTensor(shape, "int8", 0, scales, quantization.zero_point))
    for quantized in network.ops:
        op = quantized.op
        if op.kind not in OPERATORS:
            raise UnsupportedOpError(
                f"Node {op.node}: a .tflite file cannot hold {op.kind!r}; export it as C."
            )
        model.operators.append((OPERATORS[op.kind](model, quantized), op.output))
    if offline_plan:
        model.add_metadata(PLAN_NAME, _plan(network.graph, len(model.tensors), scratch))
    if metadata is not None:
        text = json.dumps(metadata, separators=(",", ":"), sort_keys=True)
        model.add_metadata(METADATA_NAME, np.frombuffer(text.encode(), np.uint8))
    return serialise(model, inputs=[0], outputs=[network.graph.output])


def _shape(graph: LoweredGraph, tensor: int) -> Shape:
    """Returns a tensor's shape in the file: four axes, so that every operator can read it.

    A sequence has three, as LSTMs need it: its height of 1 stands for the batch. A flat result has
    two where the operator that writes it allows it.
    """
    shape = graph.tensors[tensor].shape
    if graph.tensors[tensor].is_sequence:
        return shape if len(shape) > 1 else (1, 1, *shape)
    if len(shape) > 1:
        return (1, *shape)
    writers = [op.kind for op in graph.ops if op.output == tensor == graph.output]
    return (1, *shape) if writers in (["dense"], ["reshape"]) else (1, 1, 1, *shape)


def _plan(graph: LoweredGraph, n_tensors: int, scratch: bool) -> Array:
    """Returns [version, subgraph, n, offsets...]; -1 of tensors that are not in the arena."""
    plan = plan_offline(arena_buffers(graph, scratch))
    offsets = np.full(n_tensors, -1, np.int32)
    offsets[: len(graph.tensors)] = plan.offsets[: len(graph.tensors)]
    return np.concatenate([np.array([1, 0, n_tensors], np.int32), offsets])
