"""Calibration: the figures of a kernel library on a device, fitted to one's own timings.

The cycles of an operator are linear in the figures of its latency model, so the fit is a linear
least squares in relative errors, without negative figures, in which a row far off counts less
(Huber's weights). Figures that no row tells anything of keep the base's value.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.cost.latency import op_cycles
from evonas.cost.measurements import Measurement
from evonas.devices.catalogue import Device
from evonas.devices.kernels import KernelModel
from evonas.errors import ConfigError

Floats = npt.NDArray[np.float64]

MIN_ROWS = 6
MIN_SHAPES = 3
FITTED_MODELS = ("instructions", "cycles_per_mac")
OVERHEAD = "overhead_cycles"
WEIGHTS = "weight_cycles_per_byte"
EXTRAS = (WEIGHTS, OVERHEAD)
"""Figures beside those of the model, which rows may not tell."""
MIN_ROWS_FOR_WEIGHTS = 30
"""Rows from which waits for weights are told from instructions; below, both change alike."""
HUBER = 0.3
"""Residuals beyond so many robust standard deviations count less: close to least absolute errors,
which a few wrong rows cannot spoil."""
MAX_FOLDS = 100
"""Shapes are left out one at a time, and in so many parts where there are more of them."""
MAX_CONDITION = 1e4
"""Of the scaled design; beyond it, rows do not tell the figures apart."""
FAR_OFF = 0.5
"""Relative error from which a row is named as one that does not fit."""


@dataclass(frozen=True)
class Calibration:
    """A fitted kernel library.

    Attributes:
        kernels: The fitted figures with their errors.
        library: Its name.
        n_rows: Number of measurements.
        n_shapes: Number of those that differ.
        error_median: Median relative error over all rows, each predicted by a fit without the rows
            of its shape.
        error_p95: Its 95th percentile.
        base_error_median: Median relative error of the base as it was.
        kept: Figures that no row told anything of, which are the base's.
        far_off: Labels of rows that the fit misses by more than FAR_OFF.
    """

    kernels: KernelModel
    library: str
    n_rows: int
    n_shapes: int
    error_median: float
    error_p95: float
    base_error_median: float
    kept: tuple[str, ...]
    far_off: tuple[str, ...]


def calibrate(rows: Sequence[Measurement], base: Device, library: str, origin: str) -> Calibration:
    """Returns the figures of a kernel library, fitted to measurements.

    Args:
        rows: The measurements.
        base: Device from which everything else is taken.
        library: A key of its kernels.
        origin: Where the measurements come from, with a date.

    Raises:
        ConfigError: The base's model has nothing to fit, or the rows are too few or too alike.
    """
    kernels = base.kernels[library]
    if kernels.model not in FITTED_MODELS:
        raise ConfigError(
            f"The model {kernels.model!r} of {library!r} on {base.name!r} has no figures to fit; "
            f"choose a base with {' or '.join(FITTED_MODELS)}."
        )
    names = (*kernels.figures, *(name for name in EXTRAS if hasattr(kernels, name)))
    design = np.array([_features(row.spec, base, kernels, names) for row in rows])
    measured = np.array([row.cycles_at(base.clock_hz) for row in rows])
    groups = _groups(design)
    n_shapes = int(groups.max(initial=-1)) + 1
    _check(len(rows), n_shapes)
    fitted, kept = _fit_named(design, measured, kernels, names)
    without = np.empty(len(rows))
    for part in range(min(n_shapes, MAX_FOLDS)):
        mask = groups % MAX_FOLDS != part
        values, _ = _fit_named(design[mask], measured[mask], kernels, names)
        without[~mask] = design[~mask] @ values
    errors = np.abs(without - measured) / measured
    median, p95 = (max(float(np.quantile(errors, q)), 1e-4) for q in (0.5, 0.95))
    start = np.array([getattr(kernels, name) for name in names])
    misses = np.abs(design @ fitted - measured) / measured > FAR_OFF
    return Calibration(
        kernels=_updated(kernels, names, fitted, (median, p95), origin),
        library=library,
        n_rows=len(rows),
        n_shapes=n_shapes,
        error_median=median,
        error_p95=p95,
        base_error_median=float(np.median(np.abs(design @ start - measured) / measured)),
        kept=kept,
        far_off=tuple(row.label for row, miss in zip(rows, misses, strict=True) if miss),
    )


def _features(
    spec: ArchSpec, base: Device, kernels: KernelModel, names: Sequence[str]
) -> list[float]:
    """Returns the cycles of a network for one unit of each figure alone."""
    graph = lower(spec)
    none = {name: 0.0 for name in names}
    found = []
    for name in names:
        unit: dict[str, Any] = none | {name: 1.0}
        model = dataclasses.replace(kernels, **unit)
        found.append(sum(op_cycles(graph, op, base, model).cycles for op in graph.ops))
    return found


def _groups(design: Floats) -> npt.NDArray[np.intp]:
    """Returns for every row the number of its shape; rows of one shape have equal features."""
    return np.unique(design, axis=0, return_inverse=True)[1].reshape(-1)


def _check(n_rows: int, n_shapes: int) -> None:
    if n_rows < MIN_ROWS:
        raise ConfigError(f"{n_rows} rows are too few to calibrate; at least {MIN_ROWS}.")
    if n_shapes < MIN_SHAPES:
        raise ConfigError(
            f"The {n_rows} rows hold {n_shapes} different shape{'s' * (n_shapes > 1)}; at least "
            f"{MIN_SHAPES} are needed to tell the work from the overhead."
        )


def _fit_named(
    design: Floats, measured: Floats, kernels: KernelModel, names: Sequence[str]
) -> tuple[Floats, tuple[str, ...]]:
    """Returns all figures, and the names of those that keep the base's value.

    Where rows do not tell the overhead from the work, or would make it negative, it is the base's,
    or none where a row takes less than that. Waits for weights change with the instructions, as on
    the base, where rows do not tell the two apart.
    """
    known = [name for i, name in enumerate(names) if design[:, i].any()]
    for basis, held in _attempts(len(measured), kernels, names, known):
        rest = measured - design @ held
        scaled = design @ basis / measured[:, None]
        if not (rest > 0).all() or not _is_determined(scaled):
            continue
        solution = _robust(scaled, rest / measured)
        if (solution > 0).all():
            kept = (name for name, value in zip(names, held, strict=True) if value)
            return held + basis @ solution, tuple(kept)
    raise ConfigError(
        f"The rows do not tell the figures apart ({', '.join(known)}); vary kinds of layers, "
        "channels and lengths more."
    )


def _attempts(
    n_rows: int, kernels: KernelModel, names: Sequence[str], known: Sequence[str]
) -> Iterator[tuple[Floats, Floats]]:
    """Yields what is fitted, the freest first: (basis of the figures, those that are held)."""
    start = {name: float(getattr(kernels, name)) for name in names}
    work = [name for name in known if name not in EXTRAS]
    for is_tied, overhead in ((False, None), (False, start[OVERHEAD]), (True, None),
                              (True, start[OVERHEAD]), (True, 0.0)):  # fmt: skip
        if not is_tied and (WEIGHTS not in known or n_rows < MIN_ROWS_FOR_WEIGHTS):
            continue
        fitted = [{name: 1.0} for name in work]
        if is_tied and WEIGHTS in known and work:
            fitted[0][WEIGHTS] = start[WEIGHTS] / start[work[0]]
        elif not is_tied:
            fitted.append({WEIGHTS: 1.0})
        held = {name: start[name] for name in names if name not in known}
        if overhead is None:
            fitted.append({OVERHEAD: 1.0})
        else:
            held[OVERHEAD] = overhead
        basis = np.array([[unit.get(name, 0.0) for unit in fitted] for name in names])
        yield basis, np.array([held.get(name, 0.0) for name in names])


def _is_determined(scaled: Floats) -> bool:
    norms = np.linalg.norm(scaled, axis=0)
    return len(scaled) >= scaled.shape[1] and bool(np.linalg.cond(scaled / norms) < MAX_CONDITION)


def _robust(scaled: Floats, target: Floats) -> Floats:
    """Returns the non-negative solution of scaled @ x = target under Huber's loss."""
    weights = np.ones(len(target))
    solution = _non_negative(scaled, target)
    for _ in range(30):
        residuals = np.abs(scaled @ solution - target)
        spread = 1.4826 * float(np.median(residuals))
        if spread < 1e-9:
            break
        weights = np.sqrt(np.minimum(1.0, HUBER * spread / np.maximum(residuals, 1e-12)))
        step = _non_negative(scaled * weights[:, None], target * weights)
        if np.allclose(step, solution, rtol=1e-6):
            break
        solution = step
    return solution


