import csv
import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from evonas.arch.lower import lower
from evonas.cost.calibrate import MAX_FOLDS, MIN_ROWS, calibrate
from evonas.cost.latency import op_cycles
from evonas.cost.measurements import COLUMNS, TEMPLATE, read_measurements
from evonas.devices import load_device
from evonas.errors import ConfigError
from evonas.references import reference

DATA = Path(os.environ.get("EVONAS_DATA", Path(__file__).parents[3] / "shared" / "data"))
LAYERS = DATA / "hardware" / "mcu_layer_cycles.csv"
BASE = load_device("stm32l4r5")


def written(folder, rows, header=COLUMNS) -> Path:
    path = folder / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(path):
    with path.open() as file:
        return [*csv.DictReader(file)]


def shapes(rng, n):
    """Returns n different layers as rows without a time."""
    for i in range(n):
        kind = ("conv", "depthwise", "dense", "conv")[i % 4]
        c_in, c_out = (int(c) for c in rng.integers(1, 40, 2))
        row = {"layer": kind, "in_channels": c_in, "out_channels": c_out}
        if kind != "dense":
            k = int(rng.integers(1, 6))
            row |= {"height": 1, "width": int(rng.integers(20, 200)), "kernel": f"1x{k}"}
        if kind == "depthwise":
            row["out_channels"] = c_in
        yield row


def timed(folder, rows, kernels, noise=0.0, rng=None, library="cmsis_nn"):
    """Returns a file whose times are those of a kernel table on the base."""
    for row in rows:
        row["cycles"] = 1  # overwritten below
    specs = [m.spec for m in read_measurements(written(folder, rows), reference)]
    for row, spec in zip(rows, specs, strict=True):
        graph = lower(spec)
        cycles = sum(op_cycles(graph, op, BASE, kernels).cycles for op in graph.ops)
        row.pop("cycles")
        factor = 1 + noise * float(rng.standard_normal()) if rng is not None else 1
        row["latency"] = f"{1e3 * cycles * factor / BASE.clock_hz:.9f} ms"
    return written(folder, rows)


def table(library="cmsis_nn", **figures):
    return dataclasses.replace(BASE.kernels[library], **figures)


def slower(times, **figures):
    """Returns the base's CMSIS-NN, every cycle but the overhead lasting so many times as long."""
    kernels = BASE.kernels["cmsis_nn"]
    work = ("cycles_per_instruction", "weight_cycles_per_byte")
    return table(**{name: times * getattr(kernels, name) for name in work}, **figures)


def times_of(kernels):
    base = BASE.kernels["cmsis_nn"]
    return kernels.cycles_per_instruction / base.cycles_per_instruction


def fitted(path, library="cmsis_nn", base=BASE):
    return calibrate(read_measurements(path, reference), base, library, "a test")


def test_figures_from_which_times_were_made_are_recovered(tmp_path):
    rows = [*shapes(np.random.default_rng(0), 24)]
    path = timed(tmp_path, rows, slower(1.6, overhead_cycles=900))

    found = fitted(path)

    assert times_of(found.kernels) == pytest.approx(1.6, rel=1e-3)
    assert found.kernels.overhead_cycles == pytest.approx(900, rel=1e-2)
    assert found.kept == ()
    assert found.error_p95 < 1e-3
    assert found.base_error_median > 0.3
    assert found.kernels.error_median == found.error_median > 0


def test_many_rows_tell_waits_for_weights_from_instructions(tmp_path):
    rows = [*shapes(np.random.default_rng(6), 80)]
    kernels = table(cycles_per_instruction=1.2, weight_cycles_per_byte=0.9, overhead_cycles=400)

    found = fitted(timed(tmp_path, rows, kernels)).kernels

    assert found.cycles_per_instruction == pytest.approx(1.2, rel=0.01)
    assert found.weight_cycles_per_byte == pytest.approx(0.9, rel=0.01)
    assert found.overhead_cycles == pytest.approx(400, rel=0.05)


