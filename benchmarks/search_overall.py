"""What several tasks say together of searches at equal CPU seconds. Part of bench_search.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from search_tables import TaskScores


def overall(tasks: Sequence[TaskScores], ours: str) -> list[str]:
    """Returns the mean ranks over tasks, and where one contestant is ahead with every seed.

    Args:
        tasks: At least one.
        ours: The contestant that the others are held against.
    """
    ranks = [task.mean_ranks("whole") for task in tasks]
    common = [name for name in tasks[0].contestants if all(name in found for found in ranks)]
    means = {name: float(np.mean([found[name] for found in ranks])) for name in common}
    order = sorted(common, key=lambda name: means[name])
    said = [f"mean rank by whole over {len(tasks)} tasks: "
            + ", ".join(f"{name} {means[name]:.1f}" for name in order)]  # fmt: skip
    for score in ("whole", "tight"):
        for rival in (name for name in common if name != ours and ours in common):
            ahead = [task.task for task in tasks if _always_ahead(task, ours, rival, score)]
            where = ", ".join(ahead) if ahead else "no task"
            said.append(f"{score}: {ours} is ahead of {rival} with every seed on {where}.")
    return said


def _always_ahead(task: TaskScores, ours: str, rival: str, score: str) -> bool:
    rows = [task.values[score][task.contestants.index(name)] for name in (ours, rival)]
    difference = rows[0] - rows[1]
    known = difference[~np.isnan(difference)]
    return bool(len(known)) and bool((known > 0).all())
