"""EfficientNet-Lite0: ReLU6, no squeeze-and-excitation, made for integer arithmetic.

Layout and normalisation follow the reference program (tensorflow/tpu, models/official/efficientnet/lite/
efficientnet_lite_builder.py): width and depth 1.0, 224x224, mean 127 and standard deviation 128 in each channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepbiq_training.backbones.backbone import Backbone, BackboneSpec, Normalisation
from deepbiq_training.backbones.conv_norm import ConvNorm

SPEC = BackboneSpec(
    name="efficientnet_lite0",
    feature_layer="head convolution after ReLU6, averaged over a crop's cells",
    feature_size=1280,
    stride=32,
    input_size=224,
    outer_windows=3,
    normalisation=Normalisation(mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)),
)
CLASSES = 1000
_STEM_CHANNELS = 32


@dataclass(frozen=True)
class _Stage:
    """Blocks of one shape: only the first of them strides and changes the number of channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    _Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    _Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    _Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    _Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    _Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    _Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where the shape did not change."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvNorm(inputs, wide) if expansion > 1 else None
        self.depthwise = ConvNorm(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = ConvNorm(wide, outputs)
        self.adds_input = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        wide = maps if self.expand is None else _relu6(self.expand(maps))
        narrow: Tensor = self.project(_relu6(self.depthwise(wide)))
        return maps + narrow if self.adds_input else narrow


def _relu6(maps: Tensor) -> Tensor:
    """Clips to 0..6 in place: nothing else needs the values before, and a step of training moves less memory."""
    # The exporter takes operators that work in place apart, which would be more than half of an export's time.
    return functional.relu6(maps, inplace=not torch.compiler.is_exporting())


def _blocks() -> nn.ModuleList:
    widths = pairwise([_STEM_CHANNELS, *(stage.channels for stage in _STAGES)])
    blocks = nn.ModuleList()
    for stage, (inputs, outputs) in zip(_STAGES, widths, strict=True):
        for repeat in range(stage.repeats):
            first = repeat == 0
            blocks.append(
                InvertedResidual(
                    inputs if first else outputs,
                    outputs,
                    kernel=stage.kernel,
                    stride=stage.stride if first else 1,
                    expansion=stage.expansion,
                )
            )
    return blocks


class EfficientNetLite0(Backbone):
    """The network; its weights are random until they are loaded.

    Args:
        classes: Outputs of the last layer.
    """

    last_layer = "classifier"

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.stem = ConvNorm(3, _STEM_CHANNELS, kernel=3, stride=2)
        self.blocks = _blocks()
        self.head = ConvNorm(_STAGES[-1].channels, SPEC.feature_size)
        self.classifier = nn.Linear(SPEC.feature_size, classes)

    @property
    def spec(self) -> BackboneSpec:
        """The network's numbers."""
        return SPEC

    @property
    def first_convolution(self) -> nn.Conv2d:
        """The stem's."""
        return self.stem.conv

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Computes the feature map.

        Args:
            pictures: (N, 3, H, W) float32, RGB, normalised, H and W multiples of 32.

        Returns:
            (N, 1280, H / 32, W / 32) float32, 0..6.
        """
        maps = _relu6(self.stem(pictures))
        for block in self.blocks:
            maps = block(maps)
        return _relu6(self.head(maps))

    def feature_vector(self, feature_map: Tensor) -> Tensor:
        """Averages over the cells: (N, 1280, h, w) to (N, 1280)."""
        return feature_map.mean(dim=(2, 3))

    def window_features(self, feature_map: Tensor) -> Tensor:
        """Averages over the 7x7 cells around every cell, cut at the edges: (N, 1280, h, w) to the same."""
        window = SPEC.input_size // SPEC.stride
        return functional.avg_pool2d(feature_map, window, stride=1, padding=window // 2, count_include_pad=False)

    def class_scores(self, features: Tensor) -> Tensor:
        """Classifies: (N, 1280) to (N, classes), before softmax."""
        scores: Tensor = self.classifier(features)
        return scores
