"""Latency and energy: cycles per multiply-accumulate, instructions for the operators without any.

A linear model by class: it does not see that narrow layers are dearer than wide ones.
"""

from __future__ import annotations

from collections.abc import Callable

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.devices.catalogue import Device, KernelCycles
from evonas.errors import ConfigError

OP_OVERHEAD_CYCLES = 500
"""TFLite Micro's dispatch of one operator: invoke_cycles - op_cycles of the single layers of
mcu_layer_cycles.csv (medians 440 to 594 on Cortex-M4 and M33 boards)."""

ADD_INSTRUCTIONS = (81.2, 115.0)
"""An element, a call. These and the following: fitted to the instructions of CMSIS-NN 99f736a on an
emulated Cortex-M4 (cmsisnn_instructions.csv; M7 and M33 within 2 %). Mean error of add 0.1 %."""

PAD_INSTRUCTIONS = (2.73, 352.0)
"""A written element, a call; mean error 12 %."""

AVERAGE_POOL_INSTRUCTIONS = (5.63, 19.07, 13.26, 262.0)
MAX_POOL_INSTRUCTIONS = (6.80, 9.85, 21.14, 95.0)
"""A tap of a channel, a written element, a tap of a position, a call; mean error 8 and 10 %."""

MAC_CLASSES: dict[str, Callable[[KernelCycles], float]] = {
    "conv": lambda kernels: kernels.conv,
    "depthwise": lambda kernels: kernels.depthwise,
    "dense": lambda kernels: kernels.dense,
    "scale": lambda kernels: kernels.depthwise,
}
"""Operators whose cycles go with their multiply-accumulates; a scale is a depthwise tap."""


def _elements(graph: LoweredGraph, op: LoweredOp) -> int:
    return graph.tensors[op.output].n_bytes


def _linear(per_element: float, call: float) -> Callable[[LoweredGraph, LoweredOp], float]:
    return lambda graph, op: per_element * _elements(graph, op) + call


def _window(
    tap: float, element: float, position: float, call: float
) -> Callable[[LoweredGraph, LoweredOp], float]:
    def instructions(graph: LoweredGraph, op: LoweredOp) -> float:
        n = _elements(graph, op)
        taps = op.kernel[0] * op.kernel[1]
        positions = n // graph.tensors[op.output].shape[-1]
        return tap * taps * n + element * n + position * taps * positions + call

    return instructions


INSTRUCTIONS: dict[str, Callable[[LoweredGraph, LoweredOp], float]] = {
    "add": _linear(*ADD_INSTRUCTIONS),
    "pad": _linear(*PAD_INSTRUCTIONS),
    "average_pool": _window(*AVERAGE_POOL_INSTRUCTIONS),
    "max_pool": _window(*MAX_POOL_INSTRUCTIONS),
    "relu": _linear(*ADD_INSTRUCTIONS),
    "reshape": _linear(*PAD_INSTRUCTIONS),
    "strided_slice": _linear(*PAD_INSTRUCTIONS),
}
"""The others. Assumed: a ReLU of its own costs what an add does, a copy what a pad does; TFLite
Micro's reference kernels, which stand in for all of these, what CMSIS-NN's do."""


def device_kernels(device: Device, library: str) -> KernelCycles:
    """Returns the cycles of a kernel library on a device.

    Raises:
        ConfigError: The device states none.
    """
    if library not in device.kernels:
        raise ConfigError(
            f"Device {device.name!r} states no cycles of the kernel library {library!r}, only of "
            f"{', '.join(sorted(device.kernels))}."
        )
    return device.kernels[library]


def op_latency_s(
    graph: LoweredGraph, op: LoweredOp, device: Device, kernels: KernelCycles
) -> float:
    """Returns the seconds that one operator takes, dispatch included.

    Args:
        graph: The deployed network.
        op: One of its operators.
        device: The microcontroller.
        kernels: The cycles of the kernel library in use on it.
    """
    mac_class = MAC_CLASSES.get(op.kind)
    if mac_class is None:
        cycles = INSTRUCTIONS[op.kind](graph, op) * device.cycles_per_instruction
    else:
        cycles = mac_class(kernels) * (op.macs or _elements(graph, op))
    return (cycles + OP_OVERHEAD_CYCLES) / device.clock_hz


def energy_j(latency_s: float, device: Device) -> float | None:
    """Returns power x latency in joules; None where the device states no power.

    One power for all networks: measured ones vary by less than 1 % on a given part (MicroNets,
    Banbury et al. 2021 <https://arxiv.org/abs/2010.11267>).
    """
    return None if device.power_w is None else device.power_w * latency_s
