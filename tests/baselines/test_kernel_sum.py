"""The weighted sum of kernels on one grid, and its gradients."""

import torch

from evonas.baselines.kernel_sum import Span, weighted_sum

# three taps in a row, two of them two apart, and one in the middle, of a 2x3 grid's second row
SPANS = (
    Span(0, 0, (1, 3), slice(1, 2), slice(0, 3, 1)),
    Span(1, 3, (1, 2), slice(1, 2), slice(0, 3, 2)),
    Span(1, 5, (1, 1), slice(1, 2), slice(1, 2, 1)),
)


def test_every_tap_is_added_where_it_lies_times_its_options_share():
    weight = torch.tensor([1.0, 2.0, 3.0, 10.0, 30.0, 20.0]).view(1, 6, 1)

    found = weighted_sum(weight, torch.tensor([0.5, 2.0]), SPANS, (2, 3))

    expected = torch.tensor([[0.0, 0.0, 0.0], [20.5, 41.0, 61.5]])
    torch.testing.assert_close(found.view(2, 3), expected)


def test_gradients_equal_differences():
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 6, 3, generator=source).double().requires_grad_()
    shares = torch.rand(2, generator=source).double().requires_grad_()

    assert torch.autograd.gradcheck(
        lambda w, s: weighted_sum(w, s, SPANS, (2, 3)), (weight, shares)
    )


def test_without_a_gradient_by_the_shares_weights_have_theirs():
    weight = torch.randn(2, 6, 1).requires_grad_()

    weighted_sum(weight, torch.tensor([1.0, 3.0]), SPANS, (2, 3)).sum().backward()

    assert weight.grad is not None
    assert weight.grad[0].flatten().tolist() == [1, 1, 1, 3, 3, 3]
