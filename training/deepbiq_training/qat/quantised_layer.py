"""A layer that rounds what goes into it as 8-bit integers would, and lets gradients through as if it had not.

The rounding is torchao's: `FakeQuantize` with one of its observers, of which one finds the range. Gradients are
straight-through inside the range and zero outside (Bengio et al., arXiv 1308.3432).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torchao.quantization.pt2e import HistogramObserver, MovingAveragePerChannelMinMaxObserver
from torchao.quantization.pt2e.fake_quantize import FakeQuantize

from deepbiq_training.qat.flavours import Flavour

LARGEST_WEIGHT = 127


class PairObserver(MovingAveragePerChannelMinMaxObserver):  # type: ignore[misc]  # torchao is not annotated
    """Ranges of weights of which any two of a channel fit 16 bits, each times the largest activation, 255.

    The two largest of a channel are together 127 steps (128 after rounding, and 128 * 255 = 32,640): that leaves
    hardly ever as few as seven bits.
    """

    def forward(self, weights: Tensor) -> Tensor:
        """Observes (outputs, ...) weights; returns them as they are."""
        sizes = weights.detach().flatten(1).abs()
        pairs = sizes.topk(min(2, sizes.shape[1]), dim=1).values.sum(dim=1, keepdim=True)
        super().forward(torch.cat([-pairs, pairs], dim=1))
        return weights


def weight_quantiser(flavour: Flavour) -> nn.Module:
    """Makes a quantiser whose ranges are always those of the present weights."""
    quantiser: nn.Module = FakeQuantize(
        observer=PairObserver if flavour.pairs_fit else MovingAveragePerChannelMinMaxObserver,
        averaging_constant=1.0,
        dtype=torch.qint8,
        qscheme=torch.per_channel_symmetric,
        quant_min=-LARGEST_WEIGHT,
        quant_max=LARGEST_WEIGHT,
    )
    return quantiser


def activation_quantiser(flavour: Flavour) -> nn.Module:
    """Makes a quantiser without a range: `observe_ranges` finds the one with the smallest squared error."""
    limits = (-127, 127) if flavour.signed_activations else (0, 255)
    quantiser = FakeQuantize(
        observer=HistogramObserver,
        dtype=torch.qint8 if flavour.signed_activations else torch.quint8,
        qscheme=torch.per_tensor_symmetric if flavour.signed_activations else torch.per_tensor_affine,
        quant_min=limits[0],
        quant_max=limits[1],
    )
    quantiser.disable_observer()
    made: nn.Module = quantiser
    return made


class QuantisedLayer(nn.Module):
    """A convolution or fully connected layer with quantised input and weights; its bias stays as it is.

    Args:
        layer: Becomes part of this module, with its parameters.
        flavour: What input and weights are rounded to.
    """

    def __init__(self, layer: nn.Module, flavour: Flavour) -> None:
        super().__init__()
        self.inner = layer
        self.activations = activation_quantiser(flavour)
        self.weights = weight_quantiser(flavour)

    def forward(self, maps: Tensor) -> Tensor:
        """Computes the layer."""
        result: Tensor = functional_call(
            self.inner, {"weight": self.weights(self.inner.weight)}, (self.activations(maps),)
        )
        return result


class QuantisedInput(nn.Module):
    """A block whose input is quantised once for all that it does with it.

    Args:
        block: Becomes part of this module.
        flavour: What the input is rounded to.
    """

    def __init__(self, block: nn.Module, flavour: Flavour) -> None:
        super().__init__()
        self.inner = block
        self.activations = activation_quantiser(flavour)

    def forward(self, maps: Tensor) -> Tensor:
        """Computes the block."""
        result: Tensor = self.inner(self.activations(maps))
        return result


class QuantisedOutput(nn.Module):
    """A block whose output is quantised.

    Args:
        block: Becomes part of this module.
        flavour: What the output is rounded to.
    """

    def __init__(self, block: nn.Module, flavour: Flavour) -> None:
        super().__init__()
        self.inner = block
        self.activations = activation_quantiser(flavour)

    def forward(self, maps: Tensor) -> Tensor:
        """Computes the block."""
        result: Tensor = self.activations(self.inner(maps))
        return result


WRAPPERS = (QuantisedLayer, QuantisedInput, QuantisedOutput)
