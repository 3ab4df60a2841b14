"""How much smaller than its seed network does a study's front get, at the seed's accuracy?

Runs each config (or goes on with its folder where it exists) and prints, beside the seed network
trained with the same recipe in the same study: the network with the fewest parameters whose final
validation metric is no worse than the seed's (chosen by validation alone), and the one whose test
metric is within a margin of the seed's. All metrics are means over the study's final seeds.

    python benchmarks/bench_studies.py configs/ecg5000_tcn.toml --dir runs
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from pathlib import Path

from evonas.config import StudyConfig
from evonas.runner.search import resume, search
from evonas.study.final import metric_on_test
from evonas.study.study import Study
from evonas.study.trial import Trial
from evonas.units import format_quantity

MARGIN = 0.005
"""Half a point of error; for numbers the same share of the seed's metric."""

COSTS = ("params", "macs", "latency", "latency_per_step")
"""What is compared; a stream has a latency per step, all others one per window."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configs", nargs="*", default=["configs/quickstart.toml"])
    parser.add_argument("--dir", type=Path, default=Path("runs"), help="where the studies lie")
    parser.add_argument("--quick", action="store_true", help="30 trials a study")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {datetime.date.today()}")
    found = {}
    for path in options.configs:
        study = _study(Path(path), options.dir, options.quick)
        found[study.config.study.name] = describe(study)
        _print(study, found[study.config.study.name])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def _study(path: Path, parent: Path, quick: bool) -> Study:
    config = StudyConfig.from_toml(path)
    folder = parent / (config.study.name + ("-quick" if quick else ""))
    if (folder / "study.db").exists():
        return resume(folder)
    if quick:
        config = config.with_overrides(["search.budget.trials=30", "search.compare_random=false"])
    return search(config.with_overrides([f"study.dir={folder}"]))


def describe(study: Study) -> dict[str, object]:
    """Returns the seed's line and the two networks', with the ratios to the seed."""
    seed = study.seed_trial()
    seed_test = metric_on_test(seed)
    margin = MARGIN if not study.splits.is_regression else MARGIN * (seed_test or 0.0)
    front = sorted(study.front(), key=lambda t: t.values["params"])
    by_val = [t for t in front if t.values["error"] <= seed.values["error"]]
    scored = [(t, metric_on_test(t)) for t in front]
    goal = (seed_test or 0.0) + margin
    near = [t for t, value in scored if value is not None and value <= goal]
    return {
        "front": len(front),
        "seconds": study.store.meta("seconds"),
        "seed": _record(seed, seed),
        "no worse on validation": _record(by_val[0], seed) if by_val else None,
        "within the margin on test": _record(near[0], seed) if near else None,
        "hypervolume": study.summary().get("hypervolume"),
    }


def _record(trial: Trial, seed: Trial) -> dict[str, object]:
    ratios = {name: seed.values[name] / trial.values[name] for name in COSTS if name in seed.values}
    return {
        "number": trial.number,
        "params": trial.values["params"],
        "validation": trial.values["error"],
        "test": metric_on_test(trial),
        "times_smaller": ratios,
    }


def _print(study: Study, found: dict[str, object]) -> None:
    unit = study.problem.metric.unit
    print(f"\n{study.config.study.name}: {found['front']} networks on the front")
    print(f"{'':28}{'params':>8}{'val':>9}{'test':>9}   seed over it: params, MACs, time")
    for name in ("seed", "no worse on validation", "within the margin on test"):
        record = found[name]
        if not isinstance(record, dict):
            print(f"{name:28}    none")
            continue
        test = format_quantity(record["test"], unit)
        times = " ".join(f"{value:7.1f}x" for value in record["times_smaller"].values())
        val = format_quantity(record["validation"], unit)
        print(f"{name:28}{record['params']:8.0f}{val:>9}{test:>9}   {times}")


if __name__ == "__main__":
    main()