def test_classes_of_cycles_per_mac_are_recovered(tmp_path):
    rows = [*shapes(np.random.default_rng(1), 40)]
    rows += [{"layer": "add", "in_channels": c, "width": 50} for c in (3, 9)]
    figures = {"conv": 5.0, "depthwise": 17.0, "dense": 7.0, "cycles_per_instruction": 2.0}
    kernels = table("tflm_reference", **figures, overhead_cycles=700)
    path = timed(tmp_path, rows, kernels)

    found = fitted(path, "tflm_reference")

    for name, value in figures.items():
        assert getattr(found.kernels, name) == pytest.approx(value, rel=1e-3)


def test_noise_and_a_few_wrong_rows_do_little_harm(tmp_path):
    rng = np.random.default_rng(2)
    rows = [*shapes(rng, 60)]
    path = timed(tmp_path, rows, slower(1.3), noise=0.03, rng=rng)
    rows = rows_of(path)
    for row in rows[:4]:
        row["latency"] = f"{5 * float(row['latency'].split()[0])} ms"

    found = fitted(written(tmp_path, rows))

    assert times_of(found.kernels) == pytest.approx(1.3, rel=0.03)
    assert 0.01 < found.error_median < 0.05
    assert len(found.far_off) == 4


def test_a_class_without_rows_keeps_the_bases_figure(tmp_path):
    rows = [row for row in shapes(np.random.default_rng(3), 40) if row["layer"] == "conv"]
    path = timed(tmp_path, rows, table("tflm_reference", conv=3.0))

    found = fitted(path, "tflm_reference")

    assert found.kernels.conv == pytest.approx(3.0, rel=1e-3)
    assert found.kernels.dense == BASE.kernels["tflm_reference"].dense
    assert {"dense", "depthwise", "cycles_per_instruction"} <= set(found.kept)


def test_whole_networks_and_cycles_are_rows_too(tmp_path):
    names = ("ds_cnn", "ecgtcn", "resnet8", "temponet", "mobilenet_025", "fc_autoencoder")
    rows = [{"layer": "network", "network": name} for name in names]
    path = timed(tmp_path, rows, slower(0.8))

    found = fitted(path)

    assert found.n_shapes == 6
    assert times_of(found.kernels) == pytest.approx(0.8, rel=0.01)


def test_the_same_rows_twice_leave_a_shape_out_as_a_whole(tmp_path):
    rng = np.random.default_rng(4)
    rows = [*shapes(rng, 12)]
    path = timed(tmp_path, rows, table(), noise=0.1, rng=rng)
    once = rows_of(path)

    found = fitted(written(tmp_path, [*once, *once]))

    assert (found.n_rows, found.n_shapes) == (24, 12)
    assert found.error_median > 0.01


def test_the_templates_rows_are_read(tmp_path):
    path = tmp_path / "template.csv"
    path.write_text(TEMPLATE)

    rows = read_measurements(path, reference)

    assert len(rows) == 8
    assert rows[0].latency_s == pytest.approx(2.31e-3)
    assert rows[2].cycles == 2_080_000
    assert rows[0].spec.output_shape == (16, 1, 128)
    assert rows[1].spec.output_shape == (16, 16, 16)
    assert rows[3].spec.output_shape == (64, 25, 5)
    assert rows[5].spec.output_shape == (16, 1, 64)
    assert rows[7].spec == reference("ds_cnn")


