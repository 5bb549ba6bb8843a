"""Whole pictures, read as the dense plan takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepbiq.datasets import RatedPicture
from deepbiq.imaging import Limits, read_bytes
from deepbiq.lookahead import map_ahead
from deepbiq.plans import Plan
from deepbiq.sampling import sample
from deepbiq_training.backbones.backbone import BackboneSpec
from deepbiq_training.sampling import decode_at_scale

_DENSE = Plan("dense")
_LOOKAHEAD = 4


def whole_pictures(
    pictures: Sequence[RatedPicture], spec: BackboneSpec, short_side: int, device: torch.device
) -> Iterator[Tensor]:
    """Reads pictures in a thread, ahead of the network.

    Args:
        pictures: Which.
        spec: Of the network whose windows they are padded to.
        short_side: The training scale in pixels.
        device: Where they are wanted.

    Yields:
        (1, H, W, 3) uint8, BGR.

    Raises:
        ImageError: When a picture cannot be read.
    """

    def load(picture: RatedPicture) -> npt.NDArray[np.uint8]:
        data = read_bytes(picture.path, Limits())
        bgr = decode_at_scale(data, name=str(picture.path), short_side=short_side)
        return sample(bgr, _DENSE, spec.input_size, spec.stride).images

    for images in map_ahead(load, pictures, _LOOKAHEAD, workers=1):
        yield torch.from_numpy(images).to(device)
