import pytest

from evonas.arch import ArchSpec, SpecBuilder
from evonas.arch.builder import same_padding
from evonas.arch.lower import LOWERINGS, lower
from evonas.arch.ops import OPS, BatchNorm
from evonas.errors import SpecError, UnsupportedOpError


@pytest.fixture
def builder() -> SpecBuilder:
    return SpecBuilder()


def kinds(spec: ArchSpec) -> list[str]:
    return [op.kind for op in lower(spec).ops]


def test_every_operator_of_a_spec_has_a_lowering():
    assert set(LOWERINGS) == set(OPS.values())


def test_an_operator_without_a_lowering_raises(builder, monkeypatch):
    spec = builder.finish(builder.batch_norm(builder.input((2, 7))))
    lower.cache_clear()
    monkeypatch.delitem(LOWERINGS, BatchNorm)

    with pytest.raises(UnsupportedOpError, match="Node 1: no lowering for BatchNorm"):
        lower(spec)


def test_an_lstm_is_one_operator_from_sequence_to_sequence(builder):
    x = builder.input((6, 32))
    spec = builder.finish(builder.relu(builder.batch_norm(builder.lstm(x, 16))))

    graph = lower(spec)

    lstm, axes, scale = graph.ops  # neither the norm nor the ReLU goes into the LSTM
    assert (lstm.kind, axes.kind, scale.kind, scale.activation) == ("lstm", "axes", "scale", "relu")
    assert graph.tensors[lstm.output].shape == (1, 32, 16)
    assert (lstm.weights, lstm.biases, lstm.scaled_channels) == (4 * 16 * 22, 4 * 16, 0)
    assert ArchSpec.from_json(spec.to_json()) == spec


def sequences(graph):
    return [
        graph.tensors[0].is_sequence,
        *(graph.tensors[op.output].is_sequence for op in graph.ops),
    ]


def test_lstms_on_the_input_and_before_the_last_step_need_no_copy(builder):
    x = builder.lstm(builder.lstm(builder.input((6, 32)), 16), 8)
    graph = lower(builder.finish(builder.dense(builder.last_step(x), 3)))

    assert [op.kind for op in graph.ops] == ["lstm", "lstm", "strided_slice", "dense"]
    assert sequences(graph) == [True, True, True, True, False]


def test_between_convolutions_and_an_lstm_a_copy_changes_the_axes(builder):
    x = builder.lstm(builder.conv1d(builder.input((6, 32)), 8, 1), 16)
    graph = lower(builder.finish(builder.global_average_pool(x)))

    assert [op.kind for op in graph.ops] == ["conv", "axes", "lstm", "axes", "average_pool"]
    assert sequences(graph) == [False, False, True, True, False, False]
    before, after = graph.ops[1], graph.ops[3]
    for op in (before, after):
        assert graph.tensors[op.inputs[0]].shape == graph.tensors[op.output].shape


def test_two_lstms_behind_a_convolution_share_its_copy(builder):
    x = builder.conv1d(builder.input((6, 32)), 8, 1)
    graph = lower(builder.finish(builder.add(builder.lstm(x, 16), builder.lstm(x, 16))))

    assert [op.kind for op in graph.ops] == ["conv", "axes", "lstm", "lstm", "add"]
    assert sequences(graph)[-1]


def test_an_lstm_is_added_to_a_convolution_with_four_axes(builder):
    x = builder.input((6, 32))
    graph = lower(builder.finish(builder.add(builder.lstm(x, 8), builder.conv1d(x, 8, 1))))

    assert [op.kind for op in graph.ops] == ["axes", "lstm", "conv", "axes", "add"]
    assert not sequences(graph)[-1]


def test_stacked_frames_are_written_as_an_lstm_reads_them(builder):
    x = builder.stack_frames(builder.input((6, 32)), 3)
    graph = lower(builder.finish(builder.lstm(x, 16)))

    assert [op.kind for op in graph.ops] == ["strided_slice", "stack", "lstm"]
    assert sequences(graph) == [False, False, True, True]


