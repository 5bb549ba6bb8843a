"""A convolution with TensorFlow's `SAME` padding and its batch normalisation, and folding the two into one.

TensorFlow pads by as much as the output size needs and puts the odd pixel at the bottom and right. On an input
whose sides are multiples of the stride this is `kernel - stride` pixels in all, whatever the size: so paddings are
constants here, and one set of weights serves crops and whole pictures alike.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import fusion

NORM_EPSILON = 1e-3
NORM_MOMENTUM = 0.01
"""EfficientNet's own (tensorflow/tpu, efficientnet_lite_builder.py: 1e-3, and 0.99 of the old value kept)."""

_Network = TypeVar("_Network", bound=nn.Module)


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Computes the padding before and after an axis whose length is a multiple of the stride."""
    total = kernel - stride
    return total // 2, total - total // 2


class ConvNorm(nn.Module):
    """Convolution, then batch normalisation.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Side of the kernel, at least the stride.
        stride: 1 or 2.
        groups: Channel groups; `inputs` of them make the convolution depthwise.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.before, self.after = same_padding(kernel, stride)
        symmetric = self.before if self.before == self.after else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, symmetric, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=NORM_EPSILON, momentum=NORM_MOMENTUM)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        if self.before != self.after:
            maps = functional.pad(maps, (self.before, self.after, self.before, self.after))
        if isinstance(self.norm, nn.BatchNorm2d) and not self.norm.training:
            return self._convolve_folded(maps, self.norm)
        normed: Tensor = self.norm(self.conv(maps))
        return normed

    def _convolve_folded(self, maps: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        """Normalises by fixed statistics inside the convolution, for each call anew as the weights may be learning.

        Gradients are those of the two steps, at half the time on CPUs: no pass over the maps is spent on it.
        """
        conv, mean, variance = self.conv, norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        kernel, shift = conv.weight * scale.view(-1, 1, 1, 1), norm.bias - mean * scale
        return functional.conv2d(maps, kernel, shift, conv.stride, conv.padding, conv.dilation, conv.groups)


def fold_batch_norms(network: _Network) -> _Network:
    """Copies a network for inference, every batch normalisation folded into the convolution before it.

    Returns:
        A copy in evaluation mode that computes the same function up to rounding.
    """
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            with torch.no_grad():
                module.conv = fusion.fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return folded
