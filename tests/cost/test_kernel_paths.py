import math

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.arch.lower import lower
from evonas.cost.instructions import coefficients, instructions
from evonas.cost.kernel_calls import KernelCall, kernel_call, window
from evonas.cost.kernel_paths import FAMILIES, core_paths, kernel_path

CORES = sorted(FAMILIES)


def conv(h=1, w=64, c_in=16, c_out=16, kernel=(1, 3), kind="conv", **fields):
    return KernelCall(kind, (h, w, c_in), (h, w, c_out), kernel, **fields)


def brute_force_window(call):
    inside = rows = 0
    for y in range(call.output[0]):
        for x in range(call.output[1]):
            for ky in range(call.kernel[0]):
                in_y = y * call.stride[0] - call.pads[0] + ky * call.dilation[0]
                if not 0 <= in_y < call.input[0]:
                    continue
                rows += 1
                for kx in range(call.kernel[1]):
                    in_x = x * call.stride[1] - call.pads[1] + kx * call.dilation[1]
                    inside += 0 <= in_x < call.input[1]
    return inside, call.positions * call.taps - inside, rows


def random_call(rng, kind):
    kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    stride, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    size = [int(n) for n in rng.integers(1, 30, 2)]
    pads = [int(rng.integers(0, k)) for k in kernel]
    out = [
        max(0, n + 2 * p - (k - 1) * dilation - 1) // stride + 1
        for n, p, k in zip(size, pads, kernel, strict=True)
    ]
    c_in = int(rng.integers(1, 70))
    c_out = c_in if kind in ("depthwise", "average_pool", "max_pool") else int(rng.integers(1, 70))
    return KernelCall(
        kind,
        (*size, c_in),
        (*out, c_out),
        kernel,
        (stride, stride),
        (dilation, dilation) if kind in ("conv", "depthwise") else (1, 1),
        tuple(pads),
    )


def random_calls(n, kinds, seed=0):
    rng = np.random.default_rng(seed)
    return [random_call(rng, kinds[i % len(kinds)]) for i in range(n)]


WINDOWS = ("conv", "depthwise", "average_pool", "max_pool")


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (conv(), "conv_im2col"),
        (conv(kernel=(1, 1)), "conv_1x1"),
        (conv(kernel=(1, 1), stride=(2, 2)), "conv_1x1"),
        (conv(kernel=(1, 1), pads=(0, 1)), "conv_im2col"),
        (conv(kind="depthwise", h=8, kernel=(3, 3), pads=(1, 1)), "depthwise_3x3"),
        (conv(kind="depthwise", h=8, kernel=(3, 3), pads=(2, 1)), "depthwise_opt"),
        (conv(kind="depthwise"), "depthwise_opt"),
        (conv(kind="depthwise", dilation=(1, 2)), "depthwise_generic"),
        (conv(kind="depthwise", c_out=32), "depthwise_generic"),
        (conv(kind="depthwise", c_out=64), "depthwise_multiplier_4"),
        (KernelCall("dense", (1, 1, 8), (1, 1, 4)), "dense"),
    ],
)
def test_a_call_takes_the_path_that_cmsis_nn_takes(call, path):
    assert kernel_path(call, "m4") == path


def test_cores_without_dsp_have_no_fast_depthwise_path():
    assert kernel_path(conv(kind="depthwise"), "m3") == "depthwise_generic"


def test_vector_cores_multiply_a_row_where_it_lies():
    assert kernel_path(conv(), "m55") == "conv_1xn"
    assert kernel_path(conv(dilation=(1, 2)), "m55") == "conv_im2col"
    assert kernel_path(conv(c_in=3), "m55") == "conv_im2col"


@pytest.mark.parametrize("core", CORES)
def test_every_path_of_a_core_has_one_coefficient_for_each_term(core):
    paths = core_paths(core)

    assert set(coefficients()[core]) <= set(paths)
    for call in random_calls(200, WINDOWS):
        path = kernel_path(call, core)
        counts = paths[path].counts(call)
        assert len(counts) == len(paths[path].terms) == len(coefficients()[core][path])


@pytest.mark.parametrize("core", CORES)
def test_every_lowered_operator_has_coefficients(core, random_specs):
    for spec in random_specs(60):
        graph = lower(spec)
        for op in graph.ops:
            call, n_calls = kernel_call(graph, op)
            assert n_calls * instructions(call, core) > 0


