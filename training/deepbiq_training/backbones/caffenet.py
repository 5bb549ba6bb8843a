"""CaffeNet: the BVLC reference network, an AlexNet with pooling before normalisation.

Layers follow Caffe's models/bvlc_reference_caffenet/deploy.prototxt and keep its names. Pictures are BGR minus the
mean of the data that the weights were trained on, not divided by anything.

Windows: conv1 (11x11/4, no padding) and three poolings (3x3/2) stride 32 pixels in all. A side of 227 + 32 k
pixels gives 55 + 8 k cells after conv1, 27 + 4 k after pool1, 13 + 2 k after pool2 and 6 + k after pool5, without
remainder anywhere. The 6x6 cells of window i come from the conv1 outputs 8 i to 8 i + 54, which look at pixels 32
i to 32 i + 226: the crop that starts at pixel 32 i. What lies around it is seen through the paddings of conv2 to
conv5 only, where a crop sees zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepbiq_training.backbones.backbone import Backbone, BackboneSpec, Normalisation
from deepbiq_training.backbones.window_linear import WindowLinear

CLASSES = 1000
"""ImageNet's; Places-CNN has 205, Hybrid-CNN 1,183."""
FEATURE_SIZE = 4096
_WINDOW_CELLS = 6


def _pool() -> nn.MaxPool2d:
    """Caffe's pooling: sizes are rounded up, and the last window is clipped to the map (pooling_layer.cpp)."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def _norm() -> nn.LocalResponseNorm:
    """Caffe's LRN divides alpha by the number of channels (lrn_layer.cpp), as torch and ONNX do."""
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)


class CaffeNet(Backbone):
    """The network; its weights are random until they are loaded.

    Args:
        classes: Outputs of the last layer.
        mean_bgr: What is subtracted from pixels: blue, green, red, 0..255. It is kept with the weights.
    """

    last_layer = "fc8"
    mean_bgr: Tensor

    def __init__(self, classes: int = CLASSES, mean_bgr: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        super().__init__()
        self.register_buffer("mean_bgr", torch.tensor(mean_bgr))
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.pool1 = _pool()
        self.norm1 = _norm()
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.pool2 = _pool()
        self.norm2 = _norm()
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.pool5 = _pool()
        self.fc6 = WindowLinear(256, FEATURE_SIZE, side=_WINDOW_CELLS)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = WindowLinear(FEATURE_SIZE, FEATURE_SIZE, side=1)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(FEATURE_SIZE, classes)

    @property
    def spec(self) -> BackboneSpec:
        """The network's numbers; the mean is that of its weights."""
        blue, green, red = self.mean_bgr.tolist()
        return BackboneSpec(
            name="caffenet",
            feature_layer="fc7 after ReLU",
            feature_size=FEATURE_SIZE,
            stride=32,
            input_size=227,
            outer_windows=0,
            normalisation=Normalisation((red, green, blue), (1.0, 1.0, 1.0), "BGR"),
        )

    @property
    def first_convolution(self) -> nn.Conv2d:
        """conv1."""
        return self.conv1

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Computes pool5.

        Args:
            pictures: (N, 3, H, W) float32, BGR minus mean, H and W 227 plus multiples of 32.

        Returns:
            (N, 256, (H - 227) / 32 + 6, (W - 227) / 32 + 6) float32, from 0.
        """
        maps = self.norm1(self.pool1(functional.relu(self.conv1(pictures))))
        maps = self.norm2(self.pool2(functional.relu(self.conv2(maps))))
        maps = functional.relu(self.conv3(maps))
        maps = functional.relu(self.conv4(maps))
        pooled: Tensor = self.pool5(functional.relu(self.conv5(maps)))
        return pooled

    def feature_vector(self, feature_map: Tensor) -> Tensor:
        """Applies fc6 and fc7 to crops: (N, 256, 6, 6) to (N, 4096), from 0."""
        return self.window_features(feature_map).flatten(1)

    def window_features(self, feature_map: Tensor) -> Tensor:
        """Applies fc6 and fc7 to every window of 6x6 cells: (N, 256, h, w) to (N, 4096, h - 5, w - 5), from 0."""
        maps = self.drop6(functional.relu(self.fc6(feature_map)))
        return functional.relu(self.fc7(maps))

    def class_scores(self, features: Tensor) -> Tensor:
        """Applies fc8: (N, 4096) to (N, classes), before softmax."""
        scores: Tensor = self.fc8(self.drop7(features))
        return scores
