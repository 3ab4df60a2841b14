import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import cost_layers
import cost_nas_bench
import cost_networks

from evonas.arch import SpecBuilder
from evonas.cost import cost_report
from evonas.devices import load_device

HEADER = "board,layer,input_shape,output_shape,kernel,strides,padding,dilation,groups,op_cycles"
HAS_DATA = (cost_layers.data_folder() / cost_layers.FILE).exists()
needs_data = pytest.mark.skipif(not HAS_DATA, reason="the measurements are not there")


def test_shipped_boards_are_scored_on_another_file(tmp_path):
    board = "NUCLEO-F446RE (Cortex-M4)"
    b = SpecBuilder()
    conv = b.finish(b.conv2d(b.input((16, 12, 8)), 32, (1, 3), pads="same"))
    device = load_device("stm32f446")
    cycles = cost_report(conv, device).cycles - device.kernels["cmsis_nn"].overhead_cycles
    row = f"{board},conv2d,1x12x8x16,1x12x8x32,1x3,1x1,same,1x1,1.0"
    rows = [f"{row},{cycles}", f"{row},{2 * cycles}", f"{row},9"]  # no core is so fast
    path = tmp_path / "layers.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    found = cost_layers.run(path)

    assert set(found) == {board}
    assert (found[board]["n"], found[board]["left_out"]) == (2, 1)
    assert found[board]["median"] == pytest.approx(25)  # nothing, and half of the second


def test_a_fit_recovers_its_factors_in_spite_of_an_outlier():
    rng = np.random.default_rng(0)
    work = rng.uniform(1e4, 1e6, (40, 2))
    cycles = work @ np.array([1.5, 0.25])
    cycles[7] *= 3

    assert cost_layers.fit(work, cycles) == pytest.approx([1.5, 0.25], rel=1e-3)


def test_one_factor_is_that_of_least_relative_squares():
    predicted, measured = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.0])

    assert cost_networks.one_factor(predicted, measured) == pytest.approx(2.0)


def test_equal_values_share_their_rank():
    assert cost_nas_bench.rank_correlation(
        np.array([1.0, 2, 2, 3]), np.array([4.0, 5, 5, 9])
    ) == pytest.approx(1.0)


@needs_data
def test_layers_of_the_nucleo_boards_are_met():
    found = cost_layers.run(cost_layers.data_folder() / cost_layers.FILE)

    for board, errors in found.items():
        if board.startswith("NUCLEO"):
            assert errors["median"] <= 5
            assert errors["p95"] <= 25
            assert errors["macs_only_median"] > 10


@needs_data
def test_mlperf_tiny_with_cmsis_nn_is_met_also_by_the_factor_of_the_other_networks():
    found = cost_networks.run(None)

    for device in cost_networks.MICROTVM:
        assert max(found[f"microTVM + CMSIS-NN, {device}"].values()) <= 10
        assert max(found[f"microTVM + CMSIS-NN, {device}, left out"].values()) <= 10
    assert max(found["energy, stm32l4r5, tflm, v1.0"].values()) <= 15


@needs_data
def test_networks_of_nas_bench_201_on_a_board_are_met():
    found = cost_nas_bench.run()["NAS-Bench-201, nrf5340, all networks"]

    assert found["networks"] == 71
    for name in ("latency", "arena", "file", "ROM"):
        assert found[f"{name}: rank correlation"] >= 0.97
        assert found[f"{name}: mean error, %"] <= 10