@pytest.mark.parametrize(("shape", "hidden"), [((6,), 16), ((3, 8, 8), 16), ((6, 32), 0)])
def test_an_lstm_reads_a_signal_and_has_a_unit(builder, shape, hidden):
    x = builder.input(shape)

    with pytest.raises(SpecError, match=r"LSTM: expected a shape \(channels, length\)"):
        builder.lstm(x, hidden)


def test_a_causal_convolution_becomes_a_pad_and_a_convolution(builder):
    x = builder.input((4, 64))
    spec = builder.finish(builder.conv1d(x, 8, kernel=3, dilation=2, padding="causal"))

    graph = lower(spec)

    pad, conv = graph.ops
    assert (pad.kind, pad.pads) == ("pad", ((0, 0), (4, 0)))
    assert graph.tensors[pad.output].shape == (1, 68, 4)
    assert conv.inputs == (pad.output,)
    assert conv.pads == ((0, 0), (0, 0))
    assert graph.tensors[graph.output].shape == (1, 64, 8)


def test_a_convolution_padded_as_tflites_same_pads_itself(builder):
    x = builder.input((4, 64))
    spec = builder.finish(builder.conv1d(x, 8, kernel=5, padding="same"))

    assert kinds(spec) == ["conv"]
    assert lower(spec).ops[0].pads == ((0, 0), (2, 2))


def test_symmetric_zeros_around_a_strided_convolution_are_not_same(builder):
    # 128 samples, 5 taps, stride 2: SAME adds (64 - 1) * 2 + 5 - 128 = 3 zeros, 1 before, 2 after
    x = builder.input((4, 128))
    spec = builder.finish(builder.conv1d(x, 8, kernel=5, stride=2, padding=(2, 2)))

    assert same_padding(128, 5, 2, 1) == (1, 2)
    assert kinds(spec) == ["pad", "conv"]


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "dilation", "zeros"),
    [(10, 3, 1, 1, (1, 1)), (10, 4, 1, 1, (1, 2)), (10, 3, 1, 4, (4, 4)), (10, 1, 3, 1, (0, 0))],
)
def test_same_padding_puts_an_odd_zero_behind(length, kernel, stride, dilation, zeros):
    assert same_padding(length, kernel, stride, dilation) == zeros


def test_batch_norm_and_relu_vanish_into_their_convolution(builder):
    x = builder.conv1d(builder.input((4, 64)), 8, kernel=1, bias=False)
    spec = builder.finish(builder.relu(builder.batch_norm(x)))

    (conv,) = lower(spec).ops

    assert conv.activation == "relu"
    assert (conv.weights, conv.biases) == (32, 8)


def test_batch_norm_behind_a_relu_stays_as_a_scale_of_two_params_a_channel(builder):
    x = builder.relu(builder.conv1d(builder.input((4, 64)), 8, kernel=1))
    spec = builder.finish(builder.batch_norm(x))

    conv, scale = lower(spec).ops

    assert (conv.kind, conv.activation) == ("conv", "relu")
    assert (scale.kind, scale.params, scale.macs) == ("scale", 16, 0)


def test_nothing_is_folded_or_fused_into_a_layer_that_another_reads(builder):
    x = builder.conv1d(builder.input((4, 64)), 4, kernel=1)
    spec = builder.finish(builder.add(builder.relu(builder.batch_norm(x)), x))

    assert kinds(spec) == ["conv", "scale", "add"]
    assert [op.activation for op in lower(spec).ops] == [None, "relu", None]


def test_a_folded_norm_that_two_nodes_read_keeps_its_values_from_the_relu(builder):
    x = builder.batch_norm(builder.conv1d(builder.input((4, 64)), 4, kernel=1))
    spec = builder.finish(builder.add(builder.relu(x), x))

    assert kinds(spec) == ["conv", "relu", "add"]


