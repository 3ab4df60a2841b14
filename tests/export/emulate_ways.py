"""Ways to emulate generated C, and a program of a counted length, that tests share."""

import importlib.util
import shutil

import numpy as np
import pytest

PARTS = {
    "unicorn": importlib.util.find_spec("unicorn"),
    "zig": importlib.util.find_spec("ziglang"),
    "qemu": shutil.which("qemu-system-arm"),
    "gcc": shutil.which("arm-none-eabi-gcc"),
}


def installed(*names):
    return all(PARTS[name] is not None for name in names)


needs_pip = pytest.mark.skipif(not installed("unicorn", "zig"), reason="no unicorn or ziglang")
WAYS = [
    pytest.param(
        emulator,
        compiler,
        marks=pytest.mark.skipif(
            not installed(emulator, compiler), reason=f"no {emulator} or {compiler}"
        ),
    )
    for emulator in ("unicorn", "qemu")
    for compiler in ("zig", "gcc")
]
PIP_AND_QEMU = pytest.mark.skipif(
    not installed("unicorn", "zig", "qemu"), reason="no unicorn, ziglang or qemu"
)


def drawn(network, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, (n, *network.graph.tensors[0].shape)).astype(np.int8)


LOOP = """
#include "loop.h"
#ifndef EVONAS_MARK
#define EVONAS_MARK(layer)
#endif
static volatile int8_t numbers[8];
const int8_t table[32] = {1, 2, 3};
void loop_predict(const int8_t *input, int8_t *output)
{
    const uint32_t given = (uint32_t)input[0];
    EVONAS_MARK(0);
    __asm__ volatile("nop\\n nop\\n nop\\n nop\\n nop");
    EVONAS_MARK(1);
    __asm__ volatile("mov r2, %0\\n 1: nop\\n subs r2, #1\\n bne 1b"
        : : "r"(given) : "r2", "cc");
    EVONAS_MARK(2);
    __asm__ volatile("cmp r0, r0\\n ite ne\\n movne r2, #1\\n moveq r2, #2" : : : "r2", "cc");
    EVONAS_MARK(3);
    EVONAS_MARK(4);
    numbers[0] = (int8_t)(input[1] + table[input[0] & 31]);
    output[0] = numbers[0];
}
"""
LOOP_HEADER = """
#include <stdint.h>
#define LOOP_INPUT_SIZE 2
#define LOOP_OUTPUT_SIZE 1
#define LOOP_LAYERS 4
#define LOOP_LAYER_NAMES { "five", "loop", "skip", "nothing" }
void loop_predict(const int8_t *input, int8_t *output);
"""
