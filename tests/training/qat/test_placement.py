"""Where quantisers are, by flavour, and that taking them out again leaves the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepbiq.cli.exit_codes import USAGE, exit_code_of
from deepbiq.errors import OptionError
from deepbiq_training.backbones import AlexNet, EfficientNetLite0
from deepbiq_training.backbones.conv_norm import ConvNorm, fold_batch_norms
from deepbiq_training.qat.flavours import FLAVOURS, flavour_named
from deepbiq_training.qat.placement import quantise, weighted_layers, without_quantisers
from deepbiq_training.qat.quantised_layer import QuantisedInput, QuantisedLayer, QuantisedOutput


@pytest.fixture(scope="module")
def lite0():
    torch.manual_seed(0)
    network = EfficientNetLite0(5).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.2, 0.5)
            nn.init.uniform_(module.bias, -0.3, 0.6)
    return network


@pytest.fixture(scope="module")
def alexnet():
    with torch.device("meta"):
        network = AlexNet(2)
    return network.to_empty(device="cpu").eval()


def wrapped(network, kind):
    return [name for name, module in network.named_modules() if isinstance(module, kind)]


def test_layers_are_named_in_the_order_in_which_they_run(lite0):
    names = weighted_layers(fold_batch_norms(lite0))
    assert len(names) == 49
    assert (names[0], names[-1]) == ("stem.conv", "head.conv")
    assert names[1:3] == ["blocks.0.depthwise.conv", "blocks.0.project.conv"]


def test_tensorrt_leaves_depthwise_and_the_last_layer_in_floats(lite0):
    quantised = quantise(lite0, FLAVOURS["tensorrt"])
    plain = fold_batch_norms(lite0)
    expected = [
        name for name in weighted_layers(plain) if plain.get_submodule(name).groups == 1 and name != "head.conv"
    ]
    assert [name.replace(".inner.", ".") for name in wrapped(quantised, QuantisedLayer)] == expected
    assert len(expected) == 49 - 16 - 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_additions_take_what_the_block_before_gave_rounded(lite0, flavour):
    quantised = quantise(lite0, FLAVOURS[flavour])
    adding = wrapped(quantised, QuantisedInput)
    assert len(adding) == 9
    assert all(quantised.get_submodule(name).inner.adds_input for name in adding)
    summands = [f"{name}.inner.project" for name in adding]
    assert wrapped(quantised, QuantisedOutput) == (summands if flavour == "cpu" else [])


def test_cpu_takes_every_convolution(lite0):
    assert len(wrapped(quantise(lite0, FLAVOURS["cpu"]), QuantisedLayer)) == 49


def test_groups_of_several_channels_are_quantised():
    grouped, depthwise = nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(8, 8, 3, groups=8)
    for name, expected in (("tensorrt", (True, False)), ("cpu", (True, True))):
        flavour = FLAVOURS[name]
        assert tuple(flavour.takes(layer, is_last=False) for layer in (grouped, depthwise)) == expected


def test_fully_connected_layers_are_quantised_but_for_the_last(alexnet):
    quantised = quantise(alexnet, FLAVOURS["tensorrt"])
    features = [f"features.{place}" for place in (0, 3, 6, 8, 10)]
    assert wrapped(quantised, QuantisedLayer) == [*features, "classifier.1"]
    assert wrapped(quantise(alexnet, FLAVOURS["cpu"]), QuantisedLayer) == [
        *features,
        "classifier.1",
        "classifier.4",
    ]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_without_quantisers_it_is_the_network_again(lite0, flavour):
    restored = without_quantisers(quantise(lite0, FLAVOURS[flavour]), lite0)
    assert restored.state_dict().keys() == lite0.state_dict().keys()
    assert torch.equal(restored.classifier.weight, lite0.classifier.weight)
    pictures = torch.rand((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = lite0.feature_map(pictures)
        torch.testing.assert_close(restored.feature_map(pictures), expected, rtol=0, atol=1e-4)


def test_what_is_exported_are_the_weights_that_were_trained(lite0):
    """Folding divides by the square root of variance and epsilon, which must be exactly one."""
    quantised = quantise(lite0, FLAVOURS["tensorrt"])
    layer = quantised.stem.conv.inner
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    folded = fold_batch_norms(without_quantisers(quantised, lite0))
    assert torch.equal(folded.stem.conv.weight, layer.weight)
    assert torch.equal(folded.stem.conv.bias, layer.bias)
    assert isinstance(folded.stem, ConvNorm)


def test_an_unknown_flavour_is_refused():
    with pytest.raises(OptionError, match="unknown flavour 'dla': use tensorrt, cpu") as caught:
        flavour_named("dla")
    assert exit_code_of(caught.value) == USAGE
