"""Generated C that takes one position of a signal at a time, against the numpy reference."""

import shutil
import subprocess

import numpy as np
import pytest

from evonas.arch import SpecBuilder
from evonas.arch.cells import CELLS
from evonas.arch.lower import lower
from evonas.cost.memory import graph_ram_bytes
from evonas.cost.runtimes import load_runtime
from evonas.errors import UnsupportedOpError
from evonas.export.csource_format import CFormat
from evonas.export.csource_host import compile_programs, run_program, static_bytes
from evonas.export.csource_step import c_step_source, check_steps
from evonas.export.csource_timing import timings
from evonas.export.format import Artefact
from evonas.quant.feed import answers, channels_last, feed, natural
from evonas.quant.reference import run
from evonas.references import reference
from evonas.spaces.rnn import RNNSpace
from evonas.spaces.tcn import TCNSpace

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BATCH = 20
"""Networks in one call of the compiler."""


@pytest.fixture
def check(tmp_path, quantized):
    """Holds streamed windows against the reference, static memory and the steps of outputs too."""

    def run_all(specs, n=3, flags=("-O1",)):
        values = set()
        for start in range(0, len(specs), BATCH):
            batch = [quantized(spec, start + i) for i, spec in enumerate(specs[start:][:BATCH])]
            sources = [write(network, f"net{start + i}") for i, network in enumerate(batch)]
            program = tmp_path / f"program{start}"
            compile_programs(sources, program, flags)
            for i, network in enumerate(batch):
                values |= compare(network, program, i, n)
        return values

    def write(network, name):
        code = c_step_source(network, name)
        (tmp_path / f"{name}.c").write_text(code.source)
        (tmp_path / f"{name}.h").write_text(code.header)
        assert code.ram_bytes == graph_ram_bytes(network.graph, load_runtime("c_step"))
        assert code.steps == network.spec.input_shape[1]
        return tmp_path / f"{name}.c"

    def compare(network, program, index, n):
        rng = np.random.default_rng(index)
        X = rng.normal(0, 1.5, (n, *network.spec.input_shape)).astype(np.float32)
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
    shape = ((1, 70), (2, 32), (4, 64), (9, 50))[rng.integers(4)]
    widths = [int(w) for w in rng.choice([4, 6, 8, 12], rng.integers(1, 5))]
    seed = {"widths": widths, "kernel": int(rng.integers(3, 10))}
    if len(widths) > 1 and rng.random() < 0.5:
        seed["pool"] = [1]
    settings = {"seed_network": seed, "padding": "causal"}
    return drawn(rng, TCNSpace.from_settings(settings, shape, int(rng.integers(1, 6))))


def random_rnn(rng):
    shape = ((1, 60), (3, 40), (9, 50))[rng.integers(3)]
    return drawn(rng, RNNSpace.from_settings({}, shape, int(rng.integers(1, 6))))


def random_windows(rng):
    """Returns a network of windows with and without zeros, strides, groups, pools and cells."""
    b = SpecBuilder()
    x = b.input((int(rng.integers(1, 7)), int(rng.integers(48, 90))))
    if rng.random() < 0.3:
        x = b.stack_frames(x, int(rng.integers(2, 5)))
    for _ in range(rng.integers(1, 4)):
        x = random_layer(b, x, rng)
    ends = (b.flatten, b.global_average_pool, b.last_step)
    return b.finish(b.dense(ends[rng.integers(3)](x), int(rng.integers(1, 8))))


def random_layer(b, x, rng):
    channels, steps = b.shape(x)
    kernel = int(rng.integers(1, 5))
    kind = rng.integers(5)
    if kind == 0 and steps > 2 * kernel:
        return b.pool(x, ("max", "average")[rng.integers(2)], kernel, int(rng.integers(1, 3)))
    if kind == 1:
        return b.recurrent(x, list(CELLS)[rng.integers(len(CELLS))], int(rng.integers(4, 9)), 0, 1)
    if kind == 2 and channels > 1:
        x = b.conv1d(x, channels, kernel, groups=channels, padding="causal")
        return b.add(x, b.batch_norm(b.relu(x)))
    reach = (kernel - 1) * (dilation := int(rng.integers(1, 3)))
    padding = "valid" if steps > reach + 8 and rng.random() < 0.5 else "causal"
    stride = 2 if steps > 12 + reach and rng.random() < 0.3 else 1
    filters = int(rng.integers(1, 11))
    x = b.conv1d(x, filters, kernel, stride=stride, dilation=dilation, padding=padding)
    return b.relu(x) if rng.random() < 0.5 else x


NETWORKS = {"tcn": random_tcn, "rnn": random_rnn, "windows": random_windows}


def specs_of(kind, seeds):
    return [NETWORKS[kind](np.random.default_rng(seed)) for seed in seeds]


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_last_output_of_a_window_is_that_of_the_reference(check, kind):
    assert len(check(specs_of(kind, range(12)))) > 20  # the outputs are not all clamped


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_200_streamed_networks_are_equal_in_every_byte(check, kind):
    assert len(check(specs_of(kind, range(1000, 1200)))) > 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_no_access_is_out_of_bounds_and_no_behaviour_undefined(check, kind):
    check(specs_of(kind, range(2000, 2020)), flags=SANITIZED)


