"""The network that is fine-tuned: a backbone with a new last layer."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.backbones.pixel_input import PixelInput
from deepbiq_training.finetuning.recipe import BatchNormPolicy
from deepbiq_training.memory_format import lay_out

HEAD_STD = 0.01
"""Standard deviation of the last layer's first weights, as in Caffe's own fine-tuning example
(BVLC/caffe, models/finetune_flickr_style/train_val.prototxt)."""

_Self = TypeVar("_Self", bound="QualityNetwork")


class QualityNetwork(nn.Module):
    """Backbone, average over the windows of the crop, one linear layer.

    The windows are the ones of `dense`, so a crop larger than the input size, or a whole picture, is seen as
    average feature pooling of `dense` will see it. The backbone's own classifier is kept and takes no part.

    Args:
        backbone: With its pre-trained weights; it becomes part of this network and is trained in place.
        outputs: Outputs K of the last layer.
        batch_norm: Whether normalisation keeps its statistics, see `Recipe`.
        seed: Draws the last layer.
    """

    def __init__(self, backbone: Backbone, outputs: int, *, batch_norm: BatchNormPolicy, seed: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.last = nn.Linear(backbone.spec.feature_size, outputs)
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.last.weight, std=HEAD_STD, generator=generator)
        nn.init.zeros_(self.last.bias)
        self._pixels = PixelInput(backbone.spec.normalisation)
        self._batch_norm = batch_norm
        self._freeze_what_takes_no_part(backbone.spec.input_size)
        # NHWC is the faster layout: on CPUs for depthwise convolutions, on GPUs for 16-bit ones.
        lay_out(self, torch.channels_last)

    def _freeze_what_takes_no_part(self, size: int) -> None:
        """Several devices wait for the gradient of every parameter that requires one."""
        self.eval()
        self(torch.zeros((1, size, size, 3), dtype=torch.uint8)).sum().backward()
        for parameter in self.parameters():
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None

    def train(self: _Self, mode: bool = True) -> _Self:
        """Changes to training; frozen normalisations stay in evaluation."""
        super().train(mode)
        if self._batch_norm == "frozen":
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, bgr_nhwc: Tensor) -> Tensor:
        """Looks at pictures.

        Args:
            bgr_nhwc: (N, H, W, 3) uint8, BGR, sides of the input size plus multiples of the stride.

        Returns:
            (N, K) float32.
        """
        windows = self.backbone.window_features(self.backbone.feature_map(self._pixels(bgr_nhwc)))
        outputs: Tensor = self.last(windows.mean(dim=(2, 3)))
        return outputs