@pytest.mark.parametrize("function", ["add", "pool"])
def test_a_relu_is_fused_into_additions_and_poolings(builder, function):
    x = builder.input((4, 64))
    y = builder.add(x, x) if function == "add" else builder.pool(x, "average")
    spec = builder.finish(builder.relu(y))

    (op,) = lower(spec).ops

    assert op.activation == "relu"


def test_a_relu_on_the_input_stands_alone(builder):
    assert kinds(builder.finish(builder.relu(builder.input((4, 64))))) == ["relu"]


def test_one_channel_a_group_is_depthwise_and_more_are_not(builder):
    x = builder.input((4, 64))
    x = builder.conv1d(x, 8, kernel=3, groups=4)
    spec = builder.finish(builder.conv1d(x, 8, kernel=3, groups=4))

    assert kinds(spec) == ["depthwise", "conv"]
    assert [op.weights for op in lower(spec).ops] == [8 * 3, 8 * 2 * 3]


def test_a_convolution_over_one_channel_is_not_depthwise(builder):
    assert kinds(builder.finish(builder.conv1d(builder.input((1, 9)), 4, kernel=3))) == ["conv"]


def test_a_pooling_with_same_padding_pads_itself_and_others_have_no_lowering(builder):
    x = builder.input((4, 8, 8))
    spec = builder.finish(builder.pool(x, "average", 3, 1, ((1, 1), (1, 1))))
    other = SpecBuilder()
    causal = other.finish(other.pool(other.input((4, 8, 8)), "max", 3, 1, ((2, 0), (2, 0))))

    (op,) = lower(spec).ops

    assert (op.kind, op.pads) == ("average_pool", ((1, 1), (1, 1)))
    with pytest.raises(UnsupportedOpError, match="Node 1: TFLite pools with SAME padding"):
        lower(causal)


def test_a_pooling_window_beyond_the_input_alone_is_an_error(builder):
    x = builder.input((4, 8))

    with pytest.raises(SpecError, match="leave a window of"):
        builder.pool(x, "max", 2, pads=((2, 0),))


def test_an_empty_field_is_no_part_of_the_json(builder):
    spec = builder.finish(builder.pool(builder.input((4, 8)), "max"))

    assert "pads" not in spec.to_dict()["nodes"][1]


def test_same_pads_of_a_strided_image_convolution_are_its_own(builder):
    x = builder.input((3, 96, 96))
    spec = builder.finish(builder.conv2d(x, 8, 3, 2, "same"))

    (op,) = lower(spec).ops

    assert (op.kind, op.pads) == ("conv", ((0, 1), (0, 1)))


def test_an_unknown_padding_of_an_image_is_an_error(builder):
    with pytest.raises(ValueError, match="valid, same or a pair of pairs, got 'full'"):
        builder.conv2d(builder.input((3, 8, 8)), 8, 3, pads="full")


def test_heads_become_the_operators_of_tflite(builder):
    x = builder.input((4, 64))
    average = SpecBuilder()
    last = SpecBuilder()

    spec = builder.finish(builder.dense(builder.flatten(x), 3))
    by_average = average.finish(average.global_average_pool(average.input((4, 64))))
    by_last = last.finish(last.last_step(last.input((4, 64))))

    assert kinds(spec) == ["reshape", "dense"]
    assert kinds(by_average) == ["average_pool"]
    assert lower(by_average).ops[0].kernel == (1, 64)
    assert kinds(by_last) == ["strided_slice"]


def test_flattening_what_is_flat_is_nothing_and_hides_no_second_reader(builder):
    x = builder.dense(builder.input((6,)), 5)
    spec = builder.finish(builder.add(builder.relu(builder.flatten(x)), x))

    assert kinds(spec) == ["dense", "relu", "add"]


def test_images_are_laid_out_channels_last(builder):
    x = builder.input((3, 32, 16))
    spec = builder.finish(builder.conv2d(x, 8, (3, 3), pads=((1, 1), (1, 1))))

    assert [tensor.shape for tensor in lower(spec).tensors] == [(32, 16, 3), (32, 16, 8)]
