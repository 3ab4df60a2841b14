"""The format "onnx": written by evonas.export.onnx, checked with onnxruntime against PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from evonas.arch.spec import ArchSpec
from evonas.atomic import whole_file
from evonas.errors import DataError
from evonas.export.format import AbstractFormat, Artefact, Comparison, first_difference
from evonas.export.onnx import onnx_bytes, run_onnx
from evonas.export.onnx_graph import import_onnx
from evonas.export.onnx_ops import check_operators
from evonas.proxy.backends import BACKENDS
from evonas.quant.feed import normalised
from evonas.quant.network import Floats

TOLERANCE = 1e-4
"""Largest difference from PyTorch allowed, as a share of the largest output: float32 sums in
another order."""


class ONNXFormat(AbstractFormat):
    """Float32 for interchange, fed in natural units; every operator and recurrent cell."""

    file: ClassVar[str] = "model.onnx"
    is_int8: ClassVar[bool] = False
    export_format: ClassVar[str] = "onnx"

    def check(self, spec: ArchSpec) -> None:
        """Checks the operators and that the package onnx is here; see AbstractFormat."""
        import_onnx()
        check_operators(spec)

    def write(self, artefact: Artefact, folder: Path) -> Path:
        """Writes model.onnx; its metadata are the artefact's, those that are no text as JSON."""
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in artefact.metadata.items()
        }
        data = onnx_bytes(
            artefact.spec, artefact.weights, artefact.normalisation, texts, artefact.softmax
        )
        with whole_file(folder / self.file) as unfinished:
            unfinished.write_bytes(data)
        return folder / self.file

    def compare(self, artefact: Artefact, folder: Path, X: Floats) -> Comparison:
        """Returns onnxruntime's answers beside PyTorch's; see AbstractFormat."""
        path = folder / self.file
        try:
            found = run_onnx(path.read_bytes(), X)
        except (OSError, DataError) as error:
            raise DataError(f"{path}: {error}") from None
        inputs = normalised(X, artefact.normalisation)
        expected = BACKENDS.get("torch")().predict(artefact.spec, artefact.weights, inputs)
        if artefact.softmax:
            powers = np.exp(expected - expected.max(axis=1, keepdims=True))
            expected = powers / powers.sum(axis=1, keepdims=True)
        if found.shape != expected.shape:
            raise DataError(f"{path}: expected outputs {expected.shape}, got {found.shape}.")
        largest = max(float(np.abs(expected).max(initial=0)), np.finfo(np.float32).tiny)
        shares = np.abs(found - expected) / largest
        differs = ~(shares <= TOLERANCE)  # NaN differs too
        return Comparison(
            file=self.file,
            reference="PyTorch",
            n_samples=len(X),
            n_values=found.size,
            n_different=int(differs.sum()),
            largest=float(shares.max(initial=0)),
            first=first_difference(expected, found, differs),
            answers=found,
        )
