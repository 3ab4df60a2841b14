"""Reads a convolutional network of meta-kernels back from its description."""

from __future__ import annotations

from evonas.arch.ops import (
    Activation,
    Add,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    MetaKernel,
    Op,
    Pool,
)
from evonas.arch.spec import ArchSpec, Node
from evonas.errors import SpecError
from evonas.spaces.metakernel_network import MetaKernelNetwork, Step, write


def parse(spec: ArchSpec) -> MetaKernelNetwork:
    """Returns the network that a spec describes.

    A convolution, with its batch norm if it has one, counts as a meta-kernel of one kernel, and an
    average pooling over all positions as a global average: writing the network gives a spec of the
    same function.

    Raises:
        SpecError: The spec is no such network.
    """
    try:
        normal = _normalised(spec)
        network, num_outputs = _Reader(normal).network()
        if _normalised(write(network, spec.input_shape, num_outputs)) != normal:
            raise SpecError("a padding, dilation or stride is not one that the space writes.")
    except SpecError as error:
        raise SpecError(f"The spec is no network of meta-kernels: {error}") from None
    return network


def _normalised(spec: ArchSpec) -> ArchSpec:
    """Returns a spec of the same function in which every convolution is a meta-kernel."""
    nodes: list[Node] = []
    place: list[int] = []  # of every old node's value among the new ones
    for index, node in enumerate(spec.nodes):
        op = _normal_op(spec, index)
        if op is None:
            place.append(place[node.inputs[0]])
            continue
        inputs = tuple(place[i] for i in node.inputs)
        nodes.append(Node(op, tuple(sorted(inputs))))
        place.append(len(nodes) - 1)
    return ArchSpec(tuple(nodes))


def _normal_op(spec: ArchSpec, index: int) -> Op | None:
    """Returns what stands for a node; None where the node before it does."""
    op, inputs = spec.nodes[index].op, spec.nodes[index].inputs
    readers = [type(spec.nodes[i].op) for i in spec.consumers[index]]
    if isinstance(op, Conv):
        return MetaKernel(op.out_channels, (op.kernel,), op.stride, op.dilation, op.pads, op.groups)
    if isinstance(op, Dense) and readers == [BatchNorm]:
        return Dense(op.out_features, bias=False)
    if isinstance(op, Pool) and readers == [Flatten]:
        is_global = op.kind == "average" and op.kernel == spec.shapes[inputs[0]][1:]
        return GlobalAveragePool() if is_global and not op.pads else op
    before = spec.nodes[inputs[0]].op if inputs else None
    alone = bool(inputs) and spec.consumers[inputs[0]] == (index,)
    if isinstance(op, BatchNorm) and isinstance(before, Conv) and alone:
        return None
    if isinstance(op, Flatten) and len(spec.shapes[inputs[0]]) > 1:
        pooled = spec.shapes[inputs[0]][1:] == (1,) * (len(spec.input_shape) - 1)
        return None if pooled and isinstance(before, Pool) else op
    return op


class _Reader:
    """Walks over the nodes in the order in which `write` makes them."""

    def __init__(self, spec: ArchSpec) -> None:
        self.spec = spec
        self.position = 1

    def network(self) -> tuple[MetaKernelNetwork, int]:
        pooling = 1
        first = self._peek()
        if isinstance(first, Pool):
            self._take(Pool)
            pooling = first.kernel[0]
        values, steps = [self.position - 1], []
        while isinstance(self._peek(), MetaKernel):
            steps.append(self._step(values))
            values.append(self.position - 1)
        if not steps:
            raise SpecError(f"expected a convolution at node {self.position}.")
        self._take(GlobalAveragePool)
        dense: list[int] = []
        while True:
            layer = self._take(Dense)
            width = layer.out_features if isinstance(layer, Dense) else 0
            if self.position == len(self.spec.nodes):
                return MetaKernelNetwork(pooling, tuple(steps), tuple(dense)), width
            self._take(BatchNorm)
            self._take(Activation)
            dense.append(width)

    def _peek(self) -> Op | None:
        nodes = self.spec.nodes
        return nodes[self.position].op if self.position < len(nodes) else None

    def _take(self, kind: type[Op]) -> Op:
        op = self._peek()
        if not isinstance(op, kind):
            raise SpecError(f"expected {kind.__name__} at node {self.position}, found {op}.")
        self.position += 1
        return op

    def _meta_kernel(self) -> MetaKernel:
        op = self._take(MetaKernel)
        if not isinstance(op, MetaKernel) or len(set(op.stride)) != 1:
            raise SpecError(f"expected one stride along all axes, found {op}.")
        return op

    def _step(self, values: list[int]) -> Step:
        """Returns the next step, given the nodes that hold the inputs of it and those before."""
        op = self._meta_kernel()
        c_in = self.spec.shapes[values[-1]][0]
        main, skip, projection = self.position - 1, 0, 0
        if isinstance(self._peek(), MetaKernel):
            projection = self._meta_kernel().stride[0]
        if isinstance(self._peek(), Add):
            inputs = self.spec.nodes[self.position - 1 if projection else self.position].inputs
            source = inputs[0] if inputs[0] != main else inputs[-1]
            if source not in values:
                raise SpecError(f"node {self.position} adds something else than a shortcut.")
            skip = len(values) - values.index(source)
            self._take(Add)
        self._take(Activation)
        return Step(
            op.out_channels, op.kernels, op.stride[0], op.groups == c_in > 1, skip, projection
        )
