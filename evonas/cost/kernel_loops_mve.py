"""Loop counts of CMSIS-NN's kernels on a core with vectors of 16 bytes (MVE): Cortex-M55."""

from __future__ import annotations

from evonas.cost.kernel_calls import Counts, KernelCall, KernelPath, matrix_products, window

BLOCK_CHANNELS = 124
"""Channels that a depthwise convolution gathers at once (CH_IN_BLOCK_MVE in CMSIS-NN)."""


def _vectors(n_bytes: int) -> int:
    return -(-n_bytes // 16)


def _conv_im2col(call: KernelCall) -> Counts:
    """Four columns (output positions) are gathered, then multiplied with one filter at a time."""
    c_in, c_out = call.input[2], call.output[2]
    vectors = _vectors(call.taps * c_in)
    quads, rest = divmod(call.positions, 4)
    inside, outside, _ = window(call)
    return (
        quads * c_out * vectors,
        quads * c_out,
        rest * c_out * vectors,
        rest * c_out,
        inside,
        inside * _vectors(c_in),
        outside,
        outside * _vectors(c_in),
        call.positions,
        call.positions * call.kernel[0],
        1,
    )


def _conv_1xn(call: KernelCall) -> Counts:
    """One row without dilation: multiplied where it lies; gathered only where it is padded."""
    c_in, c_out, n = call.input[2], call.output[2], call.positions
    vectors = _vectors(call.taps * c_in)
    quads, rest = divmod(n, 4)
    outside = window(call).outside
    padded = n if outside else 0
    return (
        quads * c_out * vectors,
        quads * (c_out // 4),
        quads * (c_out % 4),
        rest * c_out * vectors,
        rest * c_out,
        outside,
        outside * _vectors(c_in),
        padded,
        padded * call.taps * _vectors(c_in),
        1,
    )


def _conv_1x1(call: KernelCall) -> Counts:
    """Four positions and one filter at a time, results stored by four filters."""
    products, rows = matrix_products(call)
    vectors, c_out = _vectors(call.input[2]), call.output[2]
    quads, rest = products * (rows // 4), products * (rows % 4)
    return (
        quads * c_out * vectors,
        quads * (c_out // 4),
        quads * (c_out % 4),
        rest * c_out * vectors,
        rest * (c_out // 4),
        rest * (c_out % 4),
        quads,
        rest,
        products,
        1,
    )


def _depthwise_opt(call: KernelCall) -> Counts:
    """Blocks of channels in turn; in each four positions and four channels at a time."""
    channels, n = call.output[2], call.positions
    blocks, last = divmod(channels, BLOCK_CHANNELS)
    vectors = blocks * _vectors(BLOCK_CHANNELS) + _vectors(last)
    blocks += last > 0
    quads, rest = divmod(n, 4)
    fours = -(-channels // 4)
    inside, outside, _ = window(call)
    return (
        quads * fours * call.taps,
        quads * fours,
        rest * fours * call.taps,
        rest * fours,
        inside * blocks,
        inside * vectors,
        outside * blocks,
        outside * vectors,
        n * blocks,
        n * call.kernel[0] * blocks,
        call.output[0] * blocks,
        blocks,
    )


def _dense(call: KernelCall) -> Counts:
    """Four outputs at a time."""
    vectors = _vectors(call.input[2])
    quads, rest = divmod(call.output[2], 4)
    n = call.positions
    return (n * quads * vectors, n * quads, n * rest * vectors, n * rest, n)


def _lstm(call: KernelCall) -> Counts:
    """Four gates a step; the first step has no state to multiply with."""
    steps, units = call.output[1:]
    trips = steps * _vectors(call.input[2]) + (steps - 1) * _vectors(units)
    return (units * trips, steps * units, (steps - 1) * units, steps, steps * (units % 4), 1)


def _pool(call: KernelCall) -> Counts:
    """Sixteen channels at a time."""
    vectors = _vectors(call.output[2])
    inside, _, rows = window(call)
    n = call.positions
    return (inside * vectors, inside, n * vectors, n, rows, 1)


POOL_TERMS = ("tap_vector", "tap", "vector", "position", "row", "call")

MVE_PATHS: dict[str, KernelPath] = {
    "conv_im2col": KernelPath(
        (
            "quad_vector", "quad", "single_vector", "single", "tap", "tap_vector", "zero_tap",
            "zero_vector", "position", "kernel_row", "call",
        ),
        _conv_im2col,
    ),
    "conv_1xn": KernelPath(
        (
            "quad_vector", "quad_filters", "quad_filter", "single_vector", "single", "zero_tap",
            "zero_vector", "padded_position", "padded_vector", "call",
        ),
        _conv_1xn,
    ),
    "conv_1x1": KernelPath(
        (
            "quad_vector", "quad_filters", "quad_filter", "single_vector", "single_filters",
            "single_filter", "quad", "single", "product", "call",
        ),
        _conv_1x1,
    ),
    "depthwise_opt": KernelPath(
        (
            "quad_tap", "quad", "single_tap", "single", "copy", "copy_vector", "zero",
            "zero_vector", "position", "kernel_row", "output_row", "block",
        ),
        _depthwise_opt,
    ),
    "dense": KernelPath(("quad_vector", "quad", "single_vector", "single", "call"), _dense),
    "lstm": KernelPath(("trip", "unit", "unit_with_state", "step", "odd_unit", "call"), _lstm),
    "average_pool": KernelPath(POOL_TERMS, _pool),
    "max_pool": KernelPath(POOL_TERMS, _pool),
}  # fmt: skip
"""Paths whose loops differ from those of evonas.cost.kernel_loops_dsp."""
