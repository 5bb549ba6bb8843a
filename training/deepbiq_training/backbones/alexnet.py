"""AlexNet as torchvision has it: Krizhevsky's "one weird trick" (arXiv 1404.5997), one tower and no normalisation.

Layers and state-dict names follow torchvision/models/alexnet.py. Pictures are RGB, normalised by ImageNet's mean
and standard deviation.

Windows: conv1 (11x11/4, padding 2) and three poolings (3x3/2) stride 32 pixels in all. A side of 224 + 32 k pixels
gives 55 + 8 k cells after conv1, 27 + 4 k, 13 + 2 k, and 6 + k after the last pooling. The 6x6 cells of window i
come from the conv1 outputs 8 i to 8 i + 54, which look at pixels 32 i - 2 to 32 i + 224: the crop that starts at
pixel 32 i, and the two pixels before and the one after it that are padding where the picture ends.
"""

from __future__ import annotations

from torch import Tensor, nn

from deepbiq_training.backbones.backbone import Backbone, BackboneSpec, Normalisation
from deepbiq_training.backbones.window_linear import WindowLinear

CLASSES = 1000
FEATURE_SIZE = 4096
SPEC = BackboneSpec(
    name="alexnet",
    feature_layer="second fully connected layer after ReLU",
    feature_size=FEATURE_SIZE,
    stride=32,
    input_size=224,
    outer_windows=0,
    # torchvision states both for pixels of 0..1 (AlexNet_Weights.IMAGENET1K_V1: ImageClassification's defaults).
    normalisation=Normalisation(
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), std=(0.229 * 255, 0.224 * 255, 0.225 * 255)
    ),
)
_WINDOW_CELLS = 6


class AlexNet(Backbone):
    """The network; its weights are random until they are loaded.

    Args:
        classes: Outputs of the last layer.
    """

    last_layer = "classifier.6"

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            WindowLinear(256, FEATURE_SIZE, side=_WINDOW_CELLS),
            nn.ReLU(),
            nn.Dropout(0.5),
            WindowLinear(FEATURE_SIZE, FEATURE_SIZE, side=1),
            nn.ReLU(),
            nn.Linear(FEATURE_SIZE, classes),
        )

    @property
    def spec(self) -> BackboneSpec:
        """The network's numbers."""
        return SPEC

    @property
    def first_convolution(self) -> nn.Conv2d:
        """The first of `features`."""
        first = self.features[0]
        assert isinstance(first, nn.Conv2d)
        return first

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Computes the last pooling.

        Args:
            pictures: (N, 3, H, W) float32, RGB, normalised, H and W multiples of 32 from 224.

        Returns:
            (N, 256, H / 32 - 1, W / 32 - 1) float32, from 0.
        """
        maps: Tensor = self.features(pictures)
        return maps

    def feature_vector(self, feature_map: Tensor) -> Tensor:
        """Applies the first two fully connected layers to crops: (N, 256, 6, 6) to (N, 4096), from 0."""
        return self.window_features(feature_map).flatten(1)

    def window_features(self, feature_map: Tensor) -> Tensor:
        """Applies them to every window of 6x6 cells: (N, 256, h, w) to (N, 4096, h - 5, w - 5), from 0."""
        features: Tensor = self.classifier[:-1](feature_map)
        return features

    def class_scores(self, features: Tensor) -> Tensor:
        """Applies the last layer: (N, 4096) to (N, classes), before softmax."""
        scores: Tensor = self.classifier[-1](features)
        return scores
