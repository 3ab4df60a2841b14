import math

import numpy as np
import pytest

from evonas.plots.axes import Axis, limits, readable, unit_of


@pytest.mark.parametrize(
    ("dimension", "values", "unit"),
    [
        ("second", [2e-4, 2e-2], "ms"),
        ("second", [2e-6, 2e-5], "µs"),
        ("byte", [100.0, 900.0], "kB"),  # 0.1 to 0.9 kB
        ("byte", [20.0, 90.0], "B"),
        ("count", [40.0, 4e6], ""),
        ("count", [4e4, 4e6], "thousand"),
        ("share", [0.01, 0.5], "%"),
    ],
)
def test_units_fit_the_values(dimension, values, unit):
    axis = Axis("x", "x", dimension, is_log=dimension != "share")

    assert unit_of(axis, np.array([*values, np.nan]))[1] == unit


def test_limits_of_a_log_axis_leave_room_and_span_a_factor_of_two_at_least():
    axis = Axis("x", "x", "byte", is_log=True)

    low, high = limits(axis, np.array([100.0, np.nan, np.inf, 0.0]))

    assert low * high == pytest.approx(1e4)
    assert high / low > 2


def test_limits_of_a_linear_axis_start_at_0_only_where_values_come_near_it():
    axis = Axis("x", "x", "share", is_log=False)

    assert limits(axis, np.array([0.1, 0.9])) == pytest.approx((-0.072, 0.945))
    assert limits(axis, np.array([0.5, 0.9])) == pytest.approx((0.468, 0.92))


@pytest.mark.parametrize("is_log", [True, False])
def test_limits_without_values_are_finite_and_apart(is_log):
    low, high = limits(Axis("x", "x", "byte", is_log), np.array([np.nan]))

    assert math.isfinite(low)
    assert low < high


def test_names_are_written_as_people_do():
    assert [readable(n) for n in ("peak_ram", "macs", "f1_error")] == [
        "peak RAM",
        "MACs",
        "F1 error",
    ]
