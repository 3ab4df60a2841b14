import re
from pathlib import Path

import pytest

from evonas.devices import MemoryTier, device_names, load_device
from evonas.devices.catalogue import FOLDER
from evonas.errors import ConfigError

TEXT = (FOLDER / "stm32l4r5.toml").read_text(encoding="utf-8")


HEAD, _, _ = TEXT.partition("[kernels.")
ROOFLINE = """[kernels.roofline]
model = "roofline"
macs_per_cycle = 32
bytes_per_cycle = 16
overhead_cycles = 0
source = "datasheet"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_device_is_found_by_its_name():
    device = load_device("stm32l4r5")

    assert device.core == "Cortex-M4"
    assert device.clock_hz == 120_000_000
    assert device.ram_bytes == 640 * 1024
    assert device.kernels["cmsis_nn"].cycles_per_instruction == 1.436
    assert device.kernels["xcubeai"].conv == 2.2


def test_the_names_are_those_of_the_files():
    assert device_names() == tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
    assert {"stm32h7a3", "stm32l4r5", "stm32u575"} <= set(device_names())


def test_an_unknown_name_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="Unknown device 'stm32l4r4'. Did you mean 'stm32l4r5'"):
        load_device("stm32l4r4")


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path):
    path = written(tmp_path, TEXT.replace('name = "stm32l4r5"', 'name = "mine"'))

    assert load_device(path).name == load_device(str(path)).name == "mine"


def test_flash_may_be_left_out_if_its_source_says_why(tmp_path):
    text = re.sub(r"(?m)^flash_bytes = \d.*$", "", TEXT)

    assert load_device(written(tmp_path, text)).flash_bytes is None
    with pytest.raises(ConfigError, match=r"\[sources\] misses 'flash_bytes'"):
        load_device(written(tmp_path, re.sub(r"(?m)^flash_bytes = .*$", "", TEXT)))


def test_memory_tiers_are_kept_in_order(tmp_path):
    tiers = '[[memory]]\nname = "L1"\nbytes = 64\n[[memory]]\nname = "L2"\nbytes = 512\n'
    text = TEXT.replace("[sources]", tiers + '[sources]\nmemory = "somewhere"')

    device = load_device(written(tmp_path, text))

    assert device.memory == (MemoryTier("L1", 64), MemoryTier("L2", 512))


@pytest.mark.parametrize(
    ("stated", "short", "long"),
    [
        ('validation = "uncalibrated: why"', "uncalibrated", "uncalibrated: why"),
        (
            'validation = "x"\ncalibrated_on = "mine"\nerror_median = 0.04\nerror_p95 = 0.123',
            "±4 % (p95 12 %)",
            "median error 4 %, p95 12 %, calibrated on mine",
        ),
    ],
)
def test_a_library_says_what_its_latency_is_worth(tmp_path, stated, short, long):
    kernels = load_device(written(tmp_path, HEAD + ROOFLINE + stated)).kernels["roofline"]

    assert (kernels.short_accuracy, kernels.accuracy) == (short, long)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ROOFLINE + 'validation = "fine"', "or start validation with 'uncalibrated'"),
        (
            ROOFLINE + 'validation = "uncalibrated"\nerror_median = 0.1',
            "come together or not at all",
        ),
        ('[kernels.x]\nmodel = "lines"', r"\[kernels.x\]: Unknown model 'lines'"),
        ("[kernels.x]\nconv = 1", r"\[kernels.x\]: missing key 'model'; one of instructions, "),
        (
            '[kernels.x]\nmodel = "gap8"\nmacs_per_cycle = 3',
            r"\[kernels.x\]: unknown key 'macs_per_cycle'",
        ),
        ("[kernels]\nx = 3", "kernels.x must be a table, got 3"),
    ],
)
def test_a_wrong_table_of_kernels_is_one_line(tmp_path, table, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_device(written(tmp_path, f"{HEAD}\n{table}"))

    assert "\n" not in str(caught.value)


def test_a_core_without_instruction_model_is_told_what_to_state(tmp_path):
    text = TEXT.replace('core = "Cortex-M4"', 'core = "Cortex-M0+"')

    with pytest.raises(ConfigError, match="no instruction model of core 'Cortex-M0\\+'"):
        load_device(written(tmp_path, text))


def test_power_may_be_left_out(tmp_path):
    lines = [line for line in TEXT.splitlines() if not line.startswith("power_w")]

    assert load_device(written(tmp_path, "\n".join(lines))).power_w is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz = 120_000_000", "", "missing key 'clock_hz'"),
        ("ram_bytes = 655_360  ", "ram_byte = 655_360  ", "unknown key 'ram_byte'. Did you mean"),
        ("ram_bytes = 655_360  ", "ram_bytes = -1", "ram_bytes must be a positive number, got -1"),
        ("clock_hz = 120_000_000", "clock_hz = nan", "clock_hz must be a positive number, got nan"),
        ("clock_hz = 120_000_000", "clock_hz = true", "positive number, got True"),
        ("flash_bytes = 2_097_152", "flash_bytes = 0.5", "a whole number of bytes, got 0.5"),
        ("= 655_360   # the", "= 655_361   # the", "largest_ram_block_bytes exceeds ram_bytes"),
        ('core = "Cortex-M4"', "core = 4", "core must be a text, got 4"),
        ("conv = 6.8", "", r"\[kernels.tflm_reference\]: missing key 'conv'"),
        ("conv = 6.8", "conv = 'x'", "conv must be a positive number, got 'x'"),
        ("conv = 6.8", "conf = 6.8", "unknown key 'conf'. Did you mean 'conv'"),
        ("overhead_cycles = 500", "overhead_cycles = -1", "must be a number not below 0, got -1"),
        ("[kernels.cmsis_nn]", "[kernel]", "unknown key 'kernel'. Did you mean 'kernels'"),
        ("[sources]", "[sources]\nclock = 'x'", r"\[sources\] unknown key 'clock'"),
        ('power_w = "MLPerf', '# "', r"\[sources\] misses 'power_w'"),
        ("[sources]", "[sources", "not a TOML file"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path, old, new, message):
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new, 1))

    with pytest.raises(ConfigError, match=message) as caught:
        load_device(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["sources", "kernels"])
def test_a_table_that_is_none_is_an_error(tmp_path, key):
    head, _, _ = TEXT.partition("[sources]")
    other = "[kernels]" if key == "sources" else "[sources]"
    path = written(tmp_path, f"{key} = 3\n{head}\n{other}\n")

    with pytest.raises(ConfigError, match=r"must be a table, got 3|needs at least one"):
        load_device(path)


def test_a_missing_file_is_an_error():
    with pytest.raises(ConfigError, match="nowhere.toml: cannot be read: No such file"):
        load_device("nowhere.toml")


def test_a_device_cannot_be_changed():
    device = load_device("stm32l4r5")

    with pytest.raises(TypeError):
        device.kernels["mine"] = device.kernels["cmsis_nn"]  # type: ignore[index]
