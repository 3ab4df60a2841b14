"""README.md of an export: how to feed the network, what it answers, how to check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evonas.export.csource_step import STEP_RUNTIME
from evonas.runner.report_card import table
from evonas.tasks.splits import describe_target
from evonas.units import format_quantity

C_WINDOW = (
    "`model_predict(input, output)` takes and gives int8 as above, `model_predict_natural` takes",
    "floats in natural units (channels next to each other) and gives numbers; `model_input`,",
    "`model_run` and `model_output` do without copies.",
)
"""How C that takes a window is called."""

C_STEP = (
    "It runs on a stream, one position at a time: call `model_reset()` once, then at every",
    "position `model_step(frame, output)` with its int8 channels or `model_step_natural` with",
    "floats in natural units; both return 1 where an output is there, else 0. The last one among",
    "the first `MODEL_STEPS` positions is that of the network on a window of as many. Then layers",
    "run on over the stream as one signal, and states go on: where your signal is in pieces, call",
    "`model_reset()` at the beginning of each.",
)
"""How C that takes one position at a time is called."""

TWO_NETWORKS = (
    "Two networks in one program need two names: `sed -i 's/model_/kws_/g; s/MODEL_/KWS_/g;",
    "s/model\\.h/kws.h/' model.c model.h`, and rename the files likewise.",
)
"""How the names that an export's C declares are changed."""

MOST_CHANNELS = 16
"""Channels, and likewise labels, that are listed; of more, export.json has them."""


def readme(record: Mapping[str, Any]) -> str:
    """Returns the text.

    Args:
        record: Content of export.json.
    """
    sections = [
        [f"# {_title(record)}", "", _origin(record)],
        _int8(record) if "input" in record else [],
        _c(record) if "c" in record["formats"] else [],
        _onnx(record) if "onnx" in record["formats"] else [],
        _labels(record),
        _files(record),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _title(record: Mapping[str, Any]) -> str:
    if record["trial"] is None:
        return f"Network {record['digest']}"
    return f"{record['name']}: trial {record['trial']}"


def _origin(record: Mapping[str, Any]) -> str:
    shape = " x ".join(map(str, record["input_shape"]))
    answer = describe_target(record["is_regression"], record["num_outputs"])
    return (
        f"Network {record['digest']}, from {shape} inputs (channels first) to {answer}, exported "
        f"by evonas {record['versions']['evonas']}."
    )


def _int8(record: Mapping[str, Any]) -> list[str]:
    source, target = record["input"], record["output"]
    shape = " x ".join(map(str, source["shape"]))
    axes = "height x width x channels" if len(source["shape"]) == 3 else "features"
    if len(source["shape"]) == 3 and source["shape"][0] == 1:
        axes = "1 x time x channels"
    names = [name for name in ("model.tflite", "model.c") if name in record["files"]]
    return [
        f"## {' and '.join(names)}: int8",
        "",
        f"Input: int8, {shape} ({axes}; channels lie next to each other). From a value x of",
        "channel c in natural units, as in your data before any normalisation:",
        "",
        "```c",
        f"float v = rintf((x - mean[c]) * gain[c]) + {source['zero_point']};",
        "input[i] = v < -128 ? -128 : v > 127 ? 127 : (int8_t)v;",
        "```",
        "",
        *_channels(record),
        "",
        f"Output: {record['num_outputs']} int8; value = {target['scale']!r} * (q - "
        f"{target['zero_point']}).",
        _meaning(record),
    ]


def _c(record: Mapping[str, Any]) -> list[str]:
    return [
        "## model.c: C99 without dependencies",
        "",
        "`model.c` and `model.h` belong to your project; all buffers are static, and nothing is",
        "allocated.",
        *(C_STEP if record["runtime"] == STEP_RUNTIME else C_WINDOW),
        "On a Cortex-M4, M7 or M33 the compiler's `-mcpu` brings its SIMD instructions into use,",
        "unless `EVONAS_DSP` is defined as 0. Compile with `-O2 -ffunction-sections` and link with",
        "`-Wl,--gc-sections`, and what you do not call takes no flash.",
        "",
        "`make test` builds `main.c`, an example that runs the stored inputs of `model_vectors.h`",
        "and compares the outputs; its status is 0 where all are equal. `CMakeLists.txt` makes a",
        "library `model` of the same files. `make fit` compiles for a core and links into the",
        "memory of `model.ld`, which is what the device has for the network, and fails where that",
        "is too little:",
        "",
        "    make fit CC=arm-none-eabi-gcc CFLAGS='-O2 -mcpu=cortex-m4 -mthumb'",
        "",
        *TWO_NETWORKS,
    ]


def _meaning(record: Mapping[str, Any]) -> str:
    if record["is_regression"]:
        if record["num_outputs"] == 1:
            return "A number in the target's own unit."
        return "Numbers in the targets' own units, in the order of their columns."
    kind = "Shares of the classes, by a softmax" if record["softmax"] else "Logits"
    return f"{kind}: the class is the place of the largest, and needs no conversion."


def _channels(record: Mapping[str, Any]) -> list[str]:
    mean, gain = record["normalisation"]["mean"], record["input"]["gain"]
    if len(mean) > MOST_CHANNELS:
        return ["`mean` is normalisation.mean and `gain` is input.gain in export.json."]
    rows = [
        [str(c), f"{m:.9g}", f"{g:.9g}"] for c, (m, g) in enumerate(zip(mean, gain, strict=True))
    ]
    return table(["channel", "mean", "gain"], rows)


def _onnx(record: Mapping[str, Any]) -> list[str]:
    shape = ", ".join(map(str, record["input_shape"]))
    return [
        "## model.onnx: float32",
        "",
        f"Input `input` (batch, {shape}) in natural units: the normalisation is in the file.",
        f"Output `output` (batch, {record['num_outputs']}).",
    ]


def _labels(record: Mapping[str, Any]) -> list[str]:
    labels = record["labels"]
    if not labels:
        return []
    if len(labels) > MOST_CHANNELS:
        return ["Classes: see labels in export.json."]
    return ["Classes: " + ", ".join(f"{i} = {name}" for i, name in enumerate(labels)) + "."]


def _files(record: Mapping[str, Any]) -> list[str]:
    models = [f"{name} ({format_quantity(n, 'byte')})" for name, n in record["files"].items()]
    lines = ["## Files", "", f"- {', '.join(models)}: to deploy"]
    if record.get("others"):
        lines += [f"- {', '.join(record['others'])}: what belongs to it"]
    lines += ["- spec.json, weights.npz: the network and its trained weights in float32"]
    if "input" in record:
        lines += ["- int8.npz: its integers, as the numpy reference runs them"]
        lines += [
            "- test_vectors.npz: a few inputs in natural units and int8, and the int8 outputs"
        ]
    else:
        lines += ["- test_vectors.npz: a few inputs in natural units"]
    return [
        *lines,
        "- export.json: costs, metrics, labels, normalisation, quantisation, versions",
        "",
        "`evonas verify` on this folder runs the files and compares every output.",
    ]
