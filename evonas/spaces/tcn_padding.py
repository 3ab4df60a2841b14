"""How a layer of the TCN space is padded, whatever its kernel becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evonas.arch.builder import causal_pads, same_pads
from evonas.errors import SpecError
from evonas.spaces.tcn_network import ConvLayer

PADDINGS: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "causal": causal_pads,
    "same": same_pads,
}


@dataclass(frozen=True)
class Padding:
    """A rule and what a layer has beyond it.

    Attributes:
        rule: A key of ``PADDINGS``.
        extra: Further zeros (left, right), whatever the kernel.
    """

    rule: str
    extra: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, conv: ConvLayer) -> Padding:
        """Returns the padding of a seed's layer: the first rule that its pads reach.

        Raises:
            SpecError: Its pads are less than any rule's.
        """
        for name, rule in PADDINGS.items():
            left, right = rule(conv.taps, conv.dilation)
            extra = (conv.pads[0] - left, conv.pads[1] - right)
            if min(extra) >= 0:
                return cls(name, extra)
        raise SpecError(
            f"The tcn space keeps lengths by causal or same padding; a layer of {conv.taps} taps "
            f"and dilation {conv.dilation} has pads {conv.pads}."
        )

    def pads(self, taps: int, dilation: int) -> tuple[int, int]:
        """Returns the zeros (left, right) for a kernel."""
        left, right = PADDINGS[self.rule](taps, dilation)
        return (left + self.extra[0], right + self.extra[1])
