r"""What do finished comparisons say of the claims of the four works behind evonas?

Reads the folders of `evonas compare` (never writes there) and of recurrent `evonas search`, and
prints as markdown:

1. TCN blocks: times fewer params at the seed network's accuracy, as comparisons define it; the
   smallest networks at the accuracy of hand-made ones, their latency and energy on GAP8 and
   STM32H743 against these; how many networks each method chooses between.
2. Recurrent blocks and studies: the smallest networks at the accuracy of LSTM, GRU and FastGRNN
   networks of published sizes.
3. Blocks with limits and dnas: RAM and latency saved within both bounds, accuracy with a one-sided
   bound, search time over one training of the seed network.
4. Meta-kernel blocks: cost on the device at the seed network's accuracy.
Last, evonas' own search: hypervolume and rank in each study and over all that are given.

Hand-made networks are trained by the block's own [final] recipe on its data, one training for each
seed, and kept in --work; without it they are left out. The block's data must be at hand for the
networks' costs and the sizes of spaces. Whatever the record lacks is called not measured.

    python benchmarks/bench_claims.py runs/compare/hapt_tcn runs/compare/mcu_constraints \
        --work runs/claims --json claims.json --markdown claims.md
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import claims_constraints
import claims_images
import claims_ranks
import claims_rnn
import claims_tcn
from claims_record import Recorded, read
from claims_text import Section

from evonas.analysis.comparison import BlockInfo
from evonas.errors import EvonasError
from evonas.runner.compare import is_comparison
from evonas.runner.compare_result import plain
from evonas.runner.machine import machine
from evonas.study.study import Study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--work", type=Path, help="where hand-made networks are trained and kept")
    parser.add_argument("--ours", default="nsga2", help="evonas' own search (nsga2)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    try:
        records, found = gathered(options.folders, options.work)
    except EvonasError as error:
        raise SystemExit(f"bench_claims: {error}") from None
    if records:
        found += claims_ranks.sections(records, options.ours)
    lines = [f"{machine()}, {datetime.date.today()}"]
    for section in found:
        lines += ["", f"### {section.title}", "", *section.lines]
    print("\n".join(lines))
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if options.json:
        data = [{"title": each.title, "data": plain(each.data)} for each in found]
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def gathered(folders: list[Path], work: Path | None) -> tuple[list[Recorded], list[Section]]:
    """Returns the comparisons among folders, and what all folders say of the claims."""
    records, found = [], []
    for folder in folders:
        if not is_comparison(folder):
            found += claims_rnn.study_sections(Study.load(folder), work)
            continue
        record = read(folder)
        records.append(record)
        made = f"{record.folder.name}: {record.date}, {record.machine}"
        found.append(Section(made, [_finished(record)], None))
        for block in record.blocks:
            found += of_block(record, block, work)
    return records, found


def of_block(record: Recorded, block: BlockInfo, work: Path | None) -> list[Section]:
    """Returns what one block says of the claim that it is about."""
    if claims_constraints.is_constrained(record, block):
        return claims_constraints.sections(record, block)
    by_space: dict[str, Any] = {
        "tcn": lambda: claims_tcn.sections(record, block, work),
        "rnn": lambda: claims_rnn.block_sections(record, block, work),
        "metakernel": lambda: claims_images.sections(record, block),
    }
    return by_space.get(block.space, list)()


def _finished(record: Recorded) -> str:
    ended = sum(run.finished for run in record.runs)
    return f"{ended} of {len(record.runs)} runs ended."


if __name__ == "__main__":
    main()
