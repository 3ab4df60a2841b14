"""Reads a recurrent network back from its description."""

from __future__ import annotations

from evonas.arch.ops import (
    LSTM,
    Activation,
    BatchNorm,
    Conv,
    Dense,
    GlobalAveragePool,
    LastStep,
    Op,
    Pool,
    Recurrent,
    StackFrames,
)
from evonas.arch.spec import ArchSpec
from evonas.errors import SpecError
from evonas.spaces.rnn_network import ALL, Feed, Front, RecurrentLayer, RNNNetwork, write


def parse(spec: ArchSpec) -> RNNNetwork:
    """Returns the network that a spec describes; writing it gives the spec again.

    Raises:
        SpecError: The spec is not such a network.
    """
    try:
        network, num_outputs = _Reader(spec).network()
        if write(network, spec.input_shape, num_outputs) == spec:
            return network
        reason = "a layer's pads, bias or order differ from those that the rnn space writes."
    except SpecError as error:
        reason = str(error)
    raise SpecError(f"The spec is no recurrent network of the rnn space: {reason}")


class _Reader:
    """Walks over the nodes in the order in which `write` makes them."""

    def __init__(self, spec: ArchSpec) -> None:
        self.spec = spec
        self.position = 1

    def network(self) -> tuple[RNNNetwork, int]:
        feed = self._feed()
        front = self._front() if isinstance(self._peek(), Conv) else None
        cells: list[str] = []
        layers: list[RecurrentLayer] = []
        while isinstance(self._peek(), LSTM | Recurrent) or not layers:
            cell, layer = self._layer()
            cells.append(cell)
            layers.append(layer)
        if len(set(cells)) > 1:
            raise SpecError(f"all layers have one cell, got {', '.join(cells)}.")
        readout = self._take(LastStep, GlobalAveragePool)
        widths = [self._dense()]
        while self.position < len(self.spec.nodes):
            self._take(BatchNorm)
            self._take(Activation)
            widths.append(self._dense())
        if len(widths) > 2:
            raise SpecError(f"at most one hidden dense layer, got {len(widths) - 1}.")
        network = RNNNetwork(
            cells[0],
            tuple(layers),
            feed,
            front,
            "last" if isinstance(readout, LastStep) else "mean",
            widths[0] if len(widths) == 2 else 0,
        )
        return network, widths[-1]

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

    def _feed(self) -> Feed:
        op = self._peek()
        if isinstance(op, StackFrames):
            self.position += 1
            return Feed("stack", op.factor)
        if isinstance(op, Pool) and len(op.stride) == 1:
            self.position += 1
            return Feed("stride", op.stride[0])
        return ALL

    def _front(self) -> Front:
        op = self._take(Conv)
        if not isinstance(op, Conv) or len(op.kernel) != 1:
            raise SpecError(f"expected a 1-D convolution before node {self.position}.")
        if op.kernel[0] < op.stride[0]:
            raise SpecError(f"a front of stride {op.stride[0]} has a kernel of {op.kernel[0]}.")
        self._take(BatchNorm)
        self._take(Activation)
        return Front(op.stride[0], op.kernel[0], op.out_channels)

    def _layer(self) -> tuple[str, RecurrentLayer]:
        op = self._take(LSTM, Recurrent)
        if isinstance(op, Recurrent):
            return op.cell, RecurrentLayer(op.hidden, op.rank_w, op.rank_u)
        return "lstm", RecurrentLayer(op.hidden if isinstance(op, LSTM) else 0)

    def _dense(self) -> int:
        op = self._take(Dense)
        return op.out_features if isinstance(op, Dense) else 0
