"""Post-training quantisation: a trained network and samples of its input give int8 tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evonas.arch.graph import LoweredGraph, LoweredOp
from evonas.arch.lower import lower
from evonas.arch.spec import ArchSpec
from evonas.errors import DataError
from evonas.proxy.weights import Weights
from evonas.quant.arithmetic import Array
from evonas.quant.calibrate import Range, affine, observed_range
from evonas.quant.feed import channels_last
from evonas.quant.floating import Parameters, activate
from evonas.quant.kinds import kind_rules
from evonas.quant.layers import Step
from evonas.quant.network import Floats, Quantization, QuantizedNetwork, QuantizedOp
from evonas.quant.parameters import check_weights, float_parameters
from evonas.tasks.splits import Normalisation

CALIBRATION_SAMPLES = 512
"""Samples that are looked at, evenly spaced among those given."""


def quantize(
    spec: ArchSpec,
    weights: Weights,
    X: Array,
    normalisation: Normalisation | None = None,
    method: str = "percentile",
    ranges: Mapping[int, Range] | None = None,
    samples: int = CALIBRATION_SAMPLES,
) -> QuantizedNetwork:
    """Returns a network in int8, its batch norms folded.

    Weights are symmetric with a scale for each output channel (one for a dense layer), activations
    asymmetric with one scale a tensor, taken from the tensor's values on samples; both as TFLite
    has them. Deterministic.

    Args:
        spec: The network.
        weights: Of its training module.
        X: (n, *input_shape), normalised; of the training part.
        normalisation: Of the input, to feed the result in natural units; None for mean 0, std 1.
        method: How a range is taken from values; one of evonas.quant.calibrate.METHODS.
        ranges: Tensor of the lowered graph -> (low, high) that is taken instead, such as one that a
            training learned.
        samples: At most so many of X are looked at.

    Raises:
        SpecError: The weights are not the spec's or not finite.
        DataError: X is of another shape, empty or not finite.
        UnsupportedOpError: An operator has no int8 form.
    """
    check_weights(spec, weights)
    graph = lower(spec)
    x = channels_last(_calibration_samples(spec, X, samples))
    channels = spec.input_shape[0]
    state = _State(graph, x, method, ranges or {})
    ops = [
        state.quantize(op, parameters)
        for op, parameters in zip(graph.ops, float_parameters(spec, graph, weights), strict=True)
    ]
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    tensors = tuple(state.quantizations[t.index] for t in graph.tensors)
    return QuantizedNetwork(
        spec, graph, tensors, tuple(ops), normalisation or Normalisation(zeros, ones)
    )


def _calibration_samples(spec: ArchSpec, X: Array, samples: int) -> Floats:
    if X.shape[1:] != spec.input_shape or not len(X):
        raise DataError(
            f"Expected calibration samples of shape (n, {', '.join(map(str, spec.input_shape))}) "
            f"with n >= 1, got {X.shape}."
        )
    rows = np.unique(np.linspace(0, len(X) - 1, min(samples, len(X))).round().astype(int))
    chosen: Floats = X[rows].astype(np.float32)
    if not np.isfinite(chosen).all():
        raise DataError("The calibration samples hold NaN or infinity.")
    return chosen


class _State:
    """The tensors while the graph is walked; float ones are dropped after their last reader."""

    def __init__(
        self, graph: LoweredGraph, x: Floats, method: str, ranges: Mapping[int, Range]
    ) -> None:
        self._graph, self._method, self._ranges = graph, method, ranges
        self._last = {i: op.output for op in graph.ops for i in op.inputs}
        self._values: dict[int, Floats] = {0: x}
        self.quantizations: dict[int, Quantization] = {0: affine(self._range(0, x))}

    def _range(self, tensor: int, values: Floats) -> Range:
        if tensor in self._ranges:
            return self._ranges[tensor]
        return observed_range(values, self._method)

    def quantize(self, op: LoweredOp, parameters: Parameters) -> QuantizedOp:
        """Returns an operator in int8 and remembers its output."""
        rules, shape = kind_rules(op), self._graph.tensors[op.output].shape
        inputs = tuple(self._values[i] for i in op.inputs)
        y = activate(op, rules.evaluate(op, parameters, shape, *inputs))
        y = y.reshape(len(y), *shape)
        sources = tuple(self.quantizations[i] for i in op.inputs)
        step = Step(op, parameters, shape, inputs, sources, self._range(op.output, y))
        quantized, target = rules.quantize(step)
        self.quantizations[op.output] = target
        self._values[op.output] = y
        for i in set(op.inputs):
            if self._last[i] == op.output:
                del self._values[i]
        return quantized
