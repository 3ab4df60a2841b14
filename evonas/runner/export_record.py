"""export.json: everything about an export that is no weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evonas.arch.lower import lower
from evonas.cost import cost_report
from evonas.cost.memory import arena_head_bytes
from evonas.cost.runtimes import load_runtime
from evonas.devices import load_device
from evonas.errors import StoreError
from evonas.export.format import Artefact
from evonas.runner.source import Source
from evonas.study.study import versions
from evonas.tasks.splits import Normalisation

FORMAT = 1
"""Version of export.json."""

ENTRIES: dict[str, tuple[type, ...]] = {
    "formats": (list,),
    "files": (dict,),
    "study": (str, type(None)),
    "is_regression": (bool,),
    "softmax": (bool,),
    "offline_plan": (bool,),
    "metadata": (dict,),
    "costs": (dict,),
    "validation.metric": (str,),
    "validation.unit": (str,),
    "data.kind": (str,),
    "data.settings": (dict,),
    "data.validation": (float, int),
    "data.seed": (int,),
    "data.fingerprint": (str,),
}
"""Entries of export.json that a verification reads -> what they may be; lists are not empty."""

DIGITS = 6
"""Significant digits of the normalisation in a model's own metadata; export.json has all."""


def export_record(
    source: Source, artefact: Artefact, runtime: str | None, validation: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns export.json but for the files, SI units.

    Args:
        source: What is exported.
        artefact: As it is written.
        runtime: What will execute it, or None.
        validation: Its metrics on the validation part.
    """
    splits, spec, config = source.splits, source.spec, source.config
    task = config.task
    return {
        "format": FORMAT,
        "target": source.target,
        "study": None if source.study is None else str(source.study.directory.resolve()),
        "name": source.config.study.name,
        "trial": source.number,
        "digest": spec.digest,
        "input_shape": list(spec.input_shape),
        "num_outputs": splits.num_outputs,
        "is_regression": splits.is_regression,
        "labels": list(splits.class_names),
        "normalisation": _listed(splits.normalisation),
        **_quantization(artefact, min(config.int8.samples, len(splits.train))),
        "device": source.device.source,
        "runtime": runtime,
        "offline_plan": artefact.offline_plan,
        "softmax": artefact.softmax,
        "costs": _costs(source, runtime),
        "validation": dict(validation),
        "data": {
            "kind": task.kind,
            "settings": task.settings,
            "validation": task.validation,
            "seed": config.study.seed,
            "fingerprint": splits.fingerprint,
        },
        "metadata": dict(artefact.metadata),
        "versions": versions(),
    }


def check_record(record: Mapping[str, Any], artefact: Artefact) -> None:
    """Checks that export.json, by which a user feeds a network, is of what lies beside it.

    Raises:
        StoreError: An entry is missing, of another kind, or not that of the network.
    """
    for names, kinds in ENTRIES.items():
        value: Any = record
        for name in names.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, kinds) or value == []:
            raise StoreError(f"export.json lacks {names} or has {value!r}; export it again.")
    network, spec = artefact.network, artefact.spec
    expected = {"input_shape": list(spec.input_shape), "num_outputs": spec.output_shape[0]}
    if network is not None:
        made = _quantization(artefact, 0)
        expected |= {"input": made["input"], "output": made["output"]}
        expected |= {"normalisation": _listed(network.normalisation)}
    wrong = [name for name, value in expected.items() if record.get(name) != value]
    if record["is_regression"] and record["validation"]["unit"] == "share":  # a class metric's
        wrong.append("is_regression")
    if wrong:
        raise StoreError(
            f"{', '.join(wrong)} in export.json is not that of the network beside it; export it "
            "again."
        )


def file_metadata(source: Source, runtime: str | None) -> dict[str, Any]:
    """Returns what a model's file says about itself; short, since it lies in flash."""
    normalisation = source.splits.normalisation
    costs = _costs(source, runtime)
    shown = {name: costs[name] for name in ("macs", "peak_ram_bytes", "latency_s") if name in costs}
    return {
        "study": source.config.study.name,
        "trial": source.number,
        "digest": source.spec.digest,
        "costs": {name: _short(value) for name, value in shown.items() if value is not None},
        "labels": list(source.splits.class_names),
        "mean": [_short(value) for value in normalisation.mean.tolist()],
        "std": [_short(value) for value in normalisation.std.tolist()],
    }


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def _listed(normalisation: Normalisation) -> dict[str, list[float]]:
    return {"mean": normalisation.mean.tolist(), "std": normalisation.std.tolist()}


def _quantization(artefact: Artefact, n_samples: int) -> dict[str, Any]:
    """Returns how input and output are quantised; nothing of a network in float."""
    network = artefact.network
    if network is None:
        return {}
    return {
        "input": {
            "shape": list(network.graph.tensors[0].shape),
            "scale": network.input.scale,
            "zero_point": network.input.zero_point,
            "gain": network.input_gain.tolist(),
        },
        "output": {"scale": network.output.scale, "zero_point": network.output.zero_point},
        "calibration_samples": n_samples,
    }


def _costs(source: Source, runtime: str | None) -> dict[str, Any]:
    """Returns the predicted costs; empty where no runtime is known."""
    if runtime is None:
        return {}
    report = cost_report(source.spec, load_device(source.device.source), runtime)
    graph = lower(source.spec)
    return {
        "params": report.params,
        "macs": report.macs,
        "model_bytes": report.model_bytes,
        "flash_bytes": report.flash_bytes,
        "peak_ram_bytes": report.peak_ram_bytes,
        "arena_bytes": arena_head_bytes(graph, load_runtime(runtime)),
        "latency_s": report.latency_s,
        "energy_j": report.energy_j,
        "accuracy": report.accuracy,
    }
