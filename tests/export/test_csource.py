"""Generated C, compiled and run on this machine, against the numpy reference."""

import re
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.arch.lower import lower
from evonas.cost.memory import graph_ram_bytes
from evonas.cost.runtimes import load_runtime
from evonas.errors import ConfigError, UnsupportedOpError
from evonas.export import csource
from evonas.export.csource import c_source
from evonas.export.csource_host import compile_programs, run_program, static_bytes
from evonas.export.csource_layers import stored_rows
from evonas.quant.feed import answers, channels_last, feed, natural
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.quant.softmax import append_softmax
from evonas.references import REFERENCES
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.tcn import TCNSpace

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)
pytestmark = needs_compiler
FAST = ("-O1",)
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BATCH = 20
"""Networks in one call of the compiler."""


@pytest.fixture
def check(tmp_path):
    """Holds networks against the numpy reference: every output, and static memory."""

    def run_all(networks, n=3, flags=FAST):
        values = set()
        for start in range(0, len(networks), BATCH):
            batch = networks[start : start + BATCH]
            names = [f"net{start + i}" for i in range(len(batch))]
            sources = [write(network, name) for network, name in zip(batch, names, strict=True)]
            program = tmp_path / f"program{start}"
            compile_programs(sources, program, flags)
            for i, network in enumerate(batch):
                values |= compare(network, program, i, n, seed=start + i)
        return values

    def write(network, name):
        code = c_source(network, name)
        (tmp_path / f"{name}.c").write_text(code.source)
        (tmp_path / f"{name}.h").write_text(code.header)
        assert code.ram_bytes == graph_ram_bytes(network.graph, load_runtime("c"))
        return tmp_path / f"{name}.c"

    def compare(network, program, index, n, seed):
        rng = np.random.default_rng(seed)
        X = rng.normal(0, 1.5, (n, *network.spec.input_shape)).astype(np.float32)
        X[0] = rng.choice([-100, 100], X[0].shape)  # every input at an end of int8
        X = natural(X, network.normalisation)
        q = feed(network, X)
        expected = run(network, q)
        found = run_program(program, channels_last(X), q[0].size, expected.shape[1], index)
        np.testing.assert_array_equal(found.inputs, q.reshape(n, -1))
        np.testing.assert_array_equal(found.outputs, expected)
        np.testing.assert_array_equal(found.answers, answers(network, expected))
        return set(expected.ravel().tolist())

    return run_all


def drawn(rng, space):
    return space.decode(np.array([rng.integers(gene.n_choices) for gene in space.genes]))


def random_tcn(rng):
    shape = ((1, 140), (2, 32), (4, 64), (9, 50))[rng.integers(4)]
    settings = {"seed_network": "ecgtcn"}
    if rng.random() < 0.7:
        widths = [int(w) for w in rng.choice([4, 8, 12, 16], rng.integers(1, 5))]
        pool = [1] if len(widths) > 1 and rng.random() < 0.5 else []
        seed = {"widths": widths, "kernel": int(rng.integers(3, 10)), "pool": pool}
        settings = {"seed_network": seed}
    return drawn(rng, TCNSpace.from_settings(settings, shape, int(rng.integers(1, 6))))


def random_metakernel(rng):
    shape = ((3, 48), (1, 100), (3, 16, 16), (1, 20, 12))[rng.integers(4)]
    widths = [int(w) for w in rng.choice([4, 8, 12], rng.integers(1, 4))]
    settings = {"seed_network": {"widths": widths}}
    return drawn(rng, MetaKernelSpace.from_settings(settings, shape, int(rng.integers(2, 6))))


def random_rnn(rng):
    shape = ((1, 60), (3, 40), (9, 50))[rng.integers(3)]
    return drawn(rng, RNNSpace.from_settings({}, shape, int(rng.integers(1, 6))))


SPACES = {"tcn": random_tcn, "metakernel": random_metakernel, "rnn": random_rnn}


@pytest.mark.parametrize("space", SPACES)
def test_random_networks_are_equal_in_every_byte(quantized, check, space):
    networks = [quantized(SPACES[space](np.random.default_rng(s)), s) for s in range(12)]
    assert len(check(networks)) > 20  # the outputs are not all clamped


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_200_random_networks_are_equal_in_every_byte(quantized, check, space):
    seeds = range(1000, 1200)
    networks = [quantized(SPACES[space](np.random.default_rng(s)), s) for s in seeds]
    assert len(check(networks)) > 100


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_no_access_is_out_of_bounds_and_no_behaviour_undefined(quantized, check, space):
    seeds = range(2000, 2020)
    networks = [quantized(SPACES[space](np.random.default_rng(s)), s) for s in seeds]
    check(networks, flags=SANITIZED)


def layer(cell, rank_w, rank_u, last_only):
    b = SpecBuilder()
    x = b.recurrent(b.input((5, 12)), cell, 7, rank_w, rank_u)
    return b.finish(b.dense(b.last_step(x) if last_only else b.flatten(x), 3))


