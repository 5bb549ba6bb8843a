"""Scores of whole pictures by the dense plan: with rounding, without, and by the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepbiq.datasets import RatedPicture
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.regression import LinearRegressor
from deepbiq_training.qat.comparison import compare
from deepbiq_training.qat.network import WindowNetwork
from deepbiq_training.qat.rounds import Round
from deepbiq_training.whole_pictures import whole_pictures


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
            for picture in whole_pictures(self.pictures, network.backbone.spec, self.short_side, self.device)
        ]
        raw = self.regressor.predict(np.stack(vectors))
        return np.clip(raw, SCORE_MIN, SCORE_MAX)
