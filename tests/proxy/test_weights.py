import numpy as np
import pytest
import torch

from evonas.arch import SpecBuilder
from evonas.proxy.build import build, load_weights
from evonas.proxy.weights import (
    fold,
    folded_norms,
    initial_weights,
    scale_output,
)


def branched():
    """One norm after a conv, one after a ReLU, one after a conv that an Add reads too."""
    b = SpecBuilder()
    x = b.input((3, 16))
    conv = b.conv1d(x, 4, kernel=3, padding="causal", bias=False)  # node 1
    relu = b.relu(b.batch_norm(conv))  # 2 folds into 1, 3
    after_relu = b.batch_norm(relu)  # 4 stays
    shared = b.conv1d(after_relu, 4, kernel=1)  # 5
    norm = b.batch_norm(shared)  # 6 stays: 7 reads node 5 as well
    dense = b.dense(b.global_average_pool(b.add(norm, shared)), 5, bias=False)  # 7, 8, 9
    return b.finish(b.batch_norm(dense))  # 10 folds into 9


def recurrent():
    """A norm that folds before an LSTM, and one that stays behind it."""
    b = SpecBuilder()
    x = b.batch_norm(b.conv1d(b.input((3, 16)), 4, kernel=3, padding="causal", bias=False))
    x = b.batch_norm(b.lstm(b.relu(x), 7))
    return b.finish(b.dense(b.add(b.last_step(x), b.global_average_pool(x)), 5))


def trained_like(spec, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: (array + rng.uniform(0.1, 0.9, array.shape)).astype(dtype)
        for name, array in initial_weights(spec, seed).items()
    }


def test_norms_fold_into_a_producer_that_nothing_else_reads():
    assert folded_norms(branched()) == {2: 1, 10: 9}


@pytest.mark.parametrize("make", [branched, recurrent])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-10)])
def test_folded_weights_give_the_outputs_of_the_trained_network(dtype, tolerance, make):
    spec = make()
    weights = trained_like(spec, dtype)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(6, 3, 16)).astype(dtype))
    trained = build(spec).to(x.dtype).eval()
    deployed = build(spec, deployed=True).to(x.dtype).eval()
    load_weights(trained, weights)
    load_weights(deployed, fold(spec, weights))

    expected = trained(x)

    assert expected.std() > 0.01
    torch.testing.assert_close(deployed(x), expected, rtol=tolerance, atol=tolerance)


def test_initial_weights_are_a_function_of_spec_and_seed():
    first, again, other = (initial_weights(branched(), seed) for seed in (1, 1, 2))

    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["node1.weight"], other["node1.weight"])
    assert {array.dtype for array in first.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("cell", ["fastgrnn", "ugrnn", "mgu", "gru", "lstm"])
def test_units_of_a_fresh_cell_forget_over_2_to_as_many_steps_as_there_are(cell):
    b = SpecBuilder()
    spec = b.finish(b.recurrent(b.input((1, 6)), cell, 256))
    weights = initial_weights(spec, seed=0)
    for array in weights.values():
        if array.ndim == 2:  # a weak input, nothing from the state
            array[...] = 0.1 if array.shape[1] == 1 else 0.0
    model = build(spec).eval()
    load_weights(model, weights)
    pulse = torch.zeros(1, 1, 6)
    pulse[..., 0] = 1.0

    trace = (model(pulse) - model(0 * pulse))[0, :, 0].detach().numpy()

    kept = trace[:, 2] / trace[:, 1]  # u / (1 + u), log u uniform in [0, log 5], and small biases
    assert kept.min() == pytest.approx(1 / 2, abs=0.04)
    assert kept.max() == pytest.approx(5 / 6, abs=0.04)
    assert kept.mean() == pytest.approx(np.log(3) / np.log(5), abs=0.02)


def test_a_scaled_output_is_in_the_targets_unit(tiny, numbers):
    spec = tiny((2, 10), 1)
    weights, model = initial_weights(spec, 0), build(spec).eval()
    x = torch.from_numpy(numbers.val.X)
    load_weights(model, weights)
    standardised = model(x)

    load_weights(model, scale_output(spec, weights, mean=7.0, std=3.0))

    torch.testing.assert_close(model(x), 3 * standardised + 7)
