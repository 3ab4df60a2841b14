import pytest

from evonas.arch import ArchSpec
from evonas.cost import count_macs, count_params, training_params
from evonas.references import REFERENCES, Reference

COUNTS = {"training": training_params, "deployed": count_params}


@pytest.fixture(params=REFERENCES.names())
def record(request) -> Reference:
    return REFERENCES.get(request.param)


def test_a_reference_bears_its_name_and_says_where_it_is_from(record):
    assert record.name in REFERENCES
    assert record is REFERENCES.get(record.name)
    assert record.title
    assert record.citation


def test_the_network_has_the_published_input_and_outputs(record):
    spec = record.build()

    assert spec.input_shape == record.input_shape
    assert spec.output_shape == (record.num_outputs,)


def test_params_equal_the_published_ones_in_the_published_convention(record):
    if record.published_params is None:
        assert record.published_kib is not None
        return
    count = COUNTS[record.convention](record.build())

    assert count + record.mask_params == record.published_params


def test_macs_equal_the_published_ones_to_their_digits(record):
    if record.published_macs is not None:
        assert count_macs(record.build()) == pytest.approx(record.published_macs, rel=5e-4)


def test_the_network_survives_json(record):
    spec = record.build()

    assert ArchSpec.from_json(spec.to_json()) == spec
