"""Loop counts of CMSIS-NN's kernels on a core that takes one product a trip: Cortex-M3."""

from __future__ import annotations

from evonas.cost.kernel_calls import Counts, KernelCall, KernelPath, matrix_products, window


def _conv_1x1(call: KernelCall) -> Counts:
    """Two positions times two filters at a time."""
    products, rows = matrix_products(call)
    depth, c_out = call.input[2], call.output[2]
    filters, odd = products * (c_out // 2), products * (c_out % 2)
    pairs, single = divmod(rows, 2)
    return (
        filters * pairs * depth,
        filters * single * depth,
        products * rows * c_out,
        filters * depth,
        filters,
        odd * rows * depth,
        1,
    )


def _dense(call: KernelCall) -> Counts:
    """Three outputs at a time."""
    triples, rest = divmod(call.output[2], 3)
    n, depth = call.positions, call.input[2]
    return (n * triples * depth, n * triples, n * rest * depth, n * rest, n)


def _lstm(call: KernelCall) -> Counts:
    """Four gates a step, three units at a time; the first step has no state to multiply with."""
    steps, units = call.output[1:]
    triples, rest = divmod(units, 3)
    depth = steps * call.input[2] + (steps - 1) * units
    return (triples * depth, rest * depth, steps * units, (steps - 1) * units, steps, 1)


def _average_pool(call: KernelCall) -> Counts:
    """Channel by channel, each tap with its bounds."""
    channels = call.output[2]
    inside, _, rows = window(call)
    n = call.positions
    return (inside * channels, rows * channels, n * channels, n, 1)


SCALAR_PATHS: dict[str, KernelPath] = {
    "conv_1x1": KernelPath(
        (
            "pair_product", "single_product", "output", "filter_sum", "filter",
            "odd_filter_product", "call",
        ),
        _conv_1x1,
    ),
    "dense": KernelPath(
        ("triple_product", "triple", "single_product", "single", "call"), _dense
    ),
    "lstm": KernelPath(
        ("triple_product", "single_product", "unit", "unit_with_state", "step", "call"), _lstm
    ),
    "average_pool": KernelPath(("tap", "row", "output", "position", "call"), _average_pool),
}  # fmt: skip
"""Paths whose loops differ from those of evonas.cost.kernel_loops_dsp."""
