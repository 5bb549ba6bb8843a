"""What every backbone offers: a feature map, a feature vector, a classifier, and the numbers that describe them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn


@dataclass(frozen=True)
class Normalisation:
    """Brings pixels to what a network was trained on: (pixel - mean) / std, per channel.

    Attributes:
        mean: Red, green, blue, in pixel values 0..255, whatever order the network takes them in.
        std: Red, green, blue, in pixel values.
        colour_order: In which order the network takes the channels.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour_order: Literal["RGB", "BGR"] = "RGB"


@dataclass(frozen=True)
class BackboneSpec:
    """The numbers that a bundle states about its backbone.

    Attributes:
        name: What the bundle calls it.
        feature_layer: The layer whose output is the feature, in words.
        feature_size: Length D of a feature vector.
        stride: Pixels from one window to the next.
        input_size: Side of a crop in pixels. A picture of `input_size + k * stride` pixels a side has k + 1 windows
            inside it; the one of index i starts at pixel `i * stride`.
        outer_windows: How many more reach over each edge: 0, or as many as put a window around every cell.
        normalisation: Of pixels.
    """

    name: str
    feature_layer: str
    feature_size: int
    stride: int
    input_size: int
    outer_windows: int
    normalisation: Normalisation


class Backbone(nn.Module, ABC):
    """A network that turns normalised pictures into features and features into class scores.

    Pictures are (N, 3, H, W) float32, normalised and in the colour order that `spec` says, H and W the input size
    plus multiples of the stride. The constructor takes the number of classes; a network starts with random weights.
    """

    last_layer: ClassVar[str]
    """Name of the layer that classifies."""

    @property
    @abstractmethod
    def spec(self) -> BackboneSpec:
        """The numbers that a bundle states; with trained weights they may be the weights' own (a mean file)."""

    @property
    @abstractmethod
    def first_convolution(self) -> nn.Conv2d:
        """The convolution that takes the pixels: an export folds colour order and standard deviation into it."""

    @abstractmethod
    def feature_map(self, pictures: Tensor) -> Tensor:
        """Computes what neighbouring windows share: (N, 3, H, W) to (N, C, h, w) float32."""

    @abstractmethod
    def feature_vector(self, feature_map: Tensor) -> Tensor:
        """Joins the cells of a crop's feature map: (N, C, h, w) to (N, D)."""

    @abstractmethod
    def window_features(self, feature_map: Tensor) -> Tensor:
        """Joins the cells of every window, the outer ones too: (N, C, h, w) to (N, D, rows, columns)."""

    @abstractmethod
    def class_scores(self, features: Tensor) -> Tensor:
        """Classifies feature vectors: (N, D) to (N, classes), before softmax."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Classifies crops: (N, 3, input size, input size) to (N, classes), before softmax."""
        return self.class_scores(self.feature_vector(self.feature_map(pictures)))
