"""A seed network that a config names: a reference, or the file of a spec."""

from __future__ import annotations

from pathlib import Path

from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, SpecError
from evonas.references import REFERENCES, reference


def named_seed(name: str, input_shape: tuple[int, ...], num_outputs: int) -> ArchSpec:
    """Returns the network that [space] seed_network names, for a task's input and outputs.

    Raises:
        ConfigError: It is neither a reference nor a spec's file, or does not fit the task.
    """
    try:
        known = name in REFERENCES
        spec = reference(name, input_shape, num_outputs) if known else _read(name)
    except SpecError as error:
        raise ConfigError(f"[space] seed_network: does not fit {input_shape}: {error}") from None
    if spec.input_shape != input_shape or spec.output_shape != (num_outputs,):
        raise ConfigError(
            f"[space] seed_network: {name} maps {spec.input_shape} to {spec.output_shape}, the "
            f"task needs {input_shape} to ({num_outputs},)."
        )
    return spec


def _read(path: str) -> ArchSpec:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        raise ConfigError(
            f"[space] seed_network: {path!r} is neither a reference "
            f"({', '.join(REFERENCES.names())}) nor a readable spec file."
        ) from None
    return ArchSpec.from_json(text)
