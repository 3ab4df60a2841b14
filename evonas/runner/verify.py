"""`evonas verify`: an export's files run, and every output compared with what evonas computes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evonas.atomic import write_text
from evonas.errors import ConfigError, EvonasError
from evonas.export import FORMATS
from evonas.export.format import Comparison, Difference, first_difference
from evonas.proxy.backends import BACKENDS
from evonas.quant.feed import feed, natural, normalised
from evonas.quant.network import Floats
from evonas.quant.reference import run
from evonas.runner.export_folder import VERIFIED, Exported, read_folder
from evonas.runner.report_exports import record_export
from evonas.study.study import Study
from evonas.tasks.load import load_splits
from evonas.tasks.metrics import METRICS, Array, predictions
from evonas.tasks.splits import Splits
from evonas.units import format_quantity

SAMPLES = 1000
"""Samples that are looked at unless more or fewer are asked for."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs for a verification.

    Attributes:
        X: (n, *input_shape) in natural units.
        y: (n,) classes or numbers.
        part: What they are of: "test", "validation" or "stored".
        n_all: Samples of the whole part.
        note: Why they are not of the test part; empty where they are.
    """

    X: Floats
    y: Array
    part: str
    n_all: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class Verification:
    """What running an export's files has shown.

    Attributes:
        folder: The export.
        samples: What they were run on.
        comparisons: One a file.
        vectors: Where the stored vectors differ from what evonas computes now; None where not.
        metric: Name of the task's metric.
        unit: Its dimension in evonas.units.
        values: The metric by file, and of the network in PyTorch under "float"; empty where the
            metric is not one of evonas'.
        notes: What its user should know.
    """

    folder: Path
    samples: Samples
    comparisons: tuple[Comparison, ...]
    vectors: Difference | None
    metric: str
    unit: str
    values: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether every output is what evonas computes."""
        return self.vectors is None and not any(c.n_different for c in self.comparisons)

    def to_dict(self) -> dict[str, Any]:
        """Returns verify.json."""
        return {
            "is_equal": self.is_equal,
            "part": self.samples.part,
            "n_samples": len(self.samples.X),
            "n_all": self.samples.n_all,
            "metric": self.metric,
            "values": dict(self.values),
            "files": {c.file: _comparison_dict(c) for c in self.comparisons},
            "stored_vectors": None if self.vectors is None else dataclasses.asdict(self.vectors),
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Returns what the command prints."""
        lines = [line for c in self.comparisons for line in _comparison_lines(c, self.samples.part)]
        if self.vectors is not None:
            lines.append(f"test_vectors.npz: differs; {_place(self.vectors)}")
        if self.values:
            shown = [f"{k} {format_quantity(v, self.unit)}" for k, v in self.values.items()]
            lines.append(f"{self.samples.part} {self.metric}: {', '.join(shown)}")
        lines += [f"note: {note}" for note in self.notes]
        return [*lines, "verified" if self.is_equal else "NOT verified: outputs differ"]


def verify(folder: str | Path, samples: int = SAMPLES, study: Study | None = None) -> Verification:
    """Runs an export's files on its task's test part and compares every output.

    An int8 file is compared byte for byte with the numpy reference, a float one with PyTorch within
    1e-4 of the largest output. Inputs are in natural units. Writes verify.json.

    Args:
        folder: What an export wrote.
        samples: At most so many, evenly spaced over the test part.
        study: The study again, where it searched arrays; otherwise data is loaded as recorded.

    Raises:
        ConfigError: There is no export, or a package is missing.
        StoreError: The export is damaged.
        DataError: A file is damaged.
    """
    if samples < 1:
        raise ConfigError(f"--samples: expected at least 1, got {samples}.")
    exported = read_folder(Path(folder))
    chosen, splits = _samples(exported, samples, study)
    comparisons = tuple(
        FORMATS.get(name)().compare(exported.artefact, exported.folder, chosen.X)
        for name in exported.record["formats"]
    )
    metric = exported.record["validation"]
    found = Verification(
        folder=exported.folder,
        samples=chosen,
        comparisons=comparisons,
        vectors=_vectors_difference(exported),
        metric=metric["metric"],
        unit=metric["unit"],
        values=_values(exported, chosen, comparisons, study),
        notes=(chosen.note,) if chosen.note else (),
    )
    notes = (*found.notes, *_record(exported, found, study, splits))
    found = dataclasses.replace(found, notes=notes)
    write_text(exported.folder / VERIFIED, json.dumps(found.to_dict(), indent=1) + "\n")
    return found


def _samples(
    exported: Exported, samples: int, study: Study | None
) -> tuple[Samples, Splits | None]:
    try:
        splits = _splits(exported, study)
    except EvonasError as error:
        vectors = exported.vectors
        note = f"run on the stored vectors alone, since the data is not at hand: {error}"
        X, y = vectors["inputs"][:samples], vectors["labels"][:samples]
        return Samples(X, y, "stored", len(vectors["labels"]), note), None
    part, name, note = splits.test, "test", ""
    if not len(part):
        part, name, note = splits.val, "validation", "the task has no test part"
    rows = np.unique(np.linspace(0, len(part) - 1, min(samples, len(part))).round().astype(int))
    X = natural(part.X[rows], splits.normalisation)
    return Samples(X, part.y[rows], name, len(part), note), splits


def _splits(exported: Exported, study: Study | None) -> Splits:
    """Returns the data that was exported with.

    Raises:
        EvonasError: It cannot be loaded, or is another.
    """
    data = exported.record["data"]
    if study is not None:
        splits = study.splits
    elif data["kind"] == "arrays":
        raise ConfigError("the study searched arrays given in Python; pass the study to verify.")
    else:
        splits = load_splits(data["kind"], data["settings"], data["validation"], data["seed"])
    if splits.fingerprint != data["fingerprint"]:
        raise ConfigError("it has changed since the export (another fingerprint).")
    return splits


def _values(
    exported: Exported, chosen: Samples, comparisons: tuple[Comparison, ...], study: Study | None
) -> dict[str, float]:
    """Returns the metric of every file, and of the network in PyTorch."""
    name = exported.record["validation"]["metric"]
    metric = METRICS.get(name) if study is None else study.problem.metric
    if metric is None:
        return {}
    artefact, is_regression = exported.artefact, exported.record["is_regression"]
    inputs = normalised(chosen.X, artefact.normalisation)
    outputs = BACKENDS.get("torch")().predict(artefact.spec, artefact.weights, inputs)
    answers = {c.file: c.answers for c in comparisons} | {"float": outputs}
    return {
        file: metric(chosen.y, predictions(found, is_regression)) for file, found in answers.items()
    }


def _vectors_difference(exported: Exported) -> Difference | None:
    """Returns where the stored int8 vectors differ from what the reference computes of them."""
    network, vectors = exported.artefact.network, exported.vectors
    if network is None:
        return None
    q = feed(network, vectors["inputs"])
    for expected, found in (
        (vectors["int8_inputs"], q),
        (vectors["int8_outputs"], run(network, q)),
    ):
        flat, other = expected.reshape(len(expected), -1), found.reshape(len(found), -1)
        if flat.shape != other.shape:
            return Difference(0, 0, float("nan"), float("nan"))
        difference = first_difference(flat, other, flat != other)
        if difference is not None:
            return difference
    return None


def _record(
    exported: Exported, found: Verification, study: Study | None, splits: Splits | None
) -> tuple[str, ...]:
    """Notes a verification in the study's report; returns what went wrong in doing so."""
    folder = exported.record["study"]
    if folder is None or splits is None:
        return ()
    try:
        study = study or Study.load(folder, splits)
    except EvonasError:  # moved, deleted, or its metric is a function of the user's own
        return ()
    verified = {
        "part": found.samples.part,
        "files": {c.file: (c.n_different, c.n_values) for c in found.comparisons},
        "values": dict(found.values),
    }
    return record_export(study, exported.folder, {**exported.record, "verified": verified})


def _comparison_dict(comparison: Comparison) -> dict[str, Any]:
    first = comparison.first
    return {
        "reference": comparison.reference,
        "n_values": comparison.n_values,
        "n_different": comparison.n_different,
        "largest": comparison.largest,
        "first": None if first is None else dataclasses.asdict(first),
        "figures": [dataclasses.asdict(figure) for figure in comparison.figures],
    }


def _comparison_lines(comparison: Comparison, where: str) -> list[str]:
    what = "bytes" if comparison.reference == "numpy reference" else "outputs"
    sign = "differs from" if comparison.n_different else "=="
    lines = [
        f"{comparison.file} {sign} {comparison.reference}: {comparison.n_different} of "
        f"{comparison.n_values} {what} differ over {comparison.n_samples} {where} samples "
        f"(largest {comparison.largest:.3g})"
    ]
    if comparison.first is not None:
        lines.append(f"  first: {_place(comparison.first)}")
    lines += [
        f"  {figure.name}: {figure.measured} B, predicted {figure.predicted} B"
        for figure in comparison.figures
    ]
    return lines


def _place(difference: Difference) -> str:
    return (
        f"sample {difference.sample}, output {difference.output}: expected "
        f"{difference.expected:g}, got {difference.found:g}"
    )
