"""The ONNX file of a trained network: float32, fed in natural units.

Batch norms are folded and meta-kernels merged as in every deployed network. Written node by node
from the description, so that neither torch nor a converter is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from evonas._version import __version__
from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, DataError
from evonas.export.onnx_graph import (
    INSTALL,
    IR_VERSION,
    OPSET,
    OnnxGraph,
    OnnxNode,
    graph_proto,
    import_onnx,
)
from evonas.export.onnx_ops import HANDLERS, WITHOUT_NODE, check_operators
from evonas.proxy.weights import Weights, fold
from evonas.tasks.splits import Normalisation

INPUT, OUTPUT, BATCH = "input", "output", "batch"


def onnx_bytes(
    spec: ArchSpec,
    weights: Weights,
    normalisation: Normalisation | None = None,
    metadata: Mapping[str, str] | None = None,
    softmax: bool = False,
) -> bytes:
    """Returns the file.

    Its input "input" is (batch, *spec.input_shape), float32, its output "output" (batch,
    num_outputs); the batch may vary.

    Args:
        spec: The network.
        weights: Of its training module.
        normalisation: Done by the graph's first operators; None where the input is fed normalised.
        metadata: What goes into the file beside the network.
        softmax: Whether its outputs are shares of the classes instead of logits.

    Raises:
        ConfigError: The extra "onnx" is not installed.
        UnsupportedOpError: An operator has no form in the file.
    """
    onnx = import_onnx()
    check_operators(spec)
    graph = OnnxGraph("normalise")
    values = [INPUT if normalisation is None else _normalise(graph, normalisation, spec)]
    folded = fold(spec, weights)
    for index, node in enumerate(spec.nodes):
        if isinstance(node.op, WITHOUT_NODE):
            continue
        graph.scope = f"node{index}"
        parts = {
            name.removeprefix(f"node{index}."): array
            for name, array in folded.items()
            if name.startswith(f"node{index}.")
        }
        shape = spec.shapes[node.inputs[0]]
        inputs = tuple(values[i] for i in node.inputs)
        values.append(HANDLERS[type(node.op)](graph, node.op, parts, shape, inputs))
    last = OnnxNode("Softmax" if softmax else "Identity", (values[-1],), (OUTPUT,), {})
    graph.nodes.append(last)
    proto = graph_proto(
        graph,
        spec.digest,
        {INPUT: (BATCH, *spec.input_shape)},
        {OUTPUT: (BATCH, *spec.output_shape)},
    )
    model = onnx.helper.make_model(
        proto,
        producer_name="evonas",
        producer_version=__version__,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _normalise(graph: OnnxGraph, normalisation: Normalisation, spec: ArchSpec) -> str:
    shape = (-1, *(1,) * (len(spec.input_shape) - 1))
    mean, std = (
        graph.constant(name, getattr(normalisation, name).reshape(shape))
        for name in ("mean", "std")
    )
    return graph.add("Div", graph.add("Sub", INPUT, mean), std)


def run_onnx(data: bytes, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns the outputs (n, num_outputs) that onnxruntime computes.

    Args:
        data: The file.
        X: (n, *input_shape), in natural units.

    Raises:
        ConfigError: The extra "onnx" is not installed.
        DataError: onnxruntime does not take the file or the inputs.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(f"Running ONNX files needs onnxruntime: {INSTALL}.") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
        (outputs,) = session.run([OUTPUT], {INPUT: X.astype(np.float32)})
    except Exception as error:  # onnxruntime's own kinds have no common base
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"onnxruntime does not take the file: {reason}") from None
    return np.asarray(outputs, np.float32)