def test_every_cell_of_every_rank_is_equal(quantized, check):
    specs = [
        layer(cell, rank_w, rank_u, last_only)
        for cell in CELLS
        for rank_w, rank_u in ((0, 0), (2, 0), (0, 3), (2, 3))
        for last_only in (False, True)
    ]
    chosen = specs[:: len(specs) // 12]
    assert len(check([quantized(spec, i) for i, spec in enumerate(chosen)])) > 20


@pytest.mark.slow
def test_every_cell_of_every_rank_is_equal_and_sanitized(quantized, check):
    specs = [
        layer(cell, rank_w, rank_u, last_only)
        for cell in CELLS
        for rank_w, rank_u in ((0, 0), (2, 0), (0, 3), (2, 3))
        for last_only in (False, True)
    ]
    check([quantized(spec, i) for i, spec in enumerate(specs)], flags=SANITIZED)


def everything(b):
    x = b.relu(b.batch_norm(b.conv2d(b.input((6, 12, 10)), 8, (3, 2), pads=((2, 0), (1, 0)))))
    y = b.batch_norm(b.conv2d(x, 16, 3, pads="same", groups=8, dilation=2))
    x = b.batch_norm(b.relu(b.add(b.conv2d(x, 16, 1), y)))  # a norm that stays
    x = b.conv2d(x, 8, 3, 2, "same", groups=4)
    x = b.pool(b.add(x, b.batch_norm(x)), "average", 3, 2, pads=((0, 1), (1, 1)))
    x = b.relu(b.pool(x, "max", 2))
    x = b.batch_norm(b.relu(b.dense(b.flatten(x), 12)))
    return b.finish(b.dense(x, 5))


def test_a_network_of_every_operator_of_images_is_equal(builder, quantized, check):
    check([append_softmax(quantized(everything(builder)))], n=8, flags=SANITIZED)


def test_means_last_steps_and_stacked_frames_are_equal(builder, quantized, check):
    x = builder.stack_frames(builder.input((3, 22)), 4)
    x = builder.relu(builder.conv1d(x, 8, 2, padding="causal"))
    x = builder.add(builder.last_step(x), builder.global_average_pool(x))
    check([quantized(builder.finish(builder.relu(builder.add(x, builder.batch_norm(x)))))], n=8)


@pytest.mark.parametrize("scale", [1e-4, 0.03, 0.5, 100.0])
def test_softmax_is_equal_at_every_scale(builder, random_weights, check, scale):
    spec = builder.finish(builder.dense(builder.input((20,)), 12))
    X = np.random.default_rng(0).normal(size=(16, 20)).astype(np.float32)
    span = (-128 * scale, 127 * scale)
    weights = random_weights(spec, np.random.default_rng(0))
    network = quantize(spec, weights, X, ranges={0: span, 1: span})

    check([append_softmax(network)], n=200)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCES.names())
def test_references_are_equal(quantized, check, name):
    check([quantized(REFERENCES.get(name).build())], n=1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_static_memory_is_what_the_plan_says(builder, quantized, tmp_path, cell):
    x = builder.input((3, 20))
    x = builder.lstm(x, 5) if cell == "lstm" else builder.recurrent(x, cell, 5)
    network = quantized(builder.finish(builder.dense(builder.last_step(x), 3)))
    code = c_source(network)
    (tmp_path / "model.c").write_text(code.source)
    (tmp_path / "model.h").write_text(code.header)

    assert code.ram_bytes % 16 == 0  # beside the arena 15 bytes of h and c, in whole words
    assert static_bytes(tmp_path / "model.c") in (code.ram_bytes, None)


DSP = """
#include <stdint.h>
typedef int32_t int16x2_t;
typedef int32_t int8x4_t;
static inline int32_t __sxtb16(int8x4_t x)
{
    return (int32_t)(((uint32_t)(int8_t)x & 0xffffu) | (uint32_t)(int8_t)(x >> 16) << 16);
}
static inline int32_t __sxtab16(int16x2_t a, int8x4_t x)
{
    const uint32_t low = (uint32_t)(int16_t)a + (uint32_t)(int8_t)x;
    const uint32_t high = (uint32_t)(a >> 16) + (uint32_t)(int8_t)(x >> 16);
    return (int32_t)((low & 0xffffu) | high << 16);
}
static inline int32_t __smlad(int16x2_t a, int16x2_t b, int32_t sum)
{
    return sum + (int16_t)a * (int16_t)b + (a >> 16) * (b >> 16);
}
static inline int32_t __smlabb(int32_t a, int32_t b, int32_t sum)
{
    return sum + (int16_t)a * (int16_t)b;
}
static inline int32_t __smlatt(int32_t a, int32_t b, int32_t sum)
{
    return sum + (a >> 16) * (b >> 16);
}
"""
"""Arm's instructions (Arm C Language Extensions, section on DSP) in plain C."""


def test_the_path_with_dsp_instructions_is_equal(builder, quantized, check, tmp_path):
    (tmp_path / "arm_acle.h").write_text(DSP)
    x = builder.relu(builder.conv1d(builder.input((3, 22)), 10, 3, padding="causal"))
    x = builder.conv1d(builder.conv1d(x, 10, 3, groups=10), 7, 5, dilation=2, padding="same")
    spec = builder.finish(builder.dense(builder.flatten(builder.recurrent(x, "gru", 6)), 5))

    check([quantized(spec)], flags=("-O1", "-DEVONAS_DSP", f"-I{tmp_path}"))


def test_the_source_names_layers_and_shapes_and_holds_only_what_it_needs(builder, quantized):
    x = builder.relu(builder.conv1d(builder.input((3, 22)), 8, 3, padding="causal"))
    network = quantized(builder.finish(builder.dense(builder.global_average_pool(x), 2)))

    code = c_source(network, "gesture", ["rest", 'a "fist"?'], "Trial 7 /* of x */")

    assert "/* conv 1: (1, 24, 3) -> (1, 22, 8) */" in code.source
    assert "static const int8_t conv_1_weights[72]" in code.source
    assert "depthwise" not in code.source
    assert "softmax" not in code.source
    assert "void gesture_predict(const int8_t *input, int8_t *output);" in code.header
    assert '#define GESTURE_LABELS { "rest", "a \\042fist\\042\\077" }' in code.header
    assert "/* Trial 7 / * of x * /" in code.source
    assert not re.search(r"\bNAME|UPPER|@", code.source + code.header)
    assert "malloc" not in code.source


def test_rows_of_four_are_stored_in_fours_of_a_tap_and_the_rest_row_by_row():
    rows = np.arange(5 * 2 * 5).reshape(5, 2, 5)  # 5 rows of 2 taps of depth 5: 4 and 1 over

    found = stored_rows(rows, (1, 5, 2, 5))

    first_tap = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33, 4, 14, 24, 34]
    assert found[:20].tolist() == first_tap
    assert found[20:40].tolist() == [i + 5 for i in first_tap]
    assert found[40:].tolist() == list(range(40, 50))


