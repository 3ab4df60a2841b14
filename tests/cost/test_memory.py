import pytest

from evonas.arch.lower import lower
from evonas.cost import load_runtime, peak_activation_bytes, peak_ram_bytes
from evonas.cost.arena import Buffer, live_bytes
from evonas.cost.memory import (
    INTERPRETER_BYTES,
    TAIL_BYTES,
    TAIL_BYTES_PER_CHANNEL,
    TAIL_BYTES_PER_OP,
    arena_buffers,
    arena_head_bytes,
    arena_plan,
)
from evonas.cost.scratch import scratch_bytes
from evonas.errors import UnsupportedOpError
from evonas.references import reference


def scratch(spec):
    graph = lower(spec)
    return [scratch_bytes(graph, op) for op in graph.ops]


def test_residual_keeps_the_skip_alive_until_the_add(builder):
    x = builder.input((4, 64))  # 256 elements
    y = builder.conv1d(x, out_channels=4, kernel=3, padding="same")
    spec = builder.finish(builder.add(x, y))

    assert peak_activation_bytes(spec) == 3 * 256  # skip, conv output, sum
    assert peak_activation_bytes(spec, bytes_per_element=4) == 3 * 1024


def test_a_chain_holds_two_tensors_at_a_time(builder):
    x = builder.conv1d(builder.input((1, 100)), 8, kernel=1)  # 100, 800
    spec = builder.finish(builder.conv1d(x, 2, kernel=1))  # 800, 200

    assert peak_activation_bytes(spec) == 1000


def test_bytes_per_element_must_be_positive(builder):
    spec = builder.finish(builder.relu(builder.input((1, 1))))

    with pytest.raises(ValueError, match="positive bytes_per_element, got 0"):
        peak_activation_bytes(spec, 0)


def test_buffers_live_from_their_writer_to_their_last_reader(builder):
    x = builder.input((4, 64))
    y = builder.conv1d(x, 4, kernel=3, padding="causal")  # a PAD of (66, 4), then the convolution
    spec = builder.finish(builder.add(x, y))

    assert arena_buffers(lower(spec)) == (
        Buffer(256, 0, 3),  # the input, read by PAD and ADD
        Buffer(264, 1, 2),
        Buffer(256, 2, 3),
        Buffer(256, 3, 3),
        Buffer(48, 2, 2),  # scratch: 4 * (3 taps * 4 channels)
    )


def test_the_arena_of_a_padded_residual_block_is_worked_by_hand(builder):
    x = builder.input((4, 64))
    y = builder.conv1d(x, 4, kernel=3, padding="causal")
    spec = builder.finish(builder.add(x, y))
    # PAD (272 aligned) at 0; of the three of 256 the sum first, at 0 (it never meets PAD); the
    # convolution meets both: 272; the input meets all: 528; scratch meets PAD, convolution and
    # input: 784 up to 832.

    graph = lower(spec)

    assert arena_head_bytes(graph, load_runtime("tflm")) == 832
    assert arena_head_bytes(graph, load_runtime("tflm_offline")) == 272 + 256 + 256 + 48
    assert arena_head_bytes(graph, load_runtime("tflm_reference")) == 784


def test_convolution_scratch_is_4_bytes_a_tap_rounded_up_to_4_taps(builder):
    x = builder.conv1d(builder.input((3, 20)), 8, kernel=3)  # 9 taps -> 12
    x = builder.conv1d(x, 8, kernel=1)
    spec = builder.finish(builder.conv1d(x, 8, kernel=1, padding=(0, 0), stride=2))

    assert scratch(spec) == [48, 0, 0]


def test_depthwise_scratch_is_that_of_its_kernel_path(builder):
    x = builder.conv1d(builder.input((16, 40)), 16, kernel=9, groups=16)
    x = builder.conv1d(x, 16, kernel=3, dilation=4, groups=16)
    spec = builder.finish(builder.conv1d(x, 32, kernel=3, groups=16))

    assert scratch(spec) == [2 * 9 * 16, 0, 0]


def test_depthwise_three_by_three_needs_no_scratch(builder):
    pads = ((1, 1), (1, 1))
    spec = builder.finish(builder.conv2d(builder.input((16, 8, 8)), 16, 3, 1, pads, groups=16))

    assert scratch(spec) == [0]


def test_average_pooling_needs_4_bytes_a_channel_and_max_pooling_none(builder):
    x = builder.pool(builder.input((6, 40)), "average")
    spec = builder.finish(builder.pool(x, "max"))

    assert scratch(spec) == [24, 0]


def test_peak_ram_is_head_and_tail_and_interpreter(builder):
    spec = builder.finish(builder.conv1d(builder.input((4, 64)), 8, kernel=1))

    tail = TAIL_BYTES + TAIL_BYTES_PER_OP["conv"] + 8 * TAIL_BYTES_PER_CHANNEL
    assert tail == 612 + 64  # as measured of single convolutions
    assert peak_ram_bytes(spec) == 256 + 512 + tail + INTERPRETER_BYTES


def test_generated_c_plans_its_tensors_without_scratch_or_interpreter(builder):
    x = builder.input((4, 64))
    spec = builder.finish(builder.conv1d(x, 4, kernel=3, padding="same"))

    assert peak_ram_bytes(spec, "c") == 2 * 256


def test_a_step_of_a_stream_needs_its_ring_buffers_and_one_position_of_each_tensor():
    assert peak_ram_bytes(reference("ecgtcn"), "c_step") < 0.9 * peak_ram_bytes(
        reference("ecgtcn"), "c"
    )
    with pytest.raises(UnsupportedOpError, match="looks ahead"):
        peak_ram_bytes(reference("temponet"), "c_step")


def test_the_plan_of_a_runtime_places_every_buffer(builder):
    x = builder.input((4, 64))
    graph = lower(builder.finish(builder.conv1d(x, 4, kernel=3, padding="causal")))

    buffers, plan = arena_plan(graph, load_runtime("tflm"))

    assert buffers == arena_buffers(graph)
    assert len(plan.offsets) == len(buffers)
    assert plan.head_bytes == arena_head_bytes(graph, load_runtime("tflm"))


def test_ram_of_random_networks_is_ordered_by_runtime(random_specs):
    for spec in random_specs(60):
        graph = lower(spec)
        greedy, offline, reference = (
            peak_ram_bytes(spec, name) for name in ("tflm", "tflm_offline", "tflm_reference")
        )
        live = live_bytes(arena_buffers(graph), len(graph.ops) + 1)

        assert offline <= greedy
        assert reference <= offline or reference <= greedy
        assert offline - greedy == max(live) - arena_head_bytes(graph, load_runtime("tflm"))