CONV = {"layer": "conv", "width": 50, "in_channels": 4, "out_channels": 8, "kernel": "1x3"}
BAD = {
    "unknown layer": ({"layer": "convv"}, "line 2: Unknown layer 'convv'. Did you mean 'conv'"),
    "no kernel": ({"kernel": ""}, "line 2: kernel: expected HEIGHTxWIDTH such as 1x5, got ''"),
    "zero": ({"latency": "0 ms"}, "line 2: expected a positive time, got '0 ms'"),
    "negative": ({"latency": "-3 ms"}, "line 2: expected a positive time"),
    "not a time": ({"latency": "fast"}, "line 2: Expected a duration in seconds"),
    "unknown unit": ({"latency": "3 MHz"}, "line 2: Expected a duration in seconds"),
    "both": ({"cycles": "300"}, "line 2: expected either latency or cycles"),
    "neither": ({"latency": ""}, "line 2: expected either latency or cycles"),
    "no width": ({"width": ""}, "line 2: width: expected a whole number, got ''"),
    "half a channel": ({"in_channels": "1.5"}, "line 2: in_channels: expected a whole number"),
    "kernel too large": ({"kernel": "1x99", "padding": "valid"}, "line 2: .*does not fit"),
    "unknown padding": ({"padding": "full"}, "line 2: Unknown padding 'full'"),
    "unknown network": ({"layer": "network", "network": "x"}, "line 2: Unknown reference 'x'"),
    "unnamed network": ({"layer": "network"}, "line 2: a row of a network needs its name"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_row_is_one_line_that_names_it(tmp_path, case):
    change, words = BAD[case]
    path = written(tmp_path, [CONV | {"latency": "2 ms"} | change])

    with pytest.raises(ConfigError, match=words) as caught:
        read_measurements(path, reference)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no rows"),
        ("# nothing\n\n", "there are no rows"),
        ("layer,width\nconv,3\n", "missing column 'latency' or 'cycles'"),
        ("latency\n3\n", "missing column 'layer'"),
        ("layer,latncy\nconv,3\n", "Unknown column 'latncy'. Did you mean 'latency'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_measurements(path, reference)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_measurements(tmp_path / "none.csv", reference)


def test_too_few_or_too_equal_rows_are_refused(tmp_path):
    rows = [*shapes(np.random.default_rng(5), MIN_ROWS - 1)]
    with pytest.raises(ConfigError, match="5 rows are too few to calibrate; at least 6"):
        fitted(timed(tmp_path, rows, table()))

    with pytest.raises(ConfigError, match="9 rows hold 1 different shape; at least 3"):
        fitted(timed(tmp_path, [dict(CONV) for _ in range(9)], table()))


def test_times_that_no_model_can_meet_are_refused(tmp_path):
    rows = [CONV | {"out_channels": c, "cycles": c} for c in range(1, 9)]
    found = fitted(written(tmp_path, rows))  # less than the overhead: it is taken to be none

    assert found.kernels.overhead_cycles == 0


def test_a_base_without_figures_to_fit_is_refused(tmp_path):
    rows = read_measurements(written(tmp_path, [CONV | {"latency": "2 ms"}]), reference)
    with pytest.raises(ConfigError, match="model 'roofline' of 'roofline' on 'tda2x' has no"):
        calibrate(rows, load_device("tda2x"), "roofline", "a test")


@pytest.mark.skipif(not LAYERS.exists(), reason=f"{LAYERS} is not there")
def test_layers_measured_on_a_board_are_met(tmp_path):
    rows = []
    with LAYERS.open() as file:
        for row in csv.DictReader(file):
            if "F446" in row["board"] and row["layer"] == "conv2d":
                _, height, width, c_in = row["input_shape"].split("x")
                rows.append(
                    {
                        "layer": "conv",
                        "height": height,
                        "width": width,
                        "in_channels": c_in,
                        "out_channels": row["output_shape"].split("x")[3],
                        "kernel": row["kernel"],
                        "stride": row["strides"],
                        "cycles": row["invoke_cycles"],
                    }
                )
    assert len(rows) > 7 * MAX_FOLDS

    found = fitted(written(tmp_path, rows))

    assert found.error_median < 0.03
    assert found.error_p95 < 0.2
    assert 1.5 < found.kernels.cycles_per_instruction < 1.7
