"""TensorFlow Lite Micro's interpreter on this machine: the oracle of the integer reference."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from evonas.errors import ConfigError, DataError
from evonas.quant.arithmetic import Int8s

INSTALL = "pip install 'evonas[tflite]'"
STDERR = 2
HEAD = re.compile(r"Arena allocation head (\d+) bytes")
SMALLEST_ARENA_BYTES = 1 << 16
LARGEST_ARENA_BYTES = 1 << 28


class Interpreter:
    """One .tflite file, loaded.

    The interpreter's structures on this machine have 64-bit pointers: of its memory only the head
    of the arena, which holds tensors and scratch buffers, is that of a microcontroller.

    Args:
        data: The file.

    Raises:
        DataError: The interpreter does not take the file.
        ConfigError: The extra "tflite" is not installed.
    """

    def __init__(self, data: bytes) -> None:
        check_identifier(data)
        self._interpreter, _ = _captured(lambda: _load(data))

    def invoke(self, q: Int8s) -> Int8s:
        """Returns the outputs (n, num_outputs) of int8 inputs (n, ...), one after the other.

        The state of recurrent operators is cleared before each.

        Raises:
            DataError: The inputs are of another size than the network's.
        """
        shape = self.input_shape
        if q.dtype != np.int8 or q[:1].size != (np.prod(shape) if len(q) else 0):
            raise DataError(f"Expected int8 inputs of {shape} elements, got {q.dtype} {q.shape}.")
        outputs = []
        for sample in q:
            self._interpreter.reset()
            self._interpreter.set_input(sample.reshape(shape), 0)
            self._interpreter.invoke()
            outputs.append(self._interpreter.get_output(0).reshape(-1))
        n_outputs = int(np.prod(self._interpreter.get_output_details(0)["shape"]))
        return np.array(outputs, np.int8).reshape(len(q), n_outputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input tensor."""
        return tuple(int(n) for n in self._interpreter.get_input_details(0)["shape"])

    def arena_head_bytes(self) -> int:
        """Returns the bytes of the arena that tensors and scratch buffers take."""
        _, text = _captured(self._interpreter.print_allocations)
        found = HEAD.search(text)
        if found is None:
            raise DataError(f"TensorFlow Lite Micro printed no arena head but {text.strip()!r}.")
        return int(found.group(1))


def check_identifier(data: bytes) -> None:
    """Checks that data begins like a .tflite file.

    Raises:
        DataError: It does not.
    """
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise DataError("Not a .tflite file: its bytes 4 to 8 should be 'TFL3'.")


def _load(data: bytes) -> Any:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError:
        raise ConfigError(
            f"TensorFlow Lite Micro's interpreter is not installed: {INSTALL}."
        ) from None
    arena = SMALLEST_ARENA_BYTES
    while True:
        try:
            return runtime.Interpreter.from_bytes(data, arena_size=arena)
        except Exception as error:
            arena *= 4
            if arena > LARGEST_ARENA_BYTES:
                raise DataError(f"TensorFlow Lite Micro does not take the file: {error}.") from None


def _captured(call: Callable[[], Any]) -> tuple[Any, str]:
    """Returns what a call returns, and what it wrote to the process's standard error."""
    with tempfile.TemporaryFile() as file:
        saved = os.dup(STDERR)
        try:
            os.dup2(file.fileno(), STDERR)
            result = call()
        finally:
            os.dup2(saved, STDERR)
            os.close(saved)
        file.seek(0)
        return result, file.read().decode(errors="replace")
