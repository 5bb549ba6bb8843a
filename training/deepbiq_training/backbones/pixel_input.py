"""From pixels as the runtime holds them to what a backbone takes: colour order, layout, normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepbiq_training.backbones.backbone import Normalisation


class PixelInput(nn.Module):
    """Turns uint8 BGR pictures into normalised RGB ones.

    Args:
        normalisation: Of RGB pixels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, normalisation: Normalisation) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(normalisation.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(normalisation.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, bgr_nhwc: Tensor) -> Tensor:
        """Normalises pictures.

        Args:
            bgr_nhwc: (N, H, W, 3) uint8, BGR.

        Returns:
            (N, 3, H, W) float32, RGB.
        """
        rgb_nchw = bgr_nhwc.permute(0, 3, 1, 2).flip(1).float()
        return (rgb_nchw - self.mean) / self.std
