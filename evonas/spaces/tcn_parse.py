"""Reads a temporal convolutional network back from its description."""

from __future__ import annotations

from itertools import product

from evonas.arch.ops import (
    Activation,
    Add,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    LastStep,
    Op,
    Pool,
)
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError
from evonas.spaces.tcn_network import NORMS, Block, ConvLayer, Style, TCNNetwork, write

HEAD_OPS: dict[type[Op], str] = {
    GlobalAveragePool: "average",
    LastStep: "last",
    Flatten: "flatten",
}


def parse(spec: ArchSpec, style: Style | None = None) -> tuple[TCNNetwork, Style]:
    """Returns the network that a spec describes, and the style of its layers.

    Blocks with a shortcut keep their convolutions together; every other convolution is a block of
    its own. Writing the network in that style gives the spec again.

    Args:
        spec: A network over (channels, length).
        style: The style to read in; None finds it.

    Raises:
        SpecError: The spec is not such a network.
    """
    styles = [style] if style else [Style(*it) for it in product(NORMS, (False, True))]
    reason = SpecError("not a temporal convolutional network")
    for candidate in styles:
        try:
            network, num_outputs = _Reader(spec, candidate).network()
            if write(network, candidate, spec.input_shape, num_outputs) == spec:
                return network, candidate
        except SpecError as error:
            reason = error
    raise SpecError(f"The spec is no temporal convolutional network of this kind: {reason}")


class _Reader:
    """Walks over the nodes in the order in which `write` makes them."""

    def __init__(self, spec: ArchSpec, style: Style) -> None:
        self.spec = spec
        self.style = style
        self.position = 1

    def network(self) -> tuple[TCNNetwork, int]:
        blocks = []
        while isinstance(self._peek(), Conv):
            blocks.append(self._block())
        op = self._take(*HEAD_OPS)
        dense: list[int] = []
        while True:
            layer = self._take(Dense)
            if not isinstance(layer, Dense):
                raise SpecError(f"expected a dense layer, found {layer}.")
            if self.position == len(self.spec.nodes):
                return TCNNetwork(
                    tuple(blocks), HEAD_OPS[type(op)], tuple(dense)
                ), layer.out_features
            self._normalised()
            dense.append(layer.out_features)

    def _peek(self) -> Op | None:
        nodes = self.spec.nodes
        return nodes[self.position].op if self.position < len(nodes) else None

    def _take(self, *kinds: type[Op]) -> Op:
        op = self._peek()
        if op is None or type(op) not in kinds:
            names = " or ".join(kind.__name__ for kind in kinds)
            raise SpecError(f"expected {names} at node {self.position}, found {op}.")
        self.position += 1
        return op

    def _normalised(self) -> None:
        order = (BatchNorm, Activation) if self.style.norm == "before" else (Activation, BatchNorm)
        for kind in order:
            self._take(kind)

    def _block(self) -> Block:
        before = self.style.norm == "before"
        source = self.position - 1
        has_shortcut = len(self.spec.consumers[source]) > 1
        convs = [self._conv()]
        while True:
            if before:
                self._take(BatchNorm)
            if not has_shortcut or self._shortcut_follows(source):
                break
            self._take(Activation)
            if not before:
                self._take(BatchNorm)
            convs.append(self._conv())
        shortcut = self._shortcut() if has_shortcut else "none"
        if before:
            self._take(Activation)
        op = self._peek()
        pool = "none"
        if isinstance(op, Pool):
            self.position += 1
            pool = op.kind
        if not before:
            self._normalised()
        return Block(tuple(convs), shortcut, pool)

    def _shortcut_follows(self, source: int) -> bool:
        node = self.spec.nodes[min(self.position, len(self.spec.nodes) - 1)]
        return isinstance(node.op, Add) or node.inputs == (source,)

    def _shortcut(self) -> str:
        kind = "identity"
        if isinstance(self._peek(), Conv):
            kind = "projection"
            self._take(Conv)
            if self.style.norm == "before":
                self._take(BatchNorm)
        self._take(Add)
        return kind

    def _conv(self) -> ConvLayer:
        c_in = self.spec.shapes[self.position - 1][0]
        op = self._take(Conv)
        if not isinstance(op, Conv) or len(op.kernel) != 1:
            raise SpecError(f"expected a 1-D convolution before node {self.position}.")
        separable = op.groups > 1 and op.groups == c_in
        channels = op.out_channels
        if separable:
            self._normalised()
            pointwise = self._take(Conv)
            channels = pointwise.out_channels if isinstance(pointwise, Conv) else 0
        return ConvLayer(
            channels, op.kernel[0], op.pads[0], op.dilation[0], op.stride[0], separable
        )
