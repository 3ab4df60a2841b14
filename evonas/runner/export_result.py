"""What an export wrote, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from evonas.units import format_quantity


@dataclass(frozen=True, eq=False)
class Export:
    """What an export wrote.

    Attributes:
        folder: Where.
        record: The content of export.json.
        notes: What its user should know.
    """

    folder: Path
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the record and the folder as JSON values."""
        return {"folder": str(self.folder), **self.record, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """Returns what the command prints."""
        record, lines = self.record, []
        costs, metrics = record["costs"], record["validation"]
        for name, n_bytes in record["files"].items():
            lines.append(f"{name}: {format_quantity(n_bytes, 'byte')}{self._prediction(name)}")
        if costs:
            lines.append(
                f"on {record['device']}, {record['runtime']}: "
                f"{format_quantity(costs['peak_ram_bytes'], 'byte')} RAM, "
                f"{format_quantity(costs['flash_bytes'], 'byte')} flash"
            )
        values = [
            f"{kind} {format_quantity(metrics[kind], metrics['unit'])}"
            for kind in ("int8", "float")
            if kind in metrics
        ]
        seen = " (trained on it too)" if metrics["trained_on"] else ""
        lines.append(f"validation {metrics['metric']}: {', '.join(values)}{seen}")
        lines += self._quantised(metrics.get("quantised"), metrics["unit"])
        lines += [f"note: {note}" for note in self.notes]
        lines.append(f"written: {self.folder} (README.md there says how to feed the network)")
        return [*lines, f"next: evonas verify {quote(str(self.folder))}"]

    def _quantised(self, how: Mapping[str, Any] | None, unit: str) -> list[str]:
        if how is None or (how["is_plain"] and not how["note"]):
            return []
        plain = format_quantity(how["plain"], unit)
        tuned = ", then fine-tuned in int8" if how["is_finetuned"] else ""
        note = f"; {how['note']}" if how["note"] else ""
        return [f"int8 ranges by {how['ranges']}{tuned} (at first {plain}){note}"]

    def _prediction(self, name: str) -> str:
        predicted = self.record["costs"].get("model_bytes")
        if name != "model.tflite" or predicted is None:
            return ""
        extra = self.record["metadata_bytes"]
        more = f", and {format_quantity(extra, 'byte')} metadata" if extra else ""
        return f" (predicted {format_quantity(predicted, 'byte')}{more})"
