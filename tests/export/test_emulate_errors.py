"""Limits and errors of the emulated cores."""

import importlib.util
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from evonas.errors import ConfigError, DataError
from evonas.export import emulate_compilers
from evonas.export.csource import CSource, c_source
from evonas.export.emulate import emulate, emulate_many
from evonas.export.emulate_tools import choose_tools

from .emulate_ways import LOOP, LOOP_HEADER, WAYS, drawn, needs_pip


@pytest.fixture
def small(quantized, builder):
    return quantized(builder.finish(builder.dense(builder.flatten(builder.input((3, 8))), 2)))


@pytest.mark.parametrize(("emulator", "compiler"), [WAYS[0], WAYS[3]])
def test_the_linker_holds_a_network_to_its_memory(small, emulator, compiler):
    source, q = c_source(small), drawn(small, 1)

    def sized(**limits):
        return emulate(source, q, emulator=emulator, compiler=compiler, **limits)

    found = sized()
    sized(ram_limit=found.ram_bytes, flash_limit=found.flash_bytes + 8)  # of alignment
    for key, need in (("ram", found.ram_bytes), ("flash", found.flash_bytes)):
        name = {"ram": "static RAM", "flash": "flash"}[key]
        text = f"needs {need} bytes of {name}, and there are {need - 1};"
        with pytest.raises(ConfigError, match=text):
            sized(**{f"{key}_limit": need - 1})


@needs_pip
def test_c_that_does_not_compile_is_one_line():
    source = CSource("loop", LOOP_HEADER, LOOP.replace("given =", "given ="[:-1]), 8)
    with pytest.raises(DataError, match="^zig: .*error: ") as caught:
        emulate(source, np.zeros((1, 2), np.int8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("emulator", "compiler"), WAYS)
def test_a_crash_of_the_core_is_one_line(emulator, compiler):
    source = CSource("loop", LOOP_HEADER, LOOP.replace('"nop\\n', '"udf #0\\n'), 8)
    with pytest.raises(DataError, match="Unicorn stops the program at 0x|a fault of the core"):
        emulate(source, np.ones((1, 2), np.int8), emulator=emulator, compiler=compiler)


@needs_pip
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"core": "m5"}, "Unknown core 'm5'"),
        ({"emulator": "renode"}, "Unknown emulator 'renode'"),
        ({"compiler": "icc"}, "Unknown compiler 'icc'."),
        ({"optimise": "-Ofast"}, "Unknown optimisation '-Ofast'"),
        ({"inputs": np.zeros((2, 5), np.int8)}, "at least one sample of 24 int8 numbers"),
        ({"inputs": np.zeros((0, 24), np.int8)}, "at least one sample of 24 int8 numbers"),
        ({"inputs": np.zeros((2, 24), np.int16)}, "got int16 of shape"),
    ],
)
def test_what_cannot_be_run_is_refused(small, change, text):
    arguments = {"source": c_source(small), "inputs": drawn(small, 1), **change}
    with pytest.raises(ConfigError, match=re.escape(text)):
        emulate(**arguments)


@needs_pip
def test_names_that_repeat_are_refused(small):
    source, q = c_source(small), drawn(small, 1)
    with pytest.raises(ConfigError, match="networks of different names"):
        emulate_many([source, source], [q, q])


@needs_pip
@pytest.mark.parametrize("value", ["", "3x"])
def test_a_header_without_a_size_is_one_line(small, value):
    source = c_source(small)
    header = re.sub("(#define MODEL_INPUT_SIZE ).*", rf"\g<1>{value}", source.header)
    with pytest.raises(DataError, match="model.h lacks MODEL_INPUT_SIZE; export it again"):
        emulate(replace(source, header=header), drawn(small, 1))


def test_missing_tools_are_named_with_the_command_that_installs_them(monkeypatch, tmp_path):
    for name in ("_find_zig", "_find_gcc"):
        monkeypatch.setattr(emulate_compilers, name, getattr(emulate_compilers, name).__wrapped__)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "unicorn", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    pip, apt = "pip install 'evonas[emulate]'", "apt-get install gcc-arm-none-eabi qemu-system-arm"

    with pytest.raises(ConfigError, match=re.escape(f"{pip}, or {apt}.")):
        choose_tools()
    with pytest.raises(ConfigError, match=re.escape(f"Unicorn is not installed: {pip}.")):
        choose_tools("unicorn")
    with pytest.raises(ConfigError, match=f"qemu-system-arm is not installed: {apt}"):
        choose_tools("qemu")
