from pathlib import Path

import pytest

from evonas.devices import device_names, load_device
from evonas.devices.catalogue import FOLDER
from evonas.errors import ConfigError

TEXT = (FOLDER / "stm32l4r5.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_device_is_found_by_its_name():
    device = load_device("stm32l4r5")

    assert device.core == "Cortex-M4"
    assert device.clock_hz == 120_000_000
    assert device.ram_bytes == 640 * 1024
    assert device.kernels["cmsis_nn"].conv == 3.7


def test_the_names_are_those_of_the_files():
    assert device_names() == ("stm32h7a3", "stm32l4r5", "stm32u575")


def test_an_unknown_name_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="Unknown device 'stm32l4r4'. Did you mean 'stm32l4r5'"):
        load_device("stm32l4r4")


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path):
    path = written(tmp_path, TEXT.replace('name = "stm32l4r5"', 'name = "mine"'))

    assert load_device(path).name == load_device(str(path)).name == "mine"


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
        ("conv = 3.7", "", r"\[kernels.cmsis_nn\]: missing key 'conv'"),
        ("conv = 3.7", "conv = 'x'", "conv must be a positive number, got 'x'"),
        ("conv = 3.7", "conf = 3.7", "unknown key 'conf'. Did you mean 'conv'"),
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

    with pytest.raises(ConfigError, match=r"must be a table, got 3|\[sources\] misses"):
        load_device(path)


def test_a_missing_file_is_an_error():
    with pytest.raises(ConfigError, match="nowhere.toml: cannot be read: No such file"):
        load_device("nowhere.toml")


def test_a_device_cannot_be_changed():
    device = load_device("stm32l4r5")

    with pytest.raises(TypeError):
        device.kernels["mine"] = device.kernels["cmsis_nn"]  # type: ignore[index]
