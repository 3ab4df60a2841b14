"""How far are the cost models off, and how fast are they?

    python benchmarks/bench_cost_models.py [--quick] [--json FILE]
    python benchmarks/bench_cost_models.py --instructions FILE --layers FILE

Prints the errors of the instruction models (leave one shape out), of single layers on boards and of
whole networks, a model that knows only multiply-accumulates beside them, and the time that the
costs of one genome take. `--instructions` and `--layers` score the shipped models, unfitted, on
other files of the same columns. Measurements are read below $EVONAS_DATA (default: ../shared/data
beside the repository); what is not there is left out and said so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from pathlib import Path
from typing import Any

import cost_instructions
import cost_layers
import cost_networks
import cost_speed

BOARD = ("median", "p95", "macs_only_median")
"""What `--json` holds of each board. All errors there are relative: 0.05 is 5 %."""


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
    _title("layers on boards", options.layers)
    layers = cost_layers.run(options.layers)
    cost_layers.print_table(layers)
    _title("whole networks", None)
    networks = cost_networks.run(None)
    cost_networks.print_table(networks)
    _title("time", None)
    cost_speed.print_table(cost_speed.run(options.quick))

    if options.json:
        found: dict[str, Any] = {
            "instructions": cost_instructions.for_json(instructions),
            "layers": {
                board: {key: entry[key] for key in BOARD} for board, entry in layers.items()
            },
            "networks": networks,
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _title(what: str, path: Path | None) -> None:
    print(f"\n{what}" + (f": the shipped models on {path}" if path else ""))


if __name__ == "__main__":
    main()