def every_kind():
    b = SpecBuilder()
    x = b.stack_frames(b.input((3, 46)), 2)
    x = b.relu(b.conv1d(x, 8, 3, dilation=2, padding="causal", groups=2))
    y = b.batch_norm(b.relu(b.conv1d(x, 8, 4, groups=8, padding="causal")))
    x = b.pool(b.add(x, y), "max", 2, 1)
    x = b.lstm(b.pool(x, "average", 3, 2), 6)
    return b.finish(b.dense(b.flatten(b.recurrent(x, "mgu", 5, 2, 2)), 4))


def test_every_kind_of_layer_is_equal_and_sanitized(check):
    b = SpecBuilder()
    x = b.relu(b.conv1d(b.input((2, 30)), 6, 3))
    x = b.add(b.last_step(x), b.global_average_pool(x))
    mean = b.finish(b.relu(b.add(x, b.batch_norm(x))))
    b = SpecBuilder()
    x = b.conv1d(b.conv1d(b.input((2, 30)), 6, 1, stride=2), 6, 1, groups=6, stride=3)
    strides = b.finish(b.dense(b.flatten(x), 4))  # which keep no positions

    check([every_kind(), mean, strides, reference("ecgtcn")], flags=SANITIZED)


def test_a_window_of_an_older_stream_does_not_show_after_a_reset(check):
    check(specs_of("windows", range(50, 55)), n=20)  # twenty windows after each other


@pytest.mark.skipif(not shutil.which("nm"), reason="no nm")
def test_static_memory_is_what_the_plan_says(quantized, tmp_path):
    for i, spec in enumerate([every_kind(), *specs_of("rnn", range(3))]):
        code = c_step_source(quantized(spec))
        (tmp_path / "model.c").write_text(code.source)
        (tmp_path / "model.h").write_text(code.header)
        assert static_bytes(tmp_path / "model.c") == code.ram_bytes, i


def test_outputs_come_when_windows_are_full_and_at_every_stride():
    b = SpecBuilder()
    x = b.conv1d(b.input((2, 30)), 4, 3, dilation=2)  # full with position 4
    x = b.conv1d(x, 4, 4, padding="causal", stride=3)  # at once, then every third
    graph = lower(b.finish(b.dense(b.last_step(x), 2)))

    timing = timings(graph)[graph.output]

    assert (timing.first, timing.every) == (4, 3)
    assert timing.last == 4 + 8 * 3  # the 26 positions of the first give 9 of the second


def test_a_network_that_looks_ahead_is_refused(builder):
    spec = builder.finish(
        builder.global_average_pool(builder.conv1d(builder.input((2, 20)), 4, 3, padding="same"))
    )
    with pytest.raises(UnsupportedOpError, match="Node 1 looks ahead"):
        check_steps(lower(spec))


def test_branches_that_are_there_at_different_steps_are_refused(builder):
    x = builder.input((4, 20))
    y = builder.pool(x, "max", 2)  # at steps 1, 3, 5, ...
    z = builder.conv1d(x, 4, 2, stride=2, padding="causal")  # at steps 0, 2, 4, ...
    spec = builder.finish(builder.global_average_pool(builder.add(y, z)))

    with pytest.raises(UnsupportedOpError, match="first at 1 and 0, every 2 and 2"):
        check_steps(lower(spec))


def test_a_flattened_signal_is_read_by_dense_layers_alone(builder):
    x = builder.batch_norm(builder.relu(builder.flatten(builder.input((4, 20)))))
    with pytest.raises(UnsupportedOpError, match="of a flattened signal a step makes dense layers"):
        check_steps(lower(builder.finish(builder.dense(x, 2))))


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_the_example_streams_and_its_self_test_finds_no_difference(quantized, tmp_path):
    network = quantized(every_kind())
    artefact = Artefact(network.spec, {}, network.normalisation, network, steps=True)
    CFormat().write(artefact, tmp_path)

    def make():
        command = ["make", "test", "CFLAGS=-Werror"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    found = make()
    assert (found.returncode, found.stderr) == (0, "")
    assert "0 of 4 stored outputs differ" in found.stdout

    source = (tmp_path / "model.c").read_text()
    (tmp_path / "model.c").write_text(source.replace(".first_due = ", ".first_due = 1 + "))
    assert make().returncode != 0


def test_a_verification_streams_the_windows(quantized, tmp_path):
    network = quantized(every_kind())
    artefact = Artefact(network.spec, {}, network.normalisation, network, steps=True)
    CFormat().write(artefact, tmp_path)
    X = np.random.default_rng(0).normal(0, 20, (4, 3, 46)).astype(np.float32)

    found = CFormat().compare(artefact, tmp_path, X)

    assert (found.n_different, found.n_values) == (0, 16)
    (figure,) = found.figures
    assert figure.predicted == figure.measured
