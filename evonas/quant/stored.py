"""Quantised networks on disk: an .npz file without pickles, beside the spec's JSON."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.atomic import whole_file
from evonas.errors import StoreError
from evonas.quant.lstm import LSTMIntegers
from evonas.quant.network import Quantization, QuantizedNetwork, QuantizedOp
from evonas.quant.recurrent import FirstFactor, Matrix, RecurrentIntegers
from evonas.quant.softmax import append_softmax
from evonas.tasks.splits import Normalisation

FORMAT = 1
"""Version of the file."""

STRUCTURE = "structure"
"""Name of the entry that holds everything but arrays, as JSON."""

PARAMETERS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (FirstFactor, LSTMIntegers, Matrix, RecurrentIntegers)
}
"""Dataclasses that an operator's ``parameters`` are made of."""

Arrays = dict[str, Any]


def save_network(path: Path, network: QuantizedNetwork) -> None:
    """Writes a quantised network, whole or not at all; its spec is kept elsewhere.

    Of an appended softmax nothing but its presence is kept: it follows from the output's scale.
    """
    arrays: Arrays = {}
    kinds = [op.kind for op in lower(network.spec).ops]
    n_tensors = len(lower(network.spec).tensors)
    structure = {
        "format": FORMAT,
        "digest": network.spec.digest,
        "kinds": kinds,
        "softmax": len(network.ops) > len(kinds),
        "tensors": [[tensor.scale, tensor.zero_point] for tensor in network.tensors[:n_tensors]],
        "ops": [
            _encode(_fields(quantized, without="op"), f"op{i}", arrays)
            for i, quantized in enumerate(network.ops[: len(kinds)])
        ],
    }
    arrays |= {"mean": network.normalisation.mean, "std": network.normalisation.std}
    arrays[STRUCTURE] = np.array(json.dumps(structure))
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        np.savez(file, **arrays)


def load_network(path: Path, spec: ArchSpec) -> QuantizedNetwork:
    """Returns a quantised network.

    Args:
        path: As save_network wrote it.
        spec: The network that was quantised.

    Raises:
        StoreError: The file is missing, damaged, of another network or of another evonas.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        structure = json.loads(str(arrays[STRUCTURE]))
        is_known = structure["format"] == FORMAT
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: no quantised network that can be read ({error}).") from None
    graph = lower(spec)
    kinds = [op.kind for op in graph.ops]
    if not is_known or structure["digest"] != spec.digest or structure["kinds"] != kinds:
        raise StoreError(
            f"{path}: quantised from another network or by another evonas; export it again."
        )
    fields = [_decode(entry, arrays) for entry in structure["ops"]]
    network = QuantizedNetwork(
        spec,
        graph,
        tuple(Quantization(scale, zero_point) for scale, zero_point in structure["tensors"]),
        tuple(QuantizedOp(op, **found) for op, found in zip(graph.ops, fields, strict=True)),
        Normalisation(arrays["mean"], arrays["std"]),
    )
    return append_softmax(network) if structure["softmax"] else network


def _fields(value: Any, without: str = "") -> dict[str, Any]:
    names = (field.name for field in dataclasses.fields(value))
    return {name: getattr(value, name) for name in names if name != without}


def _encode(value: Any, name: str, arrays: Arrays) -> Any:
    """Returns a value as JSON; arrays go aside under the name."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {"tuple": [_encode(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]}
    if dataclasses.is_dataclass(value):
        return {"kind": type(value).__name__, "fields": _encode(_fields(value), name, arrays)}
    if isinstance(value, Mapping):
        return {key: _encode(v, f"{name}.{key}", arrays) for key, v in value.items()}
    return value


def _decode(value: Any, arrays: Arrays) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(_decode(v, arrays) for v in value["tuple"])
    if "kind" in value:
        return PARAMETERS[value["kind"]](**_decode(value["fields"], arrays))
    return {key: _decode(v, arrays) for key, v in value.items()}
