"""What every backbone offers: a feature map, a feature vector, a classifier, and the numbers that describe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor


@dataclass(frozen=True)
class Normalisation:
    """Brings pixels to what a network was trained on: (pixel - mean) / std, per channel.

    Attributes:
        mean: Red, green, blue, in pixel values 0..255.
        std: Red, green, blue, in pixel values.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class BackboneSpec:
    """The numbers that a bundle states about its backbone.

    Attributes:
        name: What the bundle calls it.
        feature_layer: The layer whose output is the feature, in words.
        feature_size: Length D of a feature vector.
        stride: Pixels per cell of the feature map.
        input_size: Side of a crop in pixels.
        normalisation: Of RGB pixels.
    """

    name: str
    feature_layer: str
    feature_size: int
    stride: int
    input_size: int
    normalisation: Normalisation


@runtime_checkable
class Backbone(Protocol):
    """A network that turns normalised pictures into features and features into class scores.

    Pictures are (N, 3, H, W) float32, RGB, normalised as `spec` says, H and W multiples of the stride.
    """

    spec: BackboneSpec

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Computes (N, D, H / stride, W / stride) float32."""

    def feature_vector(self, feature_map: Tensor) -> Tensor:
        """Joins the cells of a crop's feature map: (N, D, h, w) to (N, D)."""

    def window_features(self, feature_map: Tensor) -> Tensor:
        """Joins the cells of the window around every cell, cut at the edges: (N, D, h, w) to the same."""

    def class_scores(self, features: Tensor) -> Tensor:
        """Classifies feature vectors: (N, D) to (N, classes), before softmax."""
