"""Deployable files of a trained network: one format a file."""

from __future__ import annotations

from evonas.registry import Registry

FORMATS = Registry(
    "format",
    "evonas.formats",
    {
        "c": "evonas.export.csource_format:CFormat",
        "onnx": "evonas.export.onnx_format:ONNXFormat",
        "tflite": "evonas.export.tflite_format:TFLiteFormat",
    },
)
