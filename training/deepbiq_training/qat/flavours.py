"""The two flavours of INT8, and what each computes with integers: what `deepbiq calibrate` will quantise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from deepbiq.errors import OptionError


@dataclass(frozen=True)
class Flavour:
    """Where quantisers are put, and what they round to. Weights are symmetric, with a scale per output channel.

    Attributes:
        name: What users call it.
        weight_limit: Largest absolute value of a weight, as an integer.
        signed_activations: Whether activations are symmetric in -127..127; otherwise they are 0..255 with a zero
            point. Either way a tensor has one scale.
        grouped: Whether convolutions in groups, depthwise ones among them, compute with integers too.
        last: Whether the layer that makes the features does.
        additions: Whether both inputs of a residual addition are quantised.
    """

    name: str
    weight_limit: int
    signed_activations: bool
    grouped: bool
    last: bool
    additions: bool

    def takes(self, layer: nn.Module, *, is_last: bool) -> bool:
        """Says whether a layer with weights computes with integers.

        Args:
            layer: A convolution or a fully connected layer.
            is_last: Whether its output makes the features.
        """
        return (self.grouped or getattr(layer, "groups", 1) == 1) and (self.last or not is_last)


FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
    {
        # TensorRT takes zero points for nothing but DLA, and gains nothing from integers in depthwise convolutions.
        "tensorrt": Flavour(
            "tensorrt", weight_limit=127, signed_activations=True, grouped=False, last=False, additions=False
        ),
        # Weights of 7 bits: two products of unsigned by signed bytes then fit the 16 bits that CPUs without VNNI
        # add them up in.
        "cpu": Flavour("cpu", weight_limit=64, signed_activations=False, grouped=True, last=True, additions=True),
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
