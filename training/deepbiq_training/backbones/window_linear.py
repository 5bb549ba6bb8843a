"""A fully connected layer that is applied to every window of a feature map.

A layer that was trained on the cells of one crop is a convolution whose kernel is the crop's cells (Sermanet et
al., "OverFeat", arXiv 1312.6229): on a larger map it gives one vector per window, on a crop's map exactly one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class WindowLinear(nn.Linear):
    """A fully connected layer over windows of `side` x `side` cells, stride one.

    Weights have the shape and the order of the fully connected layer: (outputs, channels * side * side), channels
    first. On one window this is that layer's own matrix product, bit for bit and several times faster than a
    convolution.

    Args:
        channels: Of the feature map.
        outputs: Length of the vector that a window becomes.
        side: Cells along a window.
    """

    def __init__(self, channels: int, outputs: int, *, side: int) -> None:
        super().__init__(channels * side * side, outputs)
        self.channels = channels
        self.side = side

    def forward(self, feature_map: Tensor) -> Tensor:
        """Maps (N, channels, h, w) to (N, outputs, h - side + 1, w - side + 1)."""
        rows, columns = (length - self.side + 1 for length in feature_map.shape[2:])
        windows = functional.unfold(feature_map, self.side).transpose(1, 2)
        vectors = functional.linear(windows, self.weight, self.bias)
        return vectors.transpose(1, 2).reshape(-1, self.out_features, rows, columns)

    def as_convolution(self) -> nn.Conv2d:
        """Returns the same function as a convolution, which ONNX has an operator for."""
        convolution = nn.Conv2d(self.channels, self.out_features, self.side)
        with torch.no_grad():
            convolution.weight.copy_(self.weight.view_as(convolution.weight))
            assert convolution.bias is not None
            convolution.bias.copy_(self.bias)
        return convolution
