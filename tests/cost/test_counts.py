import math

import pytest

from evonas.arch.ops import LSTM, OPS, BatchNorm, Conv, Dense
from evonas.cost import count_macs, count_params, training_params
from evonas.cost.counts import TRAINING_PARAMS
from evonas.errors import UnsupportedOpError


def test_every_operator_has_a_count_of_trained_params():
    assert set(TRAINING_PARAMS) == set(OPS.values())


def test_an_operator_without_a_count_raises(builder, monkeypatch):
    spec = builder.finish(builder.batch_norm(builder.input((2, 7))))
    monkeypatch.delitem(TRAINING_PARAMS, BatchNorm)

    with pytest.raises(UnsupportedOpError, match="Node 1: no count for BatchNorm"):
        training_params(spec)


def test_a_convolution_with_batch_norm_trains_two_more_numbers_a_channel(builder):
    x = builder.conv1d(builder.input((3, 20)), 8, kernel=5, bias=False, padding="causal")
    spec = builder.finish(builder.batch_norm(x))

    assert training_params(spec) == 3 * 8 * 5 + 2 * 8
    assert count_params(spec) == 3 * 8 * 5 + 8  # folded, and a bias instead


def test_macs_are_weights_times_positions_with_the_taps_on_zeros(builder):
    x = builder.conv1d(builder.input((3, 20)), 8, kernel=5, padding="causal")
    spec = builder.finish(builder.dense(builder.flatten(x), 2))

    assert count_macs(spec) == 3 * 8 * 5 * 20 + 160 * 2


def test_a_depthwise_convolution_counts_one_filter_a_channel(builder):
    spec = builder.finish(builder.conv1d(builder.input((6, 10)), 6, kernel=3, groups=6))

    assert count_params(spec) == 6 * 3 + 6
    assert count_macs(spec) == 6 * 3 * 8


def test_counts_of_random_networks_follow_from_their_nodes(random_specs):
    for spec in random_specs(150):
        biases = norms = macs = 0
        for node, shape in zip(spec.nodes, spec.shapes, strict=True):
            if isinstance(node.op, Conv):
                (source,) = node.inputs
                taps = math.prod(node.op.kernel) * spec.shapes[source][0] // node.op.groups
                macs += taps * math.prod(shape)
            elif isinstance(node.op, Dense):
                macs += spec.shapes[node.inputs[0]][0] * shape[0]
            elif isinstance(node.op, LSTM):
                (source,) = node.inputs
                macs += 4 * math.prod(shape) * (spec.shapes[source][0] + shape[0])
                biases -= 4 * shape[0]  # deployed one vector a gate, trained two
            elif isinstance(node.op, BatchNorm):
                (source,) = node.inputs
                before = spec.nodes[source].op
                alone = len(spec.consumers[source]) == 1
                norms += 2 * shape[0] * (isinstance(before, (Conv, Dense)) and alone)
            biases += shape[0] * (isinstance(node.op, (Conv, Dense)) and not node.op.bias)

        assert count_macs(spec) == macs
        assert count_params(spec) == training_params(spec) + biases - norms
