"""What a quantised layer computes is what integers would, and gradients pass."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepbiq_training.qat.flavours import FLAVOURS
from deepbiq_training.qat.quantised_layer import (
    QuantisedInput,
    QuantisedLayer,
    QuantisedOutput,
    activation_quantiser,
)
from deepbiq_training.qat.ranges import copy_ranges, in_floats, observe_ranges

MAPS = torch.randn((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=FLAVOURS)
def flavour(request):
    return FLAVOURS[request.param]


def layer(flavour, wrap=QuantisedLayer):
    torch.manual_seed(1)
    quantised = wrap(nn.Conv2d(3, 5, 3), flavour)
    observe_ranges(quantised, lambda: quantised(MAPS))
    return quantised


def steps_of(weights, flavour):
    """(outputs,) by how much neighbouring integers differ."""
    largest = weights.detach().flatten(1).abs().topk(2, dim=1).values
    return (largest.sum(dim=1) if flavour.pairs_fit else largest[:, 0]) / 127


def test_weights_lie_on_the_grid_of_their_channel(flavour):
    quantised = layer(flavour)
    found = quantised.weights(quantised.inner.weight).detach()
    steps = steps_of(quantised.inner.weight, flavour).view(-1, 1, 1, 1)
    integers = found / steps
    torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-4)
    assert (found - quantised.inner.weight).abs().max() <= 0.501 * steps.max()
    two_largest = integers.round().flatten(1).abs().topk(2, dim=1).values
    if flavour.pairs_fit:
        assert 126 <= two_largest.sum(dim=1).min() <= two_largest.sum(dim=1).max() <= 128
    else:
        assert two_largest[:, 0].tolist() == [127] * 5


def test_ranges_of_weights_follow_the_weights(flavour):
    quantised = layer(flavour)
    with torch.no_grad():
        quantised.inner.weight.mul_(0.1)
    quantised(MAPS)
    torch.testing.assert_close(quantised.weights.scale, steps_of(quantised.inner.weight, flavour))


def test_activations_have_one_scale_and_at_most_255_steps(flavour):
    quantised = layer(flavour)
    quantiser = quantised.activations
    assert quantiser.scale.numel() == 1
    rounded = quantiser(MAPS)
    integers = rounded / quantiser.scale + quantiser.zero_point
    torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-3)
    low, high = (-127, 127) if flavour.signed_activations else (0, 255)
    assert integers.min().round() >= low
    assert integers.max().round() <= high
    if flavour.signed_activations:
        assert quantiser.zero_point.item() == 0
    assert quantiser(torch.zeros(1)).item() == 0, "padding must stay zero"


def test_the_layer_is_the_convolution_of_rounded_numbers(flavour):
    quantised = layer(flavour)
    inner = quantised.inner
    expected = nn.functional.conv2d(quantised.activations(MAPS), quantised.weights(inner.weight), inner.bias)
    assert torch.equal(quantised(MAPS), expected)
    assert not torch.equal(expected, inner(MAPS))
    with in_floats(quantised):
        torch.testing.assert_close(quantised(MAPS), inner(MAPS))
    assert torch.equal(quantised(MAPS), expected), "rounding is on again"


def test_gradients_pass_as_if_nothing_were_rounded(flavour):
    quantised = layer(flavour)
    inner = quantised.inner
    maps, weight = quantised.activations(MAPS).detach(), quantised.weights(inner.weight).detach().requires_grad_()
    direction = torch.randn((2, 5, 14, 14), generator=torch.Generator().manual_seed(2))
    (wanted,) = torch.autograd.grad((nn.functional.conv2d(maps, weight, inner.bias) * direction).sum(), [weight])
    (found,) = torch.autograd.grad((quantised(MAPS) * direction).sum(), [inner.weight])
    torch.testing.assert_close(found, wanted)


def test_input_and_output_of_a_block_are_rounded(flavour):
    before, after = layer(flavour, QuantisedInput), layer(flavour, QuantisedOutput)
    assert torch.equal(before(MAPS), before.inner(before.activations(MAPS)))
    assert torch.equal(after(MAPS), after.activations(after.inner(MAPS)))


def test_ranges_are_observed_anew_and_can_be_handed_on(flavour):
    one, other = layer(flavour), layer(flavour)
    first = one.activations.scale.clone()
    observe_ranges(one, lambda: one(10 * MAPS))
    torch.testing.assert_close(one.activations.scale, 10 * first, rtol=0.02, atol=0)
    copy_ranges(one, other)
    assert torch.equal(one.activations.scale, other.activations.scale)
    observe_ranges(one, lambda: one(MAPS))
    torch.testing.assert_close(one.activations.scale, first)
    torch.testing.assert_close(other.activations.scale, 10 * first, rtol=0.02, atol=0)


def test_rare_large_values_are_cut_off():
    """The range with the smallest squared error is narrower than that of a single outlier."""
    quantiser = activation_quantiser(FLAVOURS["cpu"])
    maps = torch.cat([torch.linspace(0, 1, 1_000_000), torch.tensor([4.0])])
    observe_ranges(quantiser, lambda: quantiser(maps))
    assert 0.9 < 255 * quantiser.scale.item() < 3