@pytest.mark.skipif(not shutil.which("cc"), reason="no cc")
def test_marks_stand_around_layers_and_the_header_names_them(builder, quantized, tmp_path):
    x = builder.relu(builder.conv1d(builder.input((3, 22)), 8, 3, padding="causal"))
    network = quantized(builder.finish(builder.dense(builder.global_average_pool(x), 2)))
    code = c_source(network, "net")
    (tmp_path / "net.c").write_text(code.source)
    (tmp_path / "net.h").write_text(code.header)
    (tmp_path / "main.c").write_text("""
#include <stdio.h>
static void mark(int layer) { printf("%d ", layer); }
#define EVONAS_MARK(layer) mark(layer)
#include "net.c"
int main(void)
{
    static const char *const names[NET_LAYERS] = NET_LAYER_NAMES;
    net_run();
    for (int i = 0; i < NET_LAYERS; i++) {
        printf("%s, ", names[i]);
    }
    return 0;
}
""")
    subprocess.run(["cc", "-o", tmp_path / "main", tmp_path / "main.c"], check=True)
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert found.stdout == "0 1 2 3 4 pad 1, conv 1, average_pool 3, dense 4, "


@pytest.mark.parametrize("name", ["3d", "my model", "Model", "main", "string", "past"])
def test_a_name_that_c_cannot_take_is_refused(builder, quantized, name):
    network = quantized(builder.finish(builder.dense(builder.input((4,)), 2)))
    with pytest.raises(ConfigError, match="Expected a name of small letters"):
        c_source(network, name)


def test_a_name_gives_no_function_the_name_of_a_kernel():
    folder = resources.files("evonas.export") / "c"
    headers = "".join((folder / name).read_text() for name in ("header.h", "header_step.h"))
    ends = set(re.findall(r"NAME_(\w+)\(", headers))
    text = "\n".join(path.read_text() for path in folder.iterdir())
    kernels = re.findall(r"^(?:KERNEL|INLINE) .*?(\w+)\(", text, re.M)

    assert {"step", "reset", "quantize"} < ends
    assert {"past_reset", "lstm_cell_step", "conv"} < set(kernels)
    taken = {kernel.removesuffix(f"_{end}") for kernel in kernels for end in ends}
    assert taken - set(kernels) <= set(csource.RESERVED)


def test_an_operator_without_a_kernel_is_named(monkeypatch, builder, quantized):
    network = quantized(builder.finish(builder.dense(builder.input((4,)), 2)))
    monkeypatch.delitem(csource.WRITERS, "dense")
    with pytest.raises(UnsupportedOpError, match="Node 1: generated C has no kernel for 'dense'"):
        c_source(network)


def test_a_signal_that_is_too_long_is_refused(builder, quantized):
    x = builder.conv1d(builder.input((1, 40000)), 1, 3)
    network = quantized(builder.finish(builder.dense(builder.global_average_pool(x), 1)))
    assert lower(network.spec).tensors[0].shape == (1, 40000, 1)
    with pytest.raises(UnsupportedOpError, match="too long for generated C"):
        c_source(network)
