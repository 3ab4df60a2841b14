"""Which code of CMSIS-NN executes a call, and how often each of its loops runs.

A kernel path is one piece of CMSIS-NN (int8, version 99f736a) with loops of its own: a convolution
by im2col, a product of matrices for 1x1 kernels, each of the depthwise kernels and so on. The
instructions of a call are the trip counts of its path's loops times the instructions of one trip,
which evonas.cost.instructions holds for each core. Counts are never negative and grow with the
loops' bounds, so an estimate is positive and grows with the work.

Cores come in three families, whose code differs: "dsp" (Cortex-M4, M7, M33: 4 products of 8 bit in
one loop trip), "scalar" (M3: 1) and "mve" (M55: 16). Where a family has no path of its own below,
it takes the one of "dsp".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evonas.cost.kernel_calls import KernelCall, window

FAMILIES = {"m3": "scalar", "m4": "dsp", "m7": "dsp", "m33": "dsp", "m55": "mve"}
"""Cores with an instruction model -> the code that is compiled for them."""

Counts = tuple[float, ...]


class KernelPath(NamedTuple):
    """A piece of code and the counts of its loops.

    Attributes:
        terms: What is counted, a name each.
        counts: Returns the counts of a call, in the order of terms.
    """

    terms: tuple[str, ...]
    counts: Callable[[KernelCall], Counts]


def kernel_path(call: KernelCall, core: str) -> str:
    """Returns the name of the path that executes a call on a core: a key of PATHS."""
    name = CHOICES[call.kind](call) if call.kind in CHOICES else call.kind
    family = FAMILIES[core]
    own = f"{name}_{family}"
    return own if own in PATHS else name


def _conv_choice(call: KernelCall) -> str:
    return "conv_1x1" if call.taps == 1 and not any(call.pads) else "conv_im2col"


def _depthwise_choice(call: KernelCall) -> str:
    filters = call.output[2] // call.input[2]
    if call.dilation != (1, 1):
        return "depthwise_generic"
    if filters > 1:
        return "depthwise_generic" if filters % 4 else "depthwise_multiplier_4"
    if call.kernel == (3, 3) and max(call.pads) <= 1:
        return "depthwise_3x3"
    return "depthwise_1d" if call.kernel[0] == 1 else "depthwise_2d"


CHOICES: dict[str, Callable[[KernelCall], str]] = {
    "conv": _conv_choice,
    "depthwise": _depthwise_choice,
}
"""Kinds with several paths; all others have one, of their own name."""


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


def _matrix_products(call: KernelCall) -> tuple[int, int]:
    """Returns how many products a 1x1 convolution makes, and of how many positions each.

    One with stride 1; one for each output row otherwise.
    """
    if call.stride == (1, 1):
        return 1, call.positions
    return call.output[0], call.output[1]


def _conv_1x1(call: KernelCall) -> Counts:
    """Two positions times two filters at a time; an odd filter goes through a loop by bytes."""
    products, rows = _matrix_products(call)
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


def _conv_1x1_scalar(call: KernelCall) -> Counts:
    """The same, one product at a time."""
    products, rows = _matrix_products(call)
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
        n * (call.taps // 2) * quads,
        n * (call.taps % 2) * quads,
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
    """Four filters of one channel at a time."""
    channels = call.output[2]
    inside, _, rows = window(call)
    n = call.positions
    return (inside * channels, rows * channels, n * channels, n * call.input[2], 1)


def _dense(call: KernelCall) -> Counts:
    """Two outputs at a time, four products of each in one trip."""
    quads, rest = divmod(call.input[2], 4)
    pairs, odd = divmod(call.output[2], 2)
    return (
        pairs * quads,
        pairs * rest,
        pairs * (rest > 0),
        pairs,
        odd * quads,
        odd * rest,
        odd,
        1,
    )


def _dense_scalar(call: KernelCall) -> Counts:
    """Three outputs at a time, one product of each in one trip."""
    triples, rest = divmod(call.output[2], 3)
    return (triples * call.input[2], triples, rest * call.input[2], rest, 1)


def _lstm(call: KernelCall) -> Counts:
    """Four gates a step, each a dense layer of the input and one of the state."""
    steps, units = call.output[1:]
    c_in = call.input[2]
    return (
        steps * units * (c_in // 4 + units // 4),
        steps * units * (c_in % 4 + units % 4),
        steps * units,
        steps,
        steps * (units % 2),
        1,
    )


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


PATHS: dict[str, KernelPath] = {
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
    "conv_1x1_scalar": KernelPath(
        (
            "pair_product", "single_product", "output", "filter_sum", "filter",
            "odd_filter_product", "call",
        ),
        _conv_1x1_scalar,
    ),
    "depthwise_3x3": KernelPath(
        (
            "tap_quad", "row_quad", "quad", "tap_rest", "row_rest", "rest", "position",
            "output_row", "call",
        ),
        _depthwise_3x3,
    ),
    "depthwise_1d": KernelPath(OPT_TERMS := (
        "tap_pair_quad", "odd_tap_quad", "quad", "tap_rest", "rest", "copy_quad", "copy_rest",
        "copy", "zero_tap", "zero_tap_byte", "zero_row_byte", "position", "row", "call",
    ), _depthwise_opt),
    "depthwise_2d": KernelPath(OPT_TERMS, _depthwise_opt),
    "depthwise_generic": KernelPath(
        ("tap", "row", "output", "dilated_output", "position", "input_channel", "call"),
        _depthwise_generic,
    ),
    "depthwise_multiplier_4": KernelPath(
        ("tap", "row", "output", "input_channel", "call"), _depthwise_multiplier_4
    ),
    "dense": KernelPath(
        (
            "pair_quad", "pair_rest", "pair_has_rest", "pair", "odd_quad", "odd_rest", "odd",
            "call",
        ),
        _dense,
    ),
    "dense_scalar": KernelPath(
        ("triple_product", "triple", "single_product", "single", "call"), _dense_scalar
    ),
    "lstm": KernelPath(
        ("product_quad", "product_rest", "unit", "step", "odd_unit", "call"), _lstm
    ),
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
"""Every kernel path by its name."""
