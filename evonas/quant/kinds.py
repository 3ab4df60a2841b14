"""What quantisation knows of each kind of operator: one line a kind.

A new kind brings four functions, best in a file of its own:

- layout: the float arrays of its node (evonas.proxy.weights, folded) -> its parameters by name;
- evaluate: its output in floating point, for calibration (evonas.quant.floating);
- quantize: a Step -> a QuantizedOp and the quantisation of its output (evonas.quant.layers); what
  does not fit QuantizedOp's fields goes into its ``parameters``, a frozen dataclass of the kind;
- run: its int8 output (evonas.quant.integer).

A file of it needs a line in evonas.export.tflite_ops and in evonas.cost.tflite_parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evonas.arch.graph import LoweredOp
from evonas.errors import UnsupportedOpError, unknown_name
from evonas.proxy.weights import Weights
from evonas.quant import floating, integer, layers, layouts, lstm, recurrent, recurrent_run, softmax
from evonas.quant.arithmetic import Array, Int8s
from evonas.quant.floating import Parameters
from evonas.quant.layers import Step
from evonas.quant.layouts import Order
from evonas.quant.network import Quantization, QuantizedOp


@dataclass(frozen=True)
class KindRules:
    """How one kind of operator is quantised and run.

    Attributes:
        layout: Float arrays of a node, and the order of its flat input -> parameters.
        evaluate: Operator, parameters, shape of the output, inputs -> output before activation.
        quantize: Step -> integers, and the quantisation of the output.
        run: Integers, quantisations of inputs and output, int8 inputs -> int8 output.
    """

    layout: Callable[[Weights, Order], Parameters]
    evaluate: Callable[..., Array]
    quantize: Callable[[Step], tuple[QuantizedOp, Quantization]]
    run: Callable[..., Int8s]


KINDS: dict[str, KindRules] = {
    "conv": KindRules(layouts.conv, floating.conv, layers.conv, integer.conv),
    "depthwise": KindRules(
        layouts.depthwise, floating.depthwise, layers.depthwise, integer.depthwise
    ),
    "scale": KindRules(layouts.scale, floating.scale, layers.depthwise, integer.scale),
    "dense": KindRules(layouts.dense, floating.dense, layers.dense, integer.dense),
    "lstm": KindRules(lstm.layout, lstm.evaluate, lstm.quantize, lstm.run),
    "recurrent": KindRules(
        recurrent.layout, recurrent.evaluate, recurrent.quantize, recurrent_run.run
    ),
    "add": KindRules(layouts.none, floating.add, layers.add, integer.add),
    "average_pool": KindRules(
        layouts.none, floating.average_pool, layers.keep, integer.average_pool
    ),
    "max_pool": KindRules(layouts.none, floating.max_pool, layers.keep, integer.max_pool),
    "pad": KindRules(layouts.none, floating.pad, layers.keep, integer.pad),
    "relu": KindRules(layouts.none, floating.same, layers.keep, integer.relu),
    "reshape": KindRules(layouts.none, floating.same, layers.keep, integer.reshape),
    "axes": KindRules(layouts.none, floating.same, layers.keep, integer.reshape),
    "softmax": KindRules(layouts.none, softmax.evaluate, softmax.quantize, softmax.run),
    "stack": KindRules(layouts.none, floating.same, layers.keep, integer.reshape),
    "strided_slice": KindRules(
        layouts.none, floating.last_positions, layers.keep, integer.last_positions
    ),
}


def kind_rules(op: LoweredOp) -> KindRules:
    """Returns what is known of an operator's kind.

    Raises:
        UnsupportedOpError: Nothing is.
    """
    if op.kind not in KINDS:
        known = unknown_name("int8 operator", op.kind, KINDS)
        raise UnsupportedOpError(f"Node {op.node}: {known}")
    return KINDS[op.kind]
