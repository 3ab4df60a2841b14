import dataclasses

import pytest

from evonas.arch import SpecBuilder
from evonas.errors import DataError, SpecError
from evonas.proxy.backends.backend import check_task


def test_a_network_of_another_shape_is_refused(tiny, classes):
    with pytest.raises(SpecError, match=r"\(3, 12\)"):
        check_task(tiny((3, 13), 3), classes)
    with pytest.raises(SpecError, match=r"\(3,\)"):
        check_task(tiny((3, 12), 4), classes)


def test_regression_needs_an_output_bias(numbers):
    b = SpecBuilder()
    spec = b.finish(b.dense(b.flatten(b.input((2, 10))), 1, bias=False))

    with pytest.raises(SpecError, match="bias"):
        check_task(spec, numbers)


def test_an_empty_validation_part_is_refused(tiny, classes):
    with pytest.raises(DataError, match="validation"):
        check_task(tiny((3, 12), 3), dataclasses.replace(classes, val=classes.test))
