"""Scores of whole pictures by the dense plan: with rounding, without, and by the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepbiq.datasets import RatedPicture
from deepbiq.imaging import Limits, read_bytes
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.lookahead import map_ahead
from deepbiq.plans import Plan
from deepbiq.regression import LinearRegressor
from deepbiq.sampling import sample
from deepbiq_training.qat.comparison import compare
from deepbiq_training.qat.network import WindowNetwork
from deepbiq_training.qat.rounds import Round
from deepbiq_training.sampling import decode_at_scale

_DENSE = Plan("dense")
_LOOKAHEAD = 4


def whole_pictures(
    pictures: Sequence[RatedPicture], network: WindowNetwork, short_side: int, device: torch.device
) -> Iterator[Tensor]:
    """Reads pictures as the dense plan takes them.

    Args:
        pictures: Which.
        network: Whose windows they are padded to.
        short_side: The training scale in pixels.
        device: Where they are wanted.

    Yields:
        (1, H, W, 3) uint8, BGR.

    Raises:
        ImageError: When a picture cannot be read.
    """
    spec = network.backbone.spec

    def load(picture: RatedPicture) -> npt.NDArray[np.uint8]:
        data = read_bytes(picture.path, Limits())
        bgr = decode_at_scale(data, name=str(picture.path), short_side=short_side)
        return sample(bgr, _DENSE, spec.input_size, spec.stride).images

    for images in map_ahead(load, pictures, _LOOKAHEAD, workers=1):
        yield torch.from_numpy(images).to(device)


@dataclass(frozen=True, eq=False)
class Validation:
    """Validates networks on the same pictures.

    Attributes:
        before: The network as it was.
        regressor: Of average pooling under the dense plan.
        pictures: The validation part.
        short_side: The training scale in pixels.
        device: Where networks are.
    """

    before: WindowNetwork
    regressor: LinearRegressor
    pictures: Sequence[RatedPicture]
    short_side: int
    device: torch.device

    def __call__(self, network: WindowNetwork, step: int) -> Round:
        """Validates a network with quantisers after some steps.

        Raises:
            ImageError: When a picture cannot be read.
        """
        rounded, exact = self._scores(network, network).T
        mos = np.array([picture.mos for picture in self.pictures])
        return Round(step, compare(rounded, exact, mos), compare(exact, self._wanted, mos))

    @cached_property
    def _wanted(self) -> npt.NDArray[np.float64]:
        return self._scores(self.before, self.before.features)[:, 0]

    @torch.inference_mode()
    def _scores(self, network: WindowNetwork, run: Callable[[Tensor], Tensor]) -> npt.NDArray[np.float64]:
        """Computes (pictures, 1) scores of features, or (pictures, 2) of those with rounding and without."""
        vectors = [
            run(picture).mean(dim=(-2, -1)).flatten(end_dim=-2).cpu().numpy()
            for picture in whole_pictures(self.pictures, network, self.short_side, self.device)
        ]
        raw = self.regressor.predict(np.stack(vectors))
        return np.clip(raw, SCORE_MIN, SCORE_MAX)
