"""Fits the instruction models of CMSIS-NN's kernels: evonas/cost/cmsis_nn.toml.

    python benchmarks/fit_instructions.py               fits and writes the coefficients
    python benchmarks/fit_instructions.py --check       fits and says whether the file is that fit

Reads cmsisnn_instructions.csv below $EVONAS_DATA/hardware (default: ../shared/data beside the
repository). The fit is non-negative least squares of the relative error.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from evonas.cost.instructions import COEFFICIENTS
from evonas.cost.kernel_calls import KernelCall
from evonas.cost.kernel_paths import FAMILIES, core_paths, kernel_path

ROOT = Path(__file__).parents[1]
Floats = npt.NDArray[np.float64]

KINDS = {
    "conv": "conv",
    "dwconv": "depthwise",
    "fc": "dense",
    "lstm_s8": "lstm",
    "avgpool": "average_pool",
    "maxpool": "max_pool",
    "add": "add",
    "softmax": "softmax",
    "pad": "pad",
}
"""The file's column `layer` -> the kind of a kernel call."""

RIDGE = 1e-4
"""Pull of each coefficient to 0, relative to its largest part in any row: what rows do not tell
apart is shared, and never large."""


class Row(NamedTuple):
    """One measured call.

    Attributes:
        core: Core on which it was emulated.
        layer: The file's name of the layer.
        call: The call.
        macs: Multiply-accumulates as the file counts them.
        instructions: Instructions that were executed.
    """

    core: str
    layer: str
    call: KernelCall
    macs: int
    instructions: float

    @property
    def path(self) -> str:
        """The kernel path of the call."""
        return kernel_path(self.call, self.core)


def data_file(name: str) -> Path:
    """Returns the path of a file of hardware measurements, whether it exists or not."""
    folder = os.environ.get("EVONAS_DATA", str(ROOT.parent / "shared" / "data"))
    return Path(folder) / "hardware" / name


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of a file; those whose results were found wrong are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                row["core"],
                row["layer"],
                _call(row),
                int(row["macs"]),
                float(row["instructions"]),
            )
            for row in csv.DictReader(file)
            if row["bit_exact_vs_numpy"] != "False"
        ]


def _call(row: dict[str, str]) -> KernelCall:
    def n(*keys: str) -> tuple[int, ...]:
        return tuple(int(row[key]) for key in keys)

    (stride,), (dilation,) = n("stride"), n("dilation")
    kind = KINDS[row["layer"]]
    return KernelCall(
        kind,
        n("h", "w", "c_in"),  # type: ignore[arg-type]
        n("out_h", "out_w", "c_out"),  # type: ignore[arg-type]
        n("k_h", "k_w"),  # type: ignore[arg-type]
        (stride, stride),
        (dilation, dilation),
        (0, 0) if kind == "pad" else n("pad_h", "pad_w"),  # type: ignore[arg-type]
    )


def design(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    """Returns the counts (n, n_terms) and instructions (n,) of rows of one path."""
    counts = [core_paths(row.core)[row.path].counts(row.call) for row in rows]
    return np.array(counts, dtype=np.float64), np.array([row.instructions for row in rows])


def fit(counts: Floats, instructions: Floats) -> Floats:
    """Returns the non-negative coefficients (n_terms,) with the least squared relative error."""
    relative = counts / instructions[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    n_terms = counts.shape[1]
    matrix = np.vstack([relative / scale, RIDGE * np.eye(n_terms)])
    target = np.concatenate([np.ones(len(instructions)), np.zeros(n_terms)])
    found, _ = nnls(matrix, target, maxiter=50 * n_terms)
    return np.asarray(found / scale, dtype=np.float64)


def by_path(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Returns the rows of each core and kernel path."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.core, row.path].append(row)
    return dict(groups)


def render(rows: Sequence[Row], source: str) -> str:
    """Returns the coefficients of all cores and paths as TOML text."""
    groups = by_path(rows)
    lines = [
        "# Instructions of CMSIS-NN's int8 kernels for each count of a kernel path",
        "# (evonas.cost.kernel_paths says what is counted). Written by a command; do not edit.",
        "[provenance]",
        f'command = "python benchmarks/{Path(__file__).name}"',
        f"date = {datetime.date.today()}",
        f'source = "{source}"',
        f"rows = {len(rows)}",
        'method = "non-negative least squares of the relative error"',
    ]
    for core in FAMILIES:
        for path, loops in core_paths(core).items():
            if (core, path) not in groups:
                continue
            found = fit(*design(groups[core, path]))
            lines += ["", f"[core.{core}.{path}]  # {len(groups[core, path])} rows"]
            lines += [
                f"{term} = {value:.4g}" for term, value in zip(loops.terms, found, strict=True)
            ]
    return "\n".join(lines) + "\n"


def _undated(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("date = ")]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    options = parser.parse_args(argv)
    path = data_file("cmsisnn_instructions.csv")
    if not path.exists():
        print(f"{path} is not there; set EVONAS_DATA.", file=sys.stderr)
        return 2
    source = (
        f"{path.name}: CMSIS-NN 99f736a, gcc 12.2.1 -O2, counted on cores emulated by QEMU 7.2.22"
    )
    text = render(read_rows(path), source)
    if options.check:
        same = _undated(COEFFICIENTS.read_text(encoding="utf-8")) == _undated(text)
        print("the file is this fit" if same else "the file is another fit")
        return 0 if same else 1
    COEFFICIENTS.write_text(text, encoding="utf-8")
    print(f"wrote {COEFFICIENTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
