"""Loop counts of CMSIS-NN's kernels on cores that take four 8-bit products a trip: M4, M7, M33.

Those that hold four at a time in no loop (generic depthwise, softmax, pad) are the same elsewhere.
Counts are never negative and grow with the loops' bounds.
"""

from __future__ import annotations

from evonas.cost.kernel_calls import Counts, KernelCall, KernelPath, matrix_products, window


def _conv_im2col(call: KernelCall) -> Counts:
    """Two columns (output positions) are gathered, then multiplied with two filters at a time."""
    c_in, c_out = call.input[2], call.output[2]
    depth = call.taps * c_in
    pairs, single = divmod(call.positions, 2)
    quads, rest = divmod(depth, 4)
    filters, odd = divmod(c_out, 2)
    inside, outside, _ = window(call)
    words, loose = (c_in // 4, 0) if c_in % 4 == 0 else (0, c_in)
    return (
        pairs * filters * quads,
        pairs * filters * rest,
        pairs * filters,
        pairs * odd * (quads + rest / 3),
        pairs * odd + single * c_out / 2,
        single * c_out * (quads + rest / 3),
        call.positions * quads,
        call.positions * rest,
        inside,
        inside * words,
        inside * loose,
        outside,
        outside * words,
        outside * loose,
        call.positions,
        call.positions * call.kernel[0],
        1,
    )


def _conv_1x1(call: KernelCall) -> Counts:
    """Two positions times two filters at a time; an odd filter goes through a loop by bytes."""
    products, rows = matrix_products(call)
    depth, c_out = call.input[2], call.output[2]
    filters, odd = products * (c_out // 2), products * (c_out % 2)
    pairs, single = divmod(rows, 2)
    blocks = filters * (pairs + single)
    return (
        filters * (pairs + 0.6 * single) * (depth // 4),  # 15 of 24 instructions for one position
        blocks * (depth % 16 // 4),
        blocks * (depth % 4),
        blocks * (depth % 4 > 0),
        blocks * (depth % 16 > 3),
        products * rows * c_out,
        filters * depth,
        filters,
        odd * rows * depth,
        1,
    )


def _depthwise_3x3(call: KernelCall) -> Counts:
    """Four channels at a time, then one by one; a row of three taps is unrolled."""
    quads, rest = divmod(call.output[2], 4)
    inside, _, rows = window(call)
    n = call.positions
    return (
        inside * quads,
        rows * quads,
        n * quads,
        inside * rest,
        rows * rest,
        n * rest,
        n,
        call.output[0],
        1,
    )


def _depthwise_opt(call: KernelCall) -> Counts:
    """A column of all taps is gathered, then two taps of four channels at a time multiplied."""
    channels = call.output[2]
    quads, rest = divmod(channels, 4)
    inside, outside, rows = window(call)
    beside = rows * call.kernel[1] - inside
    n = call.positions
    return (
        n * (call.taps // 2 + 0.6 * (call.taps % 2)) * quads,  # 16 of 27 instructions for one tap
        n * quads,
        n * call.taps * rest,
        n * rest,
        inside * quads,
        inside * rest,
        inside,
        beside,
        beside * channels,
        (outside - beside) * channels,
        n,
        rows,
        1,
    )


def _depthwise_generic(call: KernelCall) -> Counts:
    """One channel after the other, each tap with its bounds."""
    channels = call.output[2]
    inside, _, rows = window(call)
    n = call.positions
    return (
        inside * channels,
        rows * channels,
        n * channels,
        n * channels * (call.dilation != (1, 1)),
        n,
        n * call.input[2],
        1,
    )


def _depthwise_multiplier_4(call: KernelCall) -> Counts:
    """Four filters of one channel at a time. Few rows: three terms, a call as four positions."""
    channels = call.output[2]
    n = call.positions
    return (window(call).inside * channels, n * channels, n + 4)


def _dense(call: KernelCall) -> Counts:
    """Two outputs at a time, four products of each in one trip; the last odd one alone."""
    quads, rest = divmod(call.input[2], 4)
    pairs, odd = divmod(call.output[2], 2)
    n = call.positions
    return (
        n * pairs * quads,
        n * pairs * rest,
        n * (pairs + 0.7 * odd) * (rest > 0),
        n * pairs,
        n * odd * (quads + rest),
        n * odd,
        n,
    )


def _lstm(call: KernelCall) -> Counts:
    """Four gates a step, each a product with the input and one with the state.

    The first step has no state to multiply with.
    """
    steps, units = call.output[1:]
    c_in = call.input[2]
    return (
        units * (steps * (c_in // 4) + (steps - 1) * (units // 4)),
        units * (steps * (c_in % 4) + (steps - 1) * (units % 4)),
        steps * units,
        (steps - 1) * units,
        steps,
        steps * (units % 2),
        1,
    )


def _gate(call: KernelCall) -> Counts:
    """One pass over the hidden values in each step."""
    return (call.positions * call.output[2], call.positions)


def _average_pool(call: KernelCall) -> Counts:
    """Sums over the window, channel by channel, then divides."""
    channels = call.output[2]
    inside, _, rows = window(call)
    n = call.positions
    return (inside * channels, inside, n * channels, n, rows, 1)


def _max_pool(call: KernelCall) -> Counts:
    """The first tap is copied, the others are compared, four channels at a time."""
    channels = call.output[2]
    quads, rest = divmod(channels, 4)
    inside, _, rows = window(call)
    n = call.positions
    others = max(inside - n, 0)
    copies = quads if rest == 0 else channels
    return (others * quads, others * rest, inside, n * channels, n * copies, n, rows, 1)


def _add(call: KernelCall) -> Counts:
    """Four elements at a time."""
    quads, rest = divmod(call.positions * call.output[2], 4)
    return (quads, rest, 1)


def _softmax(call: KernelCall) -> Counts:
    """Three passes over each row: maximum, sum of exponentials, quotients."""
    return (call.positions * call.output[2], call.positions, 1)


def _pad(call: KernelCall) -> Counts:
    """Zeros byte by byte, the input row by row: by words where rows are aligned."""
    height, width, channels = call.input
    inside = height * width * channels
    words, loose = (inside // 4, 0) if channels % 4 == 0 else (0, inside)
    return (call.positions * call.output[2] - inside, words, loose, height, 1)


DSP_PATHS: dict[str, KernelPath] = {
    "conv_im2col": KernelPath(
        (
            "pair_quad", "pair_rest", "pair", "odd_filter_product", "odd_output",
            "single_product", "column_quad", "column_rest", "tap", "tap_word", "tap_byte",
            "zero_tap", "zero_word", "zero_byte", "position", "kernel_row", "call",
        ),
        _conv_im2col,
    ),
    "conv_1x1": KernelPath(
        (
            "block_quad", "block_loose_quad", "block_rest", "block_has_rest",
            "block_has_loose_quad", "output", "filter_sum", "filter", "odd_filter_product", "call",
        ),
        _conv_1x1,
    ),
    "depthwise_3x3": KernelPath(
        (
            "tap_quad", "row_quad", "quad", "tap_rest", "row_rest", "rest", "position",
            "output_row", "call",
        ),
        _depthwise_3x3,
    ),
    "depthwise_opt": KernelPath(
        (
            "tap_pair_quad", "quad", "tap_rest", "rest", "copy_quad",
            "copy_rest", "copy", "zero_tap", "zero_tap_byte", "zero_row_byte", "position", "row",
            "call",
        ),
        _depthwise_opt,
    ),
    "depthwise_generic": KernelPath(
        ("tap", "row", "output", "dilated_output", "position", "input_channel", "call"),
        _depthwise_generic,
    ),
    "depthwise_multiplier_4": KernelPath(
        ("tap", "output", "position"), _depthwise_multiplier_4
    ),
    "dense": KernelPath(
        ("pair_quad", "pair_rest", "has_rest", "pair", "odd_trip", "odd", "call"), _dense
    ),
    "lstm": KernelPath(
        ("quad", "rest", "unit", "unit_with_state", "step", "odd_unit", "call"), _lstm
    ),
    "gate": KernelPath(("element", "call"), _gate),
    "average_pool": KernelPath(
        ("tap", "tap_position", "output", "position", "row", "call"), _average_pool
    ),
    "max_pool": KernelPath(
        ("tap_quad", "tap_rest", "tap_position", "output", "copy", "position", "row", "call"),
        _max_pool,
    ),
    "add": KernelPath(("quad", "rest", "call"), _add),
    "softmax": KernelPath(("element", "row", "call"), _softmax),
    "pad": KernelPath(("zero_byte", "word", "byte", "row", "call"), _pad),
}  # fmt: skip
"""Every path of these cores: what is counted, and the function that counts it."""
