import numpy as np
import pytest

from evonas.errors import SpecError
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.quant.softmax import append_softmax


def logits(builder, random_weights, scale, classes=7):
    """A network that passes its input on, with a given scale of the output."""
    spec = builder.finish(builder.dense(builder.input((classes,)), classes))
    weights = random_weights(spec, np.random.default_rng(0))
    weights["node1.weight"] = np.eye(classes, dtype=np.float32)
    weights["node1.bias"][:] = 0
    span = (-128 * scale, 127 * scale)
    X = np.zeros((1, classes), np.float32)
    return quantize(spec, weights, X, ranges={0: span, 1: span})


@pytest.mark.parametrize("scale", [0.001, 0.03, 0.1, 0.5, 3.0])
def test_shares_are_those_of_floating_point_to_a_256th(builder, random_weights, scale):
    network = logits(builder, random_weights, scale)
    q = np.random.default_rng(1).integers(-128, 128, (500, 7)).astype(np.int8)
    powers = np.exp((run(network, q) - network.output.zero_point) * network.output.scale)
    expected = powers / powers.sum(axis=1, keepdims=True)

    shares = (run(append_softmax(network), q).astype(float) + 128) / 256

    assert np.abs(shares - expected.clip(0, 255 / 256)).max() < 1.01 / 256


def test_a_single_output_has_no_shares(builder, random_weights):
    with pytest.raises(SpecError, match="two outputs or more, the network has 1"):
        append_softmax(logits(builder, random_weights, 0.1, classes=1))


@pytest.mark.parametrize("power", [-26, -28])
def test_outputs_so_small_that_the_kernel_would_stop_are_refused(builder, random_weights, power):
    # QuantizeMultiplierGreaterThanOne of scale * 2^26: TFLite Micro ends the process where it is 1.
    with pytest.raises(SpecError, match="the logits' scale is .*the same outputs"):
        append_softmax(logits(builder, random_weights, 2.0**power))


def test_outputs_a_little_larger_are_taken(builder, random_weights):
    network = append_softmax(logits(builder, random_weights, 2.0**-25))
    q = np.random.default_rng(1).integers(-128, 128, (3, 7)).astype(np.int8)
    assert set(run(network, q).ravel().tolist()) == {round(256 / 7) - 128}
