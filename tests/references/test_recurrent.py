import pytest

from evonas.arch.ops import LSTM, Recurrent
from evonas.cost import count_macs, count_params
from evonas.references import REFERENCES, reference


def _op(name, kind, **task):
    (op,) = [node.op for node in reference(name, **task).nodes if isinstance(node.op, kind)]
    return op


@pytest.mark.parametrize(
    ("name", "params"),
    [
        # 4 (100 (32 + 100) + 100) and 12 * 101: 212.5 KiB
        ("lstm_google12", 54_412),
        # 3 * 128 (32 + 128) + 4 * 128 and 12 * 129: 248.05 KiB
        ("gru_google12", 63_500),
    ],
)
def test_four_bytes_a_parameter_are_the_published_size(name, params):
    assert count_params(reference(name)) == params
    assert params * 4 / 1024 == pytest.approx(REFERENCES.get(name).published_kib, abs=0.6)


@pytest.mark.parametrize(
    ("name", "non_zero", "rest"),
    [
        # 30 % of 16 (32 + 100) + 25 (100 + 100); 2 * 100 biases, 2 scalars, 12 * 101
        ("fastgrnn_google12", 0.3 * 7112, 1414),
        # 20 % of 5 (9 + 80) + 40 (80 + 80); 2 * 80 biases, 2 scalars, 2 * 81
        ("fastgrnn_har2", 0.2 * 6845, 324),
    ],
)
def test_two_bytes_a_non_zero_of_fastgrnn_are_the_published_size(name, non_zero, rest):
    published = REFERENCES.get(name).published_kib

    assert (2 * non_zero + rest) / 1024 == pytest.approx(published, abs=0.05)
    shares = {"fastgrnn_google12": 0.3, "fastgrnn_har2": 0.2}
    assert count_params(reference(name)) == round(non_zero / shares[name]) + rest


def test_a_window_of_the_lstm_takes_99_steps_of_4_gates():
    assert count_macs(reference("lstm_google12")) == 99 * 4 * 100 * 132 + 12 * 100
    assert _op("lstm_google12", LSTM) == LSTM(100)


def test_fastgrnn_on_few_channels_keeps_its_w_whole():
    # A rank of 16 of 100 x 3 would cost 16 * 103 multiplications instead of 300.
    op = _op("fastgrnn_google12", Recurrent, input_shape=(3, 50), num_outputs=4)

    assert op == Recurrent("fastgrnn", 100, rank_w=0, rank_u=25)
