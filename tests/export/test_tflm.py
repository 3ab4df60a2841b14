import sys

import numpy as np
import pytest

from evonas.errors import ConfigError, DataError
from evonas.export.tflite import tflite_bytes
from evonas.export.tflm import Interpreter
from evonas.quant.quantize import quantize


@pytest.fixture
def data(builder, random_weights):
    spec = builder.finish(builder.dense(builder.global_average_pool(builder.input((3, 16))), 2))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 3, 16)).astype(np.float32)
    return tflite_bytes(quantize(spec, random_weights(spec, rng), X))


@pytest.fixture
def interpreted():
    pytest.importorskip("tflite_micro")


@pytest.mark.parametrize("damage", [b"", b"no file", b"x" * 400])
def test_what_is_no_tflite_file_is_refused(damage):
    with pytest.raises(DataError, match="Not a .tflite file"):
        Interpreter(damage)


def test_a_damaged_file_is_refused(data, interpreted):
    for cut in (24, 200, len(data) // 2, len(data) - 100):
        with pytest.raises(DataError, match="damaged|does not take"):
            Interpreter(data[:cut])


def test_inputs_of_another_size_are_refused(data, interpreted):
    with pytest.raises(DataError, match=r"\(1, 1, 16, 3\).*got int8 \(2, 5\)"):
        Interpreter(data).invoke(np.zeros((2, 5), np.int8))


def test_no_inputs_give_no_outputs(data, interpreted):
    assert Interpreter(data).invoke(np.zeros((0, 1, 16, 3), np.int8)).shape == (0, 2)


def test_the_head_of_the_arena_is_input_and_mean_and_output(data, interpreted):
    # 48 and 3 to 16; the output of 2 to 16 takes the input's place
    assert Interpreter(data).arena_head_bytes() == 48 + 16


def test_nothing_is_printed_where_a_network_is_loaded(data, interpreted, capfd):
    Interpreter(data).arena_head_bytes()

    assert capfd.readouterr().err == ""


def test_without_the_extra_the_message_names_it(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)

    with pytest.raises(ConfigError, match=r"pip install 'evonas\[tflite\]'"):
        Interpreter(data)
