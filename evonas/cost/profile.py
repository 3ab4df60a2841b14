"""`evonas.profile`: what a network costs on a device that is named."""

from __future__ import annotations

from pathlib import Path

from evonas.arch.spec import ArchSpec
from evonas.cost.report import CostReport, cost_report
from evonas.devices import load_device


def profile(spec: ArchSpec, device: str | Path = "stm32l4r5", runtime: str = "tflm") -> CostReport:
    """Returns the costs of a network, in total and per layer.

    Args:
        spec: The network.
        device: A device's name or the path of its file.
        runtime: What executes the network: a name in evonas.cost.runtimes.

    Raises:
        ConfigError: The device or the runtime is unknown, or the device has no kernels for it.
    """
    return cost_report(spec, load_device(device), runtime)
