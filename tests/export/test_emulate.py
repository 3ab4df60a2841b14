"""Generated C on emulated Cortex-M cores: outputs, counts of instructions, sizes, limits."""

import contextlib
import itertools
import re
import subprocess

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.cost.memory import graph_ram_bytes
from evonas.cost.runtimes import load_runtime
from evonas.errors import UnsupportedOpError
from evonas.export import emulate_unicorn
from evonas.export.csource import WRITERS, CSource, c_source
from evonas.export.csource_step import c_step_source
from evonas.export.emulate import emulate, emulate_many
from evonas.export.emulate_compilers import load_compiler
from evonas.export.emulate_cores import load_core
from evonas.export.emulate_elf import sizes
from evonas.quant.quantize import quantize
from evonas.quant.reference import run
from evonas.quant.softmax import append_softmax
from evonas.spaces.metakernel import MetaKernelSpace
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.tcn import TCNSpace
from evonas.tasks.splits import Normalisation

from .emulate_ways import LOOP, LOOP_HEADER, PIP_AND_QEMU, WAYS, drawn, installed, needs_pip


@pytest.fixture
def quantized(random_weights):
    """Returns a network in int8 with random weights."""

    def make(spec, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(8, *spec.input_shape)).astype(np.float32)
        zeros = np.zeros(spec.input_shape[0], np.float32)
        normalisation = Normalisation(zeros, zeros + 1)
        return quantize(spec, random_weights(spec, rng), X, normalisation)

    return make


def kinds(network):
    return {op.kind for op in network.graph.ops}


def check_equal(networks, core="m4", n=1, write=c_source, **options):
    """Holds networks against the numpy reference and the plan; returns what was emulated."""
    sources = [write(network, f"net{i}") for i, network in enumerate(networks)]
    runtime = load_runtime("c" if write is c_source else "c_step")
    inputs = [drawn(network, n, i) for i, network in enumerate(networks)]
    found = emulate_many(sources, inputs, core, **options)
    for network, q, one in zip(networks, inputs, found, strict=True):
        np.testing.assert_array_equal(one.outputs, run(network, q), network.spec.digest)
        assert one.ram_bytes == graph_ram_bytes(network.graph, runtime)
        assert one.layers == tuple(op.name for op in network.graph.ops)
    return found


# -------- counting --------


@pytest.mark.parametrize("core", ["m3", "m4", "m7", "m33"])
@pytest.mark.parametrize(("emulator", "compiler"), WAYS)
def test_instructions_that_are_counted_by_hand_are_counted_so(core, emulator, compiler):
    source = CSource("loop", LOOP_HEADER, LOOP, 8)
    inputs = np.array([[3, 10], [100, -10], [3, 0]], np.int8)

    found = emulate(source, inputs, core, emulator=emulator, compiler=compiler)

    assert found.layers == ("five", "loop", "skip", "nothing")
    # A move and three of each round; what a condition skips is counted too.
    assert found.instructions.tolist() == [[5, 10, 4, 0], [5, 301, 4, 0], [5, 10, 4, 0]]
    assert found.total_instructions == pytest.approx((19 + 310 + 19) / 3)
    assert found.outputs.tolist() == [[10], [-10], [0]]


@needs_pip
def test_sizes_are_those_of_the_sections_without_marks():
    found = emulate(CSource("loop", LOOP_HEADER, LOOP, 8), np.zeros((1, 2), np.int8) + 1)

    assert found.ram_bytes == 8
    assert 32 + 30 < found.flash_bytes < 32 + 90  # the table; some 25 instructions


@pytest.mark.skipif(not installed("unicorn", "zig", "gcc"), reason="no arm-none-eabi-size")
def test_sizes_are_those_that_size_prints(tmp_path, quantized, builder):
    x = builder.lstm(builder.input((3, 12)), 5)
    code = c_source(quantized(builder.finish(builder.dense(builder.last_step(x), 3))))
    (tmp_path / "model.c").write_text(code.source + "\nint kept = 5;\n")
    (tmp_path / "model.h").write_text(code.header)
    for name in ("zig", "gcc"):
        compiler = load_compiler(name, load_core("m7"), tmp_path / "cache")
        target = tmp_path / f"{name}.o"
        compiler.compile(tmp_path / "model.c", target)
        listing = subprocess.run(["arm-none-eabi-nm", target], capture_output=True, text=True)
        n_functions = len(re.findall(" [tT] [a-z]", listing.stdout))
        printed = subprocess.run(
            ["arm-none-eabi-size", target], capture_output=True, text=True, check=True
        )
        found = sizes(target.read_bytes())
        numbers = [int(word) for word in printed.stdout.splitlines()[1].split()[:3]]
        tables = 8 * n_functions if name == "zig" else 0  # clang's, for unwinding
        assert [found.text + tables, found.data, found.bss] == numbers
        assert found.data == 4


