"""Runtimes: what executes a deployed network, and what it takes beside the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evonas.errors import ConfigError, unknown_name

TFLM_CODE_BYTES = 56_860
"""Code of TFLite Micro with its kernels: text of its keyword benchmark, four kinds of kernel.

tflite-micro pull request 378 <https://github.com/tensorflow/tflite-micro/pull/378>; published
figures range from 22 kB (TFLite Micro's guide) upwards. Assumed alike for all cores and networks.
"""


@dataclass(frozen=True)
class Runtime:
    """What executes a network.

    Attributes:
        name: Its name in configs.
        kernel_library: Whose kernels; a key of a device's kernels.
        planner: "greedy" at start-up, or "offline" with the plan embedded in the file.
        scratch: Whether its kernels ask for scratch buffers in the arena.
        flash_bytes: Flash that it takes beside the model.
    """

    name: str
    kernel_library: str
    planner: Literal["greedy", "offline"]
    scratch: bool
    flash_bytes: int


RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        Runtime("tflm", "cmsis_nn", "greedy", True, TFLM_CODE_BYTES),
        Runtime("tflm_offline", "cmsis_nn", "offline", True, TFLM_CODE_BYTES),
        Runtime("tflm_reference", "tflm_reference", "greedy", False, TFLM_CODE_BYTES),
    )
}

NOT_BUILT = ("c", "c_step", "gap8", "xcubeai")
"""Names that are reserved for runtimes to come."""


def load_runtime(name: str) -> Runtime:
    """Returns a runtime by its name.

    Raises:
        ConfigError: The name is unknown, or stands for a runtime that is not built yet.
    """
    if name in RUNTIMES:
        return RUNTIMES[name]
    if name in NOT_BUILT:
        raise ConfigError(f"Runtime {name!r} is not built yet. Built: {', '.join(RUNTIMES)}.")
    raise ConfigError(unknown_name("runtime", name, RUNTIMES))
