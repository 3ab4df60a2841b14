"""What a network costs: its spec, as a runtime executes it, and a device give the numbers."""

from evonas.cost.counts import count_macs, count_params, training_params
from evonas.cost.flash import flash_bytes, model_bytes
from evonas.cost.memory import peak_activation_bytes, peak_ram_bytes
from evonas.cost.order import OperatorOrder, best_order
from evonas.cost.report import CostReport, LayerCost, cost_report
from evonas.cost.runtimes import RUNTIMES, Runtime, load_runtime

__all__ = [
    "RUNTIMES",
    "CostReport",
    "LayerCost",
    "OperatorOrder",
    "Runtime",
    "best_order",
    "cost_report",
    "count_macs",
    "count_params",
    "flash_bytes",
    "load_runtime",
    "model_bytes",
    "peak_activation_bytes",
    "peak_ram_bytes",
    "training_params",
]
