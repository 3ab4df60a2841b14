import json
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

from evonas.cli import app
from evonas.cost import cost_report
from evonas.devices import device_names, load_device
from evonas.references import reference

NETWORKS = ("ds_cnn", "ecgtcn", "resnet8", "temponet", "mobilenet_025", "fc_autoencoder")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture
def timings(tmp_path):
    """Whole networks on a board that is 1.5 times as slow as the base."""
    rng = np.random.default_rng(0)
    lines = ["layer,network,latency"]
    for name in NETWORKS:
        latency_s = cost_report(reference(name), load_device("stm32l4r5")).latency_s
        lines.append(f"network,{name},{1.5e3 * latency_s * (1 + 0.02 * rng.standard_normal())} ms")
    path = tmp_path / "timings.csv"
    path.write_text("\n".join(lines))
    return path


def test_the_table_has_a_line_for_each_device():
    lines = run("devices").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["name", *device_names()]
    assert lines[0].split()[-2:] == ["latency", "error"]
    for line in lines[1:]:
        assert line.endswith("uncalibrated") or "±" in line


def test_the_table_as_json_is_in_si_units():
    rows = {row["name"]: row for row in json.loads(run("devices", "--json").stdout)}

    assert set(rows) == set(device_names())
    assert rows["rp2040"]["clock_hz"] == 133_000_000
    assert rows["rp2040"]["flash_bytes"] is None
    assert rows["rp2040"]["power_w"] is None
    assert 0 < rows["stm32f446"]["error_median"] < rows["stm32f446"]["error_p95"] < 0.3
    assert rows["gap8"]["runtimes"] == ["gap8"]


@pytest.mark.parametrize("name", device_names())
def test_a_device_is_shown_with_the_source_of_each_figure(name):
    text = run("devices", "show", name).stdout
    device = load_device(name)

    for source in (*device.sources.values(), *(k.source for k in device.kernels.values())):
        assert source in text
    for library, kernels in device.kernels.items():
        assert f"kernels of {library}, model {kernels.model}" in text
    data = json.loads(run("devices", "show", name, "--json").stdout)
    assert data["ram_bytes"] == device.ram_bytes
    assert data["sources"] == dict(device.sources)
    assert set(data["kernels"]) == set(device.kernels)


def test_an_unknown_device_is_one_line():
    assert "Did you mean 'stm32l4r5'" in refused("devices", "show", "stm32l4r4")


def test_a_calibration_writes_a_device_that_a_profile_uses(timings, tmp_path):
    mine = tmp_path / "mine.toml"

    result = run("devices", "calibrate", timings, "--base", "stm32l4r5", "-o", mine)

    assert result.exit_code == 0, result.output
    assert "6 rows, 6 different shapes; error with each shape left out: median" in result.stdout
    assert f"next: evonas profile TARGET --device {mine}" in result.stdout
    device = load_device(mine)
    kernels = device.kernels["cmsis_nn"]
    base = load_device("stm32l4r5")
    factor = kernels.cycles_per_instruction / base.kernels["cmsis_nn"].cycles_per_instruction
    assert factor == pytest.approx(1.5, rel=0.03)
    assert device.name == "mine"
    assert device.power_w == base.power_w
    assert "timings.csv, 6 rows, 20" in kernels.calibrated_on
    assert 0 < kernels.error_median <= kernels.error_p95 < 0.1
    data = json.loads(run("profile", "tcresnet14", "--device", mine, "--json").stdout)
    plain = cost_report(reference("tcresnet14"), base).latency_s
    assert data["latency_s"] == pytest.approx(1.5 * plain, rel=0.05)
    assert "calibrated on timings.csv" in data["accuracy"]


def test_a_calibration_as_json(timings, tmp_path):
    mine = tmp_path / "mine.toml"
    result = run("devices", "calibrate", timings, "--base", "stm32l4r5", "-o", mine, "--json")

    data = json.loads(result.stdout)
    assert (data["n_rows"], data["library"], data["output"]) == (6, "cmsis_nn", str(mine))
    assert data["error_median"] <= data["error_p95"]


def test_another_kernel_library_is_calibrated_through_its_runtime(timings, tmp_path):
    mine = tmp_path / "mine.toml"
    arguments = ("devices", "calibrate", timings, "--base", "stm32l4r5", "-o", mine)

    result = run(*arguments, "--runtime", "xcubeai")

    assert result.exit_code in (0, 2)  # six networks may not tell five figures apart
    if result.exit_code:
        assert "do not tell the figures apart" in result.stderr
    else:
        assert load_device(mine).kernels["cmsis_nn"] == load_device("stm32l4r5").kernels["cmsis_nn"]


def test_the_template_is_a_file_that_can_be_calibrated_from(tmp_path):
    text = run("devices", "calibrate", "--template").stdout
    path = tmp_path / "template.csv"
    path.write_text(text)

    assert text.startswith("# ")
    result = run("devices", "calibrate", path, "--base", "stm32f446", "-o", tmp_path / "t.toml")
    assert result.exit_code == 0, result.output
    assert tomllib.loads((tmp_path / "t.toml").read_text())["name"] == "t"


def test_an_existing_file_is_kept_unless_forced(timings, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("precious")
    arguments = ("devices", "calibrate", timings, "--base", "stm32l4r5", "-o", mine)

    assert "exists; --force overwrites it" in refused(*arguments)
    assert mine.read_text() == "precious"
    assert run(*arguments, "--force").exit_code == 0
    assert load_device(mine).name == "mine"


def test_what_is_missing_or_wrong_is_one_line(timings, tmp_path):
    mine = tmp_path / "mine.toml"
    assert "needs CSV, --base NAME and -o FILE" in refused("devices", "calibrate")
    base = ("--base", "stm32l4r5")
    assert "ends in .toml" in refused("devices", "calibrate", timings, *base, "-o", "x.txt")
    assert "no folder" in refused(
        "devices", "calibrate", timings, *base, "-o", tmp_path / "no" / "x.toml"
    )
    assert "cannot be read" in refused(
        "devices", "calibrate", tmp_path / "none.csv", *base, "-o", mine
    )
    assert "has no figures to fit" in refused(
        "devices", "calibrate", timings, "--base", "tda2x", "-o", mine
    )
    assert "no latency model" in refused(
        "devices", "calibrate", timings, *base, "-o", mine, "--runtime", "c"
    )
    few = tmp_path / "few.csv"
    few.write_text("\n".join(timings.read_text().splitlines()[:5]))
    assert "4 rows are too few" in refused("devices", "calibrate", few, *base, "-o", mine)
    assert not mine.exists()