@pytest.mark.parametrize(
    ("code", "n"),
    [
        ("00bf 00bf", 2),  # nop; nop
        ("4ff00100 7047", 2),  # mov.w r0, #1; bx lr
        ("f7e7", 1),  # b: 11100 is no prefix
        ("00f000f8 00bf", 2),  # bl; nop
    ],
)
def test_instructions_of_16_and_32_bits_are_told_apart(code, n):
    assert emulate_unicorn.thumb_instructions(bytes.fromhex(code.replace(" ", ""))) == n


# -------- networks --------


def every_kind():
    """Returns specs that hold all kinds of layers."""
    b = SpecBuilder()
    x = b.relu(b.batch_norm(b.conv2d(b.input((6, 12, 10)), 8, (3, 2), pads=((2, 0), (1, 0)))))
    y = b.batch_norm(b.conv2d(x, 16, 3, pads="same", groups=8, dilation=2))
    x = b.batch_norm(b.relu(b.add(b.conv2d(x, 16, 1), y)))
    x = b.conv2d(x, 8, 3, 2, "same", groups=4)
    x = b.pool(b.add(x, b.batch_norm(x)), "average", 3, 2, pads=((0, 1), (1, 1)))
    x = b.relu(b.pool(x, "max", 2))
    yield b.finish(b.dense(b.batch_norm(b.relu(b.dense(b.flatten(x), 12))), 5))

    b = SpecBuilder()
    x = b.relu(b.conv1d(b.stack_frames(b.input((3, 22)), 4), 8, 2, padding="causal"))
    x = b.add(b.last_step(x), b.global_average_pool(x))
    yield b.finish(b.relu(b.add(x, b.batch_norm(x))))

    b = SpecBuilder()
    x = b.lstm(b.conv1d(b.input((3, 10)), 4, 3), 5)  # with a change of axes before it
    yield b.finish(b.dense(b.last_step(b.add(x, b.relu(x))), 3))

    for i, cell in enumerate(CELLS):
        b = SpecBuilder()
        rank_w, rank_u = ((0, 2), (2, 0), (2, 2))[i % 3] if cell != "gru" else (0, 0)
        x = b.recurrent(b.input((5, 8)), cell, 6, rank_w, rank_u)
        yield b.finish(b.dense(b.last_step(x) if i % 2 else b.flatten(x), 3))


def random_space(kind, rng):
    if kind == "tcn":
        widths = [int(w) for w in rng.choice([4, 6, 8], rng.integers(1, 4))]
        seed = {"widths": widths, "kernel": int(rng.integers(3, 7))}
        return TCNSpace.from_settings({"seed_network": seed}, (2, 32), 4)
    if kind == "metakernel":
        widths = [int(w) for w in rng.choice([4, 6, 8], rng.integers(1, 3))]
        shape = ((3, 32), (1, 10, 8))[rng.integers(2)]
        return MetaKernelSpace.from_settings({"seed_network": {"widths": widths}}, shape, 3)
    return RNNSpace.from_settings({}, (3, 16), 3)


def random_spec(kind, seed):
    rng = np.random.default_rng(seed)
    space = random_space(kind, rng)
    return space.decode(np.array([rng.integers(gene.n_choices) for gene in space.genes]))


@needs_pip
def test_every_byte_of_50_layers_and_6_networks_is_the_references(quantized):
    networks = [quantized(spec, i) for i, spec in enumerate(every_kind())]
    networks[0] = append_softmax(networks[0])
    spaces = ("tcn", "metakernel", "rnn")
    networks += [quantized(random_spec(kind, seed), seed) for kind in spaces for seed in (0, 1)]

    found = check_equal(networks)

    assert sum(len(one.layers) for one in found) >= 50
    assert set().union(*map(kinds, networks)) == set(WRITERS)
    outputs = np.concatenate([one.outputs.ravel() for one in found])
    assert len(set(outputs.tolist())) > 15  # they are not all clamped
    measured = [one.instructions > 0 for one in found]
    assert all(layers.all() for layers in measured)


