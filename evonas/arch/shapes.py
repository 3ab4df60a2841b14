"""Shapes of tensors, without the batch, and what a sliding window makes of one."""

from __future__ import annotations

from evonas.errors import SpecError

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def window_lengths(
    op: str, shape: Shape, kernel: Shape, stride: Shape, dilation: Shape, pads: Pads
) -> Shape:
    """Returns the spatial output lengths of a sliding window, floor((L + pads - field) / s) + 1."""
    rank = len(shape) - 1
    if rank < 1 or not len(kernel) == len(stride) == len(dilation) == len(pads) == rank:
        raise SpecError(
            f"{op}: expected kernel, stride, dilation and pads with one entry for each spatial "
            f"axis of shape {shape}, got {kernel}, {stride}, {dilation} and {pads}."
        )
    if min(kernel + stride + dilation) < 1 or any(min(pad) < 0 for pad in pads):
        raise SpecError(
            f"{op}: kernel {kernel}, stride {stride} and dilation {dilation} must be positive and "
            f"pads {pads} not negative."
        )
    lengths = []
    for length, k, s, d, pad in zip(shape[1:], kernel, stride, dilation, pads, strict=True):
        room = length + sum(pad) - ((k - 1) * d + 1)
        if room < 0:
            raise SpecError(
                f"{op}: a window of {k} taps and dilation {d} does not fit a length of {length} "
                f"padded by {pad}."
            )
        lengths.append(room // s + 1)
    return tuple(lengths)