def _non_negative(matrix: Floats, target: Floats) -> Floats:
    """Returns the least squares solution without negative entries, by trying every active set.

    There are at most five figures, thus 31 sets.
    """
    n = matrix.shape[1]
    norms = np.linalg.norm(matrix, axis=0)
    best, least = np.zeros(n), float(target @ target)
    for size in range(1, n + 1):
        for active in map(list, itertools.combinations(range(n), size)):
            part = np.linalg.lstsq(matrix[:, active] / norms[active], target, rcond=None)[0]
            if (part < 0).any():
                continue
            loss = float(np.sum((matrix[:, active] @ (part / norms[active]) - target) ** 2))
            if loss < least:
                best, least = np.zeros(n), loss
                best[active] = part / norms[active]
    return best


def _updated(
    kernels: KernelModel,
    names: Sequence[str],
    values: Floats,
    errors: tuple[float, float],
    origin: str,
) -> KernelModel:
    figures: dict[str, Any] = {
        name: float(f"{value:.4g}") for name, value in zip(names, values, strict=True)
    }
    median, p95 = (float(f"{error:.3g}") for error in errors)
    return dataclasses.replace(
        kernels,
        **figures,
        source=f"fitted to {origin}",
        validation="leave one shape out, relative errors of latency",
        calibrated_on=origin,
        error_median=median,
        error_p95=p95,
    )
