"""From pixels as the runtime holds them to what a backbone takes: colour order, layout, normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepbiq_training.backbones.backbone import Normalisation


class PixelInput(nn.Module):
    """Turns uint8 BGR pictures into normalised ones in the network's colour order.

    Args:
        normalisation: Of pixels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, normalisation: Normalisation) -> None:
        super().__init__()
        self.swaps_colours = normalisation.colour_order == "RGB"
        order = slice(None) if self.swaps_colours else slice(None, None, -1)
        for name, rgb in (("mean", normalisation.mean), ("std", normalisation.std)):
            self.register_buffer(name, torch.tensor(rgb[order]).view(1, 3, 1, 1), persistent=False)

    def forward(self, bgr_nhwc: Tensor) -> Tensor:
        """Normalises pictures.

        Args:
            bgr_nhwc: (N, H, W, 3) uint8, BGR.

        Returns:
            (N, 3, H, W) float32, in the network's colour order.
        """
        bgr_nchw = bgr_nhwc.permute(0, 3, 1, 2)
        ordered_nchw = bgr_nchw.flip(1) if self.swaps_colours else bgr_nchw
        return (ordered_nchw.float() - self.mean) / self.std
