"""The two flavours of INT8, and what each computes with integers: what `deepbiq calibrate` will quantise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from deepbiq.errors import OptionError


@dataclass(frozen=True)
class Flavour:
    """Where quantisers are put, and what they round to.

    Weights are symmetric in -127..127 with a scale per output channel. Inputs of layers with weights and of blocks
    that add their input are quantised in every flavour.

    Attributes:
        name: What users call it.
        pairs_fit: Whether the scale of a channel is so wide that its two largest weights are 128 together.
        signed_activations: Whether activations are symmetric in -127..127; otherwise they are 0..255 with a zero
            point. Either way a tensor has one scale.
        depthwise: Whether depthwise convolutions compute with integers too.
        last: Whether the layer that makes the features does.
        sums: Whether what is added to a block's input is quantised.
    """

    name: str
    pairs_fit: bool
    signed_activations: bool
    depthwise: bool
    last: bool
    sums: bool

    def takes(self, layer: nn.Module, *, is_last: bool) -> bool:
        """Says whether a layer with weights computes with integers.

        Args:
            layer: A convolution or a fully connected layer.
            is_last: Whether its output makes the features.
        """
        is_depthwise = isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1
        return (self.depthwise or not is_depthwise) and (self.last or not is_last)


FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
    {
        # TensorRT takes zero points for nothing but DLA, and gains nothing from integers in depthwise convolutions.
        "tensorrt": Flavour(
            "tensorrt", pairs_fit=False, signed_activations=True, depthwise=False, last=False, sums=False
        ),
        # CPUs without VNNI add two products of unsigned by signed bytes up in 16 bits, which they must fit.
        "cpu": Flavour("cpu", pairs_fit=True, signed_activations=False, depthwise=True, last=True, sums=True),
    }
)


def flavour_named(name: str) -> Flavour:
    """Finds a flavour.

    Raises:
        OptionError: When there is none of this name.
    """
    if name not in FLAVOURS:
        raise OptionError(f"unknown flavour {name!r}: use {', '.join(FLAVOURS)}")
    return FLAVOURS[name]
