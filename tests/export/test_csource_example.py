"""The folder of a network in C: its example builds, tests itself and fits."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from evonas.cost.memory import graph_ram_bytes
from evonas.cost.runtimes import load_runtime
from evonas.errors import DataError
from evonas.export.csource_format import CFormat
from evonas.export.format import Artefact
from evonas.runner.export_readme import TWO_NETWORKS

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)


@pytest.fixture
def exported(builder, quantized, tmp_path):
    """An artefact of format c, written."""
    x = builder.relu(builder.conv1d(builder.input((3, 22)), 8, 3, padding="causal"))
    network = quantized(builder.finish(builder.dense(builder.global_average_pool(x), 2)))
    artefact = Artefact(network.spec, {}, network.normalisation, network)
    CFormat().write(artefact, tmp_path)
    return artefact


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_the_example_builds_and_its_self_test_finds_no_difference(exported, tmp_path):
    def make():
        return subprocess.run(
            ["make", "test", "CFLAGS=-Werror"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    found = make()
    assert (found.returncode, found.stderr) == (0, "")
    assert "0 of 4 stored outputs differ" in found.stdout

    source = (tmp_path / "model.c").read_text()
    (tmp_path / "model.c").write_text(source.replace(".in_zero = ", ".in_zero = 1 + "))
    assert make().returncode != 0


needs_cross = pytest.mark.skipif(
    not all(map(shutil.which, ("make", "arm-none-eabi-gcc"))), reason="no arm-none-eabi-gcc"
)


@needs_cross
def test_make_fit_compiles_anew_for_another_core(exported, tmp_path):
    objects = []
    for core in ("cortex-m0plus", "cortex-m7"):
        flags = f"CFLAGS=-O1 -mcpu={core} -mthumb"
        command = ["make", "fit", "CC=arm-none-eabi-gcc", flags]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        objects.append((tmp_path / "model.o").read_bytes())
    assert objects[0] != objects[1]


@pytest.mark.skipif(not shutil.which("g++"), reason="no g++")
def test_two_networks_renamed_as_the_readme_says_are_one_program_in_cpp(exported, tmp_path):
    command = " ".join(TWO_NETWORKS).split("`")[1]
    other = tmp_path / "kws"
    other.mkdir()
    for name in ("model.c", "model.h"):
        shutil.copy(tmp_path / name, other / name)
    subprocess.run(command, shell=True, cwd=other, check=True)
    (other / "model.h").rename(tmp_path / "kws.h")
    (other / "model.c").rename(tmp_path / "kws.c")
    (tmp_path / "main.cpp").write_text(
        '#include "kws.h"\n#include "model.h"\n'
        "static int8_t x[MODEL_INPUT_SIZE], y[KWS_OUTPUT_SIZE + MODEL_OUTPUT_SIZE];\n"
        "int main() { model_predict(x, y); kws_predict(x, y); return 0; }\n"
    )
    for name in ("model", "kws"):
        subprocess.run(["cc", "-c", f"{name}.c"], cwd=tmp_path, check=True)
    strict = ["g++", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run([*strict, "main.cpp", "model.o", "kws.o"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "a.out"], check=True)


@needs_cross
@pytest.mark.parametrize(("ram", "lacking"), [(256, False), (255, True)])
def test_make_fit_fails_where_the_network_needs_more_than_the_device_has(
    exported, tmp_path, ram, lacking
):
    CFormat().write(replace(exported, memory=(20_000, ram)), tmp_path)
    command = ["make", "fit", "CC=arm-none-eabi-gcc", "CFLAGS=-O1 -mcpu=cortex-m3 -mthumb"]

    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    planned = graph_ram_bytes(exported.network.graph, load_runtime("c"))
    assert (planned > ram) == lacking
    assert (found.returncode != 0) == lacking, found.stderr
    assert ("region `RAM' overflowed by 1 byte" in found.stderr) == lacking


@pytest.mark.skipif(not shutil.which("cmake"), reason="no cmake")
def test_the_example_builds_with_cmake(exported, tmp_path):
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", tmp_path, "-B", build], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    subprocess.run([build / "model_test"], check=True, capture_output=True)


def test_without_a_compiler_nothing_is_passed_and_it_is_said(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)

    found = CFormat().compare(exported, tmp_path, np.zeros((2, 3, 22), np.float32))

    assert (found.n_values, found.n_different, found.answers.shape) == (0, 0, (0, 2))
    assert "no C compiler found (cc, gcc, clang); install one" in found.unchecked


def test_a_program_that_crashes_is_one_line(exported, tmp_path):
    source = (tmp_path / "model.c").read_text()
    body = "void model_run(void)\n{\n    __builtin_trap();\n"
    (tmp_path / "model.c").write_text(source.replace("void model_run(void)\n{\n", body))

    with pytest.raises(DataError, match="model.c: the compiled program ends with status"):
        CFormat().compare(exported, tmp_path, np.zeros((2, 3, 22), np.float32))