def test_windows_are_counted_as_one_by_one():
    for call in random_calls(150, WINDOWS):
        assert window(call) == brute_force_window(call)


@pytest.mark.parametrize("core", CORES)
def test_estimates_are_positive_and_finite_for_any_layer(core):
    for call in random_calls(400, WINDOWS, seed=1):
        assert 0 < instructions(call, core) < math.inf


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", WINDOWS)
def test_estimates_grow_when_a_size_doubles(core, kind):
    for call in random_calls(150, (kind,), seed=2):
        base = instructions(call, core)
        (h, w, c_in), (out_h, out_w, c_out) = call.input, call.output
        both = kind != "conv"
        larger = [
            call._replace(output=(2 * out_h, out_w, c_out), input=(2 * h + 3, w, c_in)),
            call._replace(output=(out_h, 2 * out_w, c_out), input=(h, 2 * w + 3, c_in)),
            call._replace(output=(out_h, out_w, 2 * c_out), input=(h, w, (1 + both) * c_in)),
        ]
        if kind == "conv":
            larger.append(call._replace(input=(h, w, 2 * c_in)))
        for other in larger:
            assert instructions(other, core) > 0.999 * base, (call, other)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", ["dense", "lstm", "add", "softmax", "pad"])
def test_estimates_of_other_layers_grow_when_a_size_doubles(core, kind):
    rng = np.random.default_rng(3)
    for _ in range(100):
        steps, c_in, c_out = (int(n) for n in rng.integers(1, 100, 3))
        steps = 1 if kind == "dense" else steps
        c_out = c_in if kind in ("add", "softmax", "pad") else c_out
        call = KernelCall(kind, (1, steps, c_in), (1, steps, c_out))
        wider = call._replace(input=(1, steps, 2 * c_in), output=(1, steps, 2 * c_out))
        base = instructions(call, core)
        assert 0 < base < instructions(wider, core)
        if kind != "dense":
            longer = call._replace(input=(1, 2 * steps, c_in), output=(1, 2 * steps, c_out))
            assert base < instructions(longer, core)


@pytest.mark.parametrize("core", ["m4", "m7", "m33"])
def test_huge_layers_cost_between_one_and_thirty_instructions_a_mac(core):
    for kind in ("conv", "depthwise"):
        call = conv(h=200, w=300, c_in=512, c_out=512, kernel=(7, 7), kind=kind, pads=(3, 3))
        assert 1 < instructions(call, core) / call.macs < 30
    dense = KernelCall("dense", (1, 1, 100_000), (1, 1, 5_000))
    assert 1 < instructions(dense, core) / dense.macs < 5


def test_narrow_layers_are_dear(builder):
    narrow, wide = (conv(c_in=1, c_out=16), conv(c_in=64, c_out=64))

    per_mac = [instructions(call, "m4") / call.macs for call in (narrow, wide)]

    assert per_mac[0] > 15  # 22 measured at 1 -> 16 channels, 1.96 at 64 -> 64
    assert per_mac[1] == pytest.approx(1.96, rel=0.03)


def test_a_dilated_depthwise_convolution_is_more_than_twice_as_dear():
    plain, dilated = (conv(kind="depthwise", c_in=32, c_out=32, dilation=(1, d)) for d in (1, 2))

    ratio = instructions(dilated, "m4") / instructions(plain, "m4")

    assert 1.5 < ratio < 3


def test_the_first_step_of_an_lstm_has_no_state_to_multiply_with():
    def lstm(steps):
        return instructions(KernelCall("lstm", (1, steps, 4), (1, steps, 64)), "m4")

    assert lstm(2) - lstm(1) > 1.5 * lstm(1)


def test_a_grouped_convolution_is_one_call_for_each_group():
    b = SpecBuilder()
    spec = b.finish(b.conv1d(b.input((8, 20)), 12, 3, groups=4))
    graph = lower(spec)

    call, n_calls = kernel_call(graph, graph.ops[-1])

    assert n_calls == 4
    assert (call.input[2], call.output[2]) == (2, 3)
    assert n_calls * call.macs == graph.ops[-1].macs
