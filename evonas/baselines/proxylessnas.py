"""ProxylessNAS: of the candidate paths of a block one runs at a time, and logits learn which.

Cai, Zhu, Han 2019 <https://arxiv.org/abs/1812.00332>. Weights learn with one path a block, drawn by
p = softmax(alpha). In an architecture step a binary gate g, one-hot, multiplies each path's output;
dL/dg_j, the sum over the path's output times the gradient of the block's, stands for dL/dp_j, so
dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i). The gradient of the expected cost is exact. At the
end the likeliest path of each block stays.

Departures: paths that differ in width alone share weights; weights learn by the recipe's optimiser;
logits learn faster, and with a shorter memory of how steep the loss was (the first steps, on large
networks, are by far the steepest), for a search here has dozens of architecture steps, not
thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from evonas.baselines.baseline import AbstractBaseline, Found, SearchTask, StepListener, Weights
from evonas.baselines.path_objective import PathObjective
from evonas.baselines.path_search import PathSearch, ProxylessNASSettings
from evonas.baselines.paths import Chain
from evonas.baselines.paths_metakernel import metakernel_chain
from evonas.baselines.paths_rnn import rnn_chain
from evonas.baselines.paths_tcn import tcn_chain
from evonas.baselines.training import Diverged
from evonas.config_table import Table
from evonas.proxy.build import load_weights

CHAINS: Mapping[str, Callable[[Any], Chain]] = {
    "metakernel": metakernel_chain,
    "rnn": rnn_chain,
    "tcn": tcn_chain,
}
"""Space -> its networks as choice blocks."""


class ProxylessNAS(AbstractBaseline):
    """Chooses a path for each block; see the module. The strength is lambda, or beta_r."""

    Settings: ClassVar[type[Table]] = ProxylessNASSettings
    spaces: ClassVar[tuple[str, ...]] = ("metakernel", "rnn", "tcn")
    strengths: ClassVar[tuple[float, float]] = (0.1, 100.0)

    def __init__(self, task: SearchTask, settings: ProxylessNASSettings) -> None:
        super().__init__(task, settings)
        self._own = settings
        self._chain = CHAINS[task.kind](task.space)
        self._objective = PathObjective(task, self._chain, settings.loss == "log")
        self._warm: Weights | None = None

    def search(self, strength: float, listener: StepListener | None = None) -> Found:
        """Returns the network that one search finds; see AbstractBaseline."""
        run = PathSearch(self.task, self._own, self._chain, self._objective, strength, listener)
        error = None
        try:
            if self._warm is None:
                self._warm = run.warm_up()
            else:
                load_weights(run.network, self._warm)
            run.learn()
        except Diverged as diverged:
            error = str(diverged)
            run.go_back()
        return run.result(error)

    def state(self) -> Weights | None:
        """Returns what the warm-up left; see AbstractBaseline."""
        return self._warm

    def restore(self, state: Weights) -> None:
        """Takes over what a warm-up left; see AbstractBaseline."""
        self._warm = dict(state)
