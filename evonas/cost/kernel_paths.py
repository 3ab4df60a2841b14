"""Which code of CMSIS-NN executes a call.

A kernel path is one piece of CMSIS-NN (int8, version 99f736a) with loops of its own: a convolution
by im2col, a product of matrices for 1x1 kernels, each of the depthwise kernels and so on. The
instructions of a call are the trip counts of its path's loops times the instructions of one trip,
which evonas.cost.instructions holds for each core. Counts are never negative and grow with the
loops' bounds, and so are no coefficients below 0: an estimate is positive and grows with the work.

The code that is compiled differs between three families of cores; the paths of "dsp" stand for
those that another family has no own counts of.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from evonas.cost.kernel_calls import KernelCall, KernelPath
from evonas.cost.kernel_loops_dsp import DSP_PATHS
from evonas.cost.kernel_loops_mve import MVE_PATHS
from evonas.cost.kernel_loops_scalar import SCALAR_PATHS

FAMILIES = {"m3": "scalar", "m4": "dsp", "m7": "dsp", "m33": "dsp", "m55": "mve"}
"""Cores with an instruction model -> the code that is compiled for them."""

OWN_PATHS = {"dsp": DSP_PATHS, "scalar": SCALAR_PATHS, "mve": MVE_PATHS}


def kernel_path(call: KernelCall, core: str) -> str:
    """Returns the name of the path that executes a call on a core: a key of core_paths(core)."""
    choice = CHOICES.get(call.kind)
    return call.kind if choice is None else choice(call, FAMILIES[core])


@cache
def core_paths(core: str) -> dict[str, KernelPath]:
    """Returns the kernel paths of a core by name."""
    return {**DSP_PATHS, **OWN_PATHS[FAMILIES[core]]}


def _conv(call: KernelCall, family: str) -> str:
    if call.taps == 1 and not any(call.pads):
        return "conv_1x1"
    one_row = call.input[0] == 1 and call.kernel[0] == 1 and call.dilation == (1, 1)
    if family == "mve" and one_row and call.stride[1] * call.input[2] % 4 == 0:
        return "conv_1xn"
    return "conv_im2col"


def _depthwise(call: KernelCall, family: str) -> str:
    filters = call.output[2] // call.input[2]
    if call.dilation != (1, 1) or filters > 1:
        simple = call.dilation != (1, 1) or filters % 4
        return "depthwise_generic" if simple else "depthwise_multiplier_4"
    if call.kernel == (3, 3) and max(call.pads) <= 1 and family != "mve":
        return "depthwise_3x3"
    return "depthwise_generic" if family == "scalar" else "depthwise_opt"


CHOICES: dict[str, Callable[[KernelCall, str], str]] = {"conv": _conv, "depthwise": _depthwise}
"""Kinds with several paths; all others have one, of their own name."""