@PIP_AND_QEMU
@pytest.mark.parametrize("core", ["m4", "m33"])
def test_both_emulators_count_alike(quantized, core):
    networks = [quantized(random_spec(kind, 3), 3) for kind in ("tcn", "rnn")]

    unicorn = check_equal(networks, core, 2, emulator="unicorn", compiler="zig")
    qemu = check_equal(networks, core, 2, emulator="qemu", compiler="zig")

    for a, b in zip(unicorn, qemu, strict=True):
        np.testing.assert_array_equal(a.instructions, b.instructions)
        assert (a.stack_bytes, a.flash_bytes) == (b.stack_bytes, b.flash_bytes)


@pytest.mark.slow
@pytest.mark.parametrize("core", ["m4", "m7"])
@pytest.mark.parametrize("kind", ["tcn", "metakernel", "rnn"])
def test_20_random_networks_are_equal_by_both_ways(quantized, core, kind):
    networks = [quantized(random_spec(kind, seed), seed) for seed in range(100, 120)]
    ways = [way.values for way in WAYS if installed(*way.values)]
    if not ways:
        pytest.skip("no emulator")

    found = {way: check_equal(networks, core, 2, emulator=way[0], compiler=way[1]) for way in ways}

    for compiler in {compiler for _, compiler in ways}:
        counts = [
            np.concatenate([one.instructions.ravel() for one in emulated])
            for (_, used), emulated in found.items()
            if used == compiler
        ]
        for other in counts[1:]:
            np.testing.assert_array_equal(other, counts[0])


def streams(kind, seeds, quantized):
    """Yields random networks that run step by step."""
    for seed in seeds:
        network = quantized(random_spec(kind, seed), seed)
        with contextlib.suppress(UnsupportedOpError):
            c_step_source(network)
            yield network


@pytest.mark.parametrize(("emulator", "compiler"), [WAYS[0], WAYS[3]])
def test_a_stream_ends_at_every_byte_of_its_window(quantized, builder, emulator, compiler):
    x = builder.relu(builder.conv1d(builder.input((2, 24)), 4, 3, padding="causal", dilation=2))
    x = builder.conv1d(builder.pool(x, "max", 2), 6, 3, padding="causal")
    spec = builder.finish(builder.dense(builder.last_step(x), 3))
    networks = [quantized(spec), *streams("rnn", range(2), quantized)]

    found = check_equal(networks, n=2, write=c_step_source, emulator=emulator, compiler=compiler)

    stream = found[0]
    assert (stream.steps, stream.instructions.shape) == (24, (2 * 24, len(stream.layers)))
    last = stream.instructions[:, -1]  # the pool halves the rate; what is idle asks whether to run
    assert last[0::2].max() < 10 < 50 < last[1::2].min()
    longest = stream.layer_instructions
    assert longest.sum() == stream.total_instructions == stream.instructions.sum(axis=1).max()


@pytest.mark.slow
@pytest.mark.parametrize("core", ["m4", "m7"])
@pytest.mark.parametrize("kind", ["tcn", "rnn"])
def test_20_random_streams_are_equal_by_both_ways(quantized, core, kind):
    ways = [way.values for way in WAYS if installed(*way.values)]
    networks = list(itertools.islice(streams(kind, range(200, 300), quantized), 20))
    assert len(networks) == 20
    for emulator, compiler in ways:
        check_equal(networks, core, 2, c_step_source, emulator=emulator, compiler=compiler)


@needs_pip
def test_a_count_does_not_depend_on_what_else_a_program_holds(quantized):
    networks = [quantized(random_spec("tcn", seed), seed) for seed in (5, 6, 7)]
    source, q = c_source(networks[1], "net1"), drawn(networks[1], 1, 1)

    alone, together = emulate(source, q), check_equal(networks)[1]

    assert alone.instructions.tolist() == together.instructions.tolist()


@needs_pip
def test_progress_tells_of_every_sample(quantized):
    network, told = quantized(random_spec("tcn", 5)), []
    sources = [c_source(network, name) for name in ("a", "b")]

    emulate_many(sources, [drawn(network, 2)] * 2, progress=lambda *seen: told.append(seen))

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
