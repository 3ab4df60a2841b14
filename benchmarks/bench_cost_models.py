"""How far are the cost models off, and how fast are they?

    python benchmarks/bench_cost_models.py [--quick] [--json FILE]
    python benchmarks/bench_cost_models.py --instructions FILE --layers FILE

Prints the errors of the instruction models (leave one shape out), of the stand-in for recurrent
kernels, of single layers on boards and of whole networks, a model that knows only
multiply-accumulates beside them, and the time that the costs of one genome take. `--instructions`
and `--layers` score the shipped models, unfitted, on other files of the same columns. Measurements
are read below $EVONAS_DATA (default: ../shared/data beside the repository); what is not there is
left out and said so. Tables are in percent, the errors in the JSON file are shares: 0.05 is 5 %.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cost_instructions
import cost_layers
import cost_networks
import cost_recurrent
import cost_speed

BOARD = ("median", "p95", "macs_only_median")
"""What `--json` holds of each board."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--instructions", type=Path, metavar="FILE", help="score on these rows")
    parser.add_argument("--layers", type=Path, metavar="FILE", help="score on these rows")
    parser.add_argument("--quick", action="store_true", help="fewer cores and genomes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    for path in (options.instructions, options.layers):
        if path is not None and not path.exists():
            parser.error(f"{path} is not there")
    print(f"{platform.processor() or platform.machine()}, {datetime.date.today()}")

    _title("instructions", options.instructions)
    instructions = cost_instructions.run(options.instructions, options.quick)
    cost_instructions.print_table(instructions)
    _title("recurrent cells: the stand-in for generated kernels on measured LSTMs", None)
    recurrent = cost_recurrent.run(options.instructions)
    cost_recurrent.print_table(recurrent)
    _title("layers on boards", options.layers)
    layers = cost_layers.run(options.layers)
    cost_layers.print_table(layers)
    _title("whole networks", None)
    networks = cost_networks.run(None)
    cost_networks.print_table(networks)
    _title("time", None)
    cost_speed.print_table(cost_speed.run(options.quick))

    if options.json:
        found = {
            "instructions": _instructions(instructions),
            "recurrent": {
                core: _shares(errors, ("mean", "median", "worst"))
                for core, errors in recurrent.items()
            },
            "layers": {board: _shares(errors, BOARD) for board, errors in layers.items()},
            "networks": {stack: _network(errors) for stack, errors in networks.items()},
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _shares(errors: Mapping[str, float], keys: Iterable[str]) -> dict[str, float]:
    """Returns some of the errors, which are in percent, as shares."""
    return {key: errors[key] / 100 for key in keys}


def _instructions(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Returns the errors of the file's layers, without those of single kernel paths."""
    return {
        core: {
            layer: _shares(errors, ("mean", "median", "worst")) | {"n": errors["n"]}
            for layer, errors in layers.items()
            if not cost_instructions.is_path(layer)
        }
        for core, layers in found.items()
    }


def _network(errors: Mapping[str, float]) -> dict[str, float]:
    """Returns one stack's errors as shares; correlations and counts as they are."""
    if set(errors) <= set(cost_networks.NETWORKS):
        return _shares(errors, errors)
    return {
        name.removesuffix(", %"): value / 100 if name.endswith(", %") else value
        for name, value in errors.items()
    }


def _title(what: str, path: Path | None) -> None:
    print(f"\n{what}" + (f": the shipped models on {path}" if path else ""))


if __name__ == "__main__":
    main()
