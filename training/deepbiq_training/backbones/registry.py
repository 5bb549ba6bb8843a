"""The backbones by name: what `deepbiq train` offers and what a checkpoint is made of again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from deepbiq.errors import OptionError
from deepbiq_training.backbones.alexnet import AlexNet
from deepbiq_training.backbones.alexnet_weights import load_alexnet
from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.backbones.caffenet import CaffeNet
from deepbiq_training.backbones.caffenet_weights import load_caffenet
from deepbiq_training.backbones.efficientnet_lite0 import EfficientNetLite0
from deepbiq_training.backbones.efficientnet_lite0_weights import load_efficientnet_lite0, packaged_weights_path
from deepbiq_training.backbones.weights import WeightsOrigin

_KINDS: dict[str, type[Backbone]] = {
    "efficientnet_lite0": EfficientNetLite0,
    "caffenet": CaffeNet,
    "alexnet": AlexNet,
}
BACKBONES = tuple(_KINDS)


def untrained_backbone(name: str) -> Backbone:
    """Makes a network with random weights, in evaluation mode.

    Args:
        name: One of `BACKBONES`.

    Raises:
        OptionError: When there is no such backbone.
    """
    _check_name(name)
    return _KINDS[name](1).eval()


def restore_backbone(name: str, state: Mapping[str, Tensor]) -> Backbone:
    """Makes a network again from its own state dict.

    Args:
        name: One of `BACKBONES`.
        state: What its `state_dict` returned.

    Returns:
        The network in evaluation mode, with as many classes as the state dict has.

    Raises:
        KeyError: When there is no such backbone, or its last layer is missing.
        RuntimeError: When the state dict is of another network.
    """
    kind = _KINDS[name]
    network = kind(len(state[f"{kind.last_layer}.bias"]))
    network.load_state_dict(state)
    return network.eval()


def load_backbone(name: str, weights: Path | None, mean: Path | None) -> tuple[Backbone, WeightsOrigin]:
    """Reads a network with the weights that others published, whatever classes they know: features are what counts.

    Args:
        name: One of `BACKBONES`.
        weights: The weights file; None takes the installed package's, which only efficientnet_lite0 has.
        mean: The mean file of a `.caffemodel`; None for the other networks.

    Returns:
        The network in evaluation mode, and where its weights came from.

    Raises:
        OptionError: When there is no such backbone, or it needs files that are not given or takes none of those.
        WeightsError: When a file is unreadable, or names or shapes differ from the network's.
    """
    _check_name(name)
    if (mean is None) == (name == "caffenet"):
        rule = "needs the mean file of its weights (.binaryproto)" if mean is None else "takes no mean file"
        raise OptionError(f"{name} {rule}: {'give it by' if mean is None else 'leave out'} --mean")
    if name == "efficientnet_lite0":
        return load_efficientnet_lite0(weights or packaged_weights_path())
    if weights is None:
        raise OptionError(f"{name} has no package with weights: give a file by --weights")
    if mean is not None:
        return load_caffenet(weights, mean)
    return load_alexnet(weights)


def _check_name(name: str) -> None:
    if name not in _KINDS:
        raise OptionError(f"unknown backbone {name!r}: use {', '.join(BACKBONES)}")
