"""The network that learns to be quantised, and how far it is from the one that it shall stay like."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepbiq.regression import LinearRegressor
from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.backbones.pixel_input import PixelInput
from deepbiq_training.memory_format import lay_out
from deepbiq_training.qat.ranges import in_floats

FEATURE_WEIGHT = 10.0
"""Score points that a relative squared difference of 1 counts for: with a tenth, which 8 bits cost a network before
it has learnt, features count for about as much as scores."""
_SMALLEST = 1e-6
"""A window without any feature has no relative difference."""


class WindowNetwork(nn.Module):
    """From pixels to the features of windows.

    Args:
        backbone: With or without quantisers; it becomes part of this network.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self._pixels = PixelInput(backbone.spec.normalisation)
        # The classes take no part, and several devices wait for the gradient of every parameter that requires one.
        backbone.get_submodule(backbone.last_layer).requires_grad_(False)
        # NHWC is the faster layout, as in fine-tuning. Dropout stays off: what is learnt from has no noise either.
        lay_out(self.eval(), torch.channels_last)

    def features(self, bgr_nhwc: Tensor) -> Tensor:
        """Computes the features.

        Args:
            bgr_nhwc: (N, H, W, 3) uint8, BGR, sides of the input size plus multiples of the stride.

        Returns:
            (N, D, rows, columns) float32.
        """
        return self.backbone.window_features(self.backbone.feature_map(self._pixels(bgr_nhwc)))

    def forward(self, bgr_nhwc: Tensor) -> Tensor:
        """Computes the features with rounding, then without: (2, N, D, rows, columns).

        Both matter: a bundle holds the same weights as integers and as floats, and its regressors must fit both.
        """
        rounded = self.features(bgr_nhwc)
        with in_floats(self):
            return torch.stack([rounded, self.features(bgr_nhwc)])


class Distance(nn.Module):
    """How far features are from those that another network gives, in what scores are made of.

    Args:
        regressor: The dense plan's, of an average pooling.
    """

    terms = ("score", "features", "score_as_floats", "features_as_floats")
    weights: Tensor

    def __init__(self, regressor: LinearRegressor) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(regressor.weights).float())

    def forward(self, both: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Compares features.

        Args:
            both: (2, N, D, rows, columns), with rounding and without.
            wanted: (N, D, rows, columns).

        Returns:
            For each way of computing the mean absolute difference of the scores, in score points, and the mean
            squared length of the difference of features, relative to the features, times `FEATURE_WEIGHT`.
        """
        values = [value for found in both for value in self._between(found, wanted)]
        return dict(zip(self.terms, values, strict=True))

    def _between(self, found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        difference = found - wanted
        scores = torch.einsum("ndhw,d->nhw", difference, self.weights).mean(dim=(1, 2))
        lengths = difference.square().sum(dim=1) / wanted.square().sum(dim=1).clamp_min(_SMALLEST)
        return scores.abs().mean(), FEATURE_WEIGHT * lengths.mean()
