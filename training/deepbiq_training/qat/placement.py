"""Putting quantisers into a backbone, and taking them out again."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.backbones.conv_norm import ConvNorm, fold_batch_norms
from deepbiq_training.backbones.efficientnet_lite0 import InvertedResidual
from deepbiq_training.backbones.window_linear import WindowLinear
from deepbiq_training.memory_format import lay_out
from deepbiq_training.qat.flavours import Flavour
from deepbiq_training.qat.quantised_layer import WRAPPERS, QuantisedInput, QuantisedLayer, QuantisedOutput

_Network = TypeVar("_Network", bound=nn.Module)


def quantise(backbone: Backbone, flavour: Flavour) -> Backbone:
    """Copies a network and puts quantisers where the flavour computes with integers.

    Batch normalisations are folded first, as an export does: what is rounded are the weights that it will write.

    Args:
        backbone: With its weights.
        flavour: Where, and to what.

    Returns:
        A copy in evaluation mode, all of it to be trained, whose quantisers of activations have no ranges yet.
    """
    # What a folded normalisation adds would not be learnt otherwise.
    network = fold_batch_norms(backbone).requires_grad_(True)
    layers = weighted_layers(network)
    for name in layers:
        layer = network.get_submodule(name)
        if flavour.takes(layer, is_last=name == layers[-1]):
            network.set_submodule(name, QuantisedLayer(layer, flavour))
    _quantise_additions(network, flavour)
    return network


def weighted_layers(backbone: Backbone) -> list[str]:
    """Names the convolutions and fully connected layers that features come from, in the order in which they run.

    Args:
        backbone: With its batch normalisations folded.
    """
    names: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda *_, name=name: names.append(name))
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Conv2d | WindowLinear)
    ]
    size = backbone.spec.input_size
    with torch.inference_mode():
        backbone.window_features(backbone.feature_map(torch.zeros((1, 3, size, size))))
    for handle in handles:
        handle.remove()
    return names


def without_quantisers(quantised: Backbone, like: Backbone) -> Backbone:
    """Copies the trained weights into a network of the ordinary kind, which an export takes.

    Args:
        quantised: From `quantise`.
        like: A network of the same kind, with batch normalisations where the kind has them; it is not changed.

    Returns:
        A network on the CPU, in evaluation mode. Its batch normalisations only add what the folded convolutions
        add, so folding them again gives the weights that were trained.
    """
    folded = lay_out(copy.deepcopy(quantised).cpu(), torch.contiguous_format)
    for name, module in list(folded.named_modules(remove_duplicate=False))[::-1]:
        if isinstance(module, WRAPPERS):
            folded.set_submodule(name, module.inner)
    network = copy.deepcopy(like).cpu().eval()
    folded_state = folded.state_dict()
    state = {key: folded_state.get(key, tensor) for key, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    for name, module in network.named_modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            _only_add(module.norm, folded_state[f"{name}.conv.bias"])
    return network


@torch.no_grad()
def _only_add(norm: nn.BatchNorm2d, bias: torch.Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.fill_(1)
    norm.bias.copy_(bias)
    norm.running_mean.fill_(0)
    norm.running_var.fill_(1 - norm.eps)


def _quantise_additions(network: Backbone, flavour: Flavour) -> None:
    """Quantises the inputs of residual additions: the block's own, and what it adds where the flavour does."""
    blocks = [(name, part) for name, part in network.named_modules() if isinstance(part, InvertedResidual)]
    for name, block in blocks:
        if block.adds_input:
            if flavour.sums:
                network.set_submodule(f"{name}.project", QuantisedOutput(block.project, flavour))
            network.set_submodule(name, QuantisedInput(block, flavour))
