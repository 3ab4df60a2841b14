from evonas.arch.lower import lower
from evonas.cost import count_params, flash_bytes, load_runtime, model_bytes
from evonas.cost.flash import FILE_BYTES, FILE_BYTES_PER_OP


def test_a_file_holds_weights_biases_and_24_bytes_of_quantisation_a_channel(builder):
    spec = builder.finish(builder.conv1d(builder.input((4, 64)), 8, kernel=3))

    assert model_bytes(spec) == 96 + 8 * 4 + 8 * 24 + FILE_BYTES + FILE_BYTES_PER_OP


def test_a_dense_layer_has_one_scale_for_all_of_its_outputs(builder):
    spec = builder.finish(builder.dense(builder.input((10,)), 5))

    assert model_bytes(spec) == 50 + 5 * 4 + FILE_BYTES + FILE_BYTES_PER_OP


def test_a_measured_file_of_one_convolution_is_met_within_a_tenth(builder):
    # mcu_layer_cycles.csv: 3x1 over (128, 9, 1) to 12 channels, stride (2, 1): 1664 bytes
    x = builder.input((1, 128, 9))
    spec = builder.finish(builder.conv2d(x, 12, (3, 1), (2, 1), ((0, 1), (0, 0))))

    assert abs(model_bytes(spec) - 1664) < 166


def test_the_embedded_plan_makes_the_file_larger_by_an_offset_a_tensor(builder):
    spec = builder.finish(builder.conv1d(builder.input((4, 64)), 8, kernel=3))

    # [1, 0, n] and input, output, weights, biases
    assert model_bytes(spec, "tflm_offline") - model_bytes(spec) == 12 + 4 * 4


def test_generated_c_holds_weights_and_9_bytes_a_channel(builder):
    spec = builder.finish(builder.conv1d(builder.input((4, 64)), 8, kernel=3))

    assert model_bytes(spec, "c") == 96 + 8 * 9


def test_flash_is_the_file_and_the_runtime(builder):
    spec = builder.finish(builder.conv1d(builder.input((4, 64)), 8, kernel=3))

    assert flash_bytes(spec) - model_bytes(spec) == load_runtime("tflm").flash_bytes


def test_files_of_random_networks_are_larger_than_their_params(random_specs):
    for spec in random_specs(60):
        assert model_bytes(spec) > count_params(spec) + 200 * len(lower(spec).ops)
