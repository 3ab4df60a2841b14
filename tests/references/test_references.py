import math
from collections import Counter

import pytest

from evonas.arch.lower import lower
from evonas.arch.ops import Conv, Dense, Flatten, Pool
from evonas.cost import count_macs, count_params, training_params
from evonas.errors import ConfigError, SpecError
from evonas.references import REFERENCES, reference
from evonas.spaces import TCNSpace


def masks(fields: list[int], channels: list[int]) -> int:
    """Search masks of PIT's modules with granularity 2, <https://arxiv.org/abs/2301.10281>.

    Of a layer of stride 1 one a power of 2 below its field and one for every second tap but the
    first; of every layer one a channel that may go.
    """
    dilations = sum(math.floor(math.log2(field)) for field in fields)
    return dilations + sum(math.ceil(field / 2) - 1 for field in fields) + sum(channels)


def test_ecgtcn_deployed_holds_14_989_params():
    assert count_params(reference("ecgtcn")) == 14_989
    assert count_macs(reference("ecgtcn")) == 1_013_320


def test_half_of_ecgtcns_params_are_in_its_head():
    spec = reference("ecgtcn")

    assert isinstance(spec.nodes[-2].op, Flatten)
    assert spec.shapes[-2] == (1540,)


def test_temponets_last_convolution_gives_9_samples_and_4_after_pooling():
    spec = reference("temponet")

    convs = [spec.shapes[i] for i, node in enumerate(spec.nodes) if isinstance(node.op, Conv)]
    pools = [spec.shapes[i] for i, node in enumerate(spec.nodes) if isinstance(node.op, Pool)]
    assert [length for _, length in convs] == [256, 256, 256, 128, 128, 64, 32, 32, 9]
    assert pools[-1] == (128, 4)


def test_tcresnet14_halves_the_length_three_times():
    spec = reference("tcresnet14")

    lengths = {shape[1] for shape in spec.shapes if len(shape) == 2}
    assert lengths == {98, 49, 25, 13}
    assert spec.shapes[-2] == (936,)


def test_the_seed_for_the_space_tcn_deploys_as_many_params_as_pits():
    seed, published = reference("tcresnet14_seed"), reference("tcresnet14_pit")

    assert count_params(seed) == count_params(published)
    assert count_macs(seed) == count_macs(published)
    assert TCNSpace.from_reference("tcresnet14_seed", (40, 98), 12).seed == seed


def test_pit_seeds_have_no_dilation():
    for name in ("ecgtcn_pit", "temponet_pit", "tcresnet14_pit", "tcresnet14_seed"):
        convs = [node.op for node in reference(name).nodes if isinstance(node.op, Conv)]
        assert {conv.dilation for conv in convs} == {(1,)}


def test_the_published_seeds_hold_pits_masks_beside_their_params():
    two_a_block = [c for c in (11, 11, 11) for c in (c, c - 1)]
    assert REFERENCES.get("ecgtcn_pit").mask_params == masks([11, 11, 21, 21, 41, 41], two_a_block)

    dense_and_convs = [32, 32, 64, 64, 64, 128, 128, 128, 128, 256, 128]
    assert REFERENCES.get("temponet_pit").mask_params == masks(
        [11, 11, 11, 19, 19, 35, 35], [c - 1 for c in dense_and_convs]
    )

    two_a_block = [c for c in (36, 36, 48, 48, 72, 72) for c in (c, c - 1)]
    assert REFERENCES.get("tcresnet14_pit").mask_params == masks(
        [9, 17, 17, 33, 65, 65, 129, 257, 257], two_a_block
    )


def test_six_conv_fits_its_count_when_deployed():
    spec = reference("six_conv")

    assert count_params(spec) == 287_077
    assert training_params(spec) == 287_077 + 448  # a scale and a shift instead of a bias


OTHER_INPUTS = {1: (200,), 2: (3, 200), 3: (2, 40, 24)}


@pytest.mark.parametrize("name", REFERENCES.names())
def test_references_take_another_task(name):
    shape = OTHER_INPUTS[len(REFERENCES.get(name).input_shape)]

    spec = reference(name, input_shape=shape, num_outputs=7)

    assert spec.input_shape == shape
    assert spec.output_shape == (7,)
    assert isinstance(spec.nodes[-1].op, Dense)


def test_an_image_is_no_input_for_a_temporal_network():
    with pytest.raises(SpecError, match=r"takes inputs of shape \(channels, length\)"):
        reference("ecgtcn", input_shape=(1, 28, 28))


def test_a_signal_is_no_input_for_a_network_of_images():
    with pytest.raises(SpecError, match=r"takes inputs of shape \(channels, height, width\)"):
        reference("ds_cnn", input_shape=(3, 200))


def test_the_autoencoder_flattens_inputs_of_several_axes():
    flat, bands = reference("fc_autoencoder"), reference("fc_autoencoder", (128, 5), 640)

    assert bands.input_shape == (128, 5)
    assert count_params(bands) == count_params(flat) == 265_864
    assert count_macs(bands) == count_macs(flat)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("ds_cnn", {"conv": 5, "depthwise": 4, "average_pool": 1, "reshape": 1, "dense": 1}),
        ("resnet8", {"conv": 9, "add": 3, "average_pool": 1, "reshape": 1, "dense": 1}),
        (
            "mobilenet_025",
            {"conv": 14, "depthwise": 13, "average_pool": 1, "reshape": 1, "dense": 1},
        ),
        ("fc_autoencoder", {"dense": 10}),
    ],
)
def test_mlperf_tinys_networks_are_lowered_to_their_tflite_operators_without_pad(name, kinds):
    assert Counter(op.kind for op in lower(reference(name)).ops) == kinds


def test_a_signal_that_is_too_short_is_an_error():
    with pytest.raises(SpecError, match="does not fit a length"):
        reference("temponet", input_shape=(4, 4))


def test_an_unknown_reference_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="Unknown reference 'tempone'. Did you mean 'temponet'"):
        reference("tempone")
