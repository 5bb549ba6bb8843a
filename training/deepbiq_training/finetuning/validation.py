"""How well the network's own score agrees with people on the validation part, each picture seen as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from deepbiq.agreement import Correlations, correlations
from deepbiq.datasets import RatedPicture
from deepbiq.imaging import Limits, read_bytes
from deepbiq.lookahead import map_ahead
from deepbiq.plans import Plan
from deepbiq.sampling import sample
from deepbiq_training.finetuning.network import QualityNetwork
from deepbiq_training.finetuning.objectives import Objective
from deepbiq_training.sampling import decode_at_scale

_DENSE = Plan("dense")
_LOOKAHEAD = 4


@torch.inference_mode()
def validate(
    network: QualityNetwork, objective: Objective, pictures: Sequence[RatedPicture], short_side: int
) -> Correlations:
    """Scores pictures with the last layer on the average of all their windows.

    Args:
        network: In evaluation mode.
        objective: Turns its outputs into scores.
        pictures: The validation part.
        short_side: The training scale in pixels.

    Returns:
        Correlations of the scores, not clipped: some objectives leave their scale open.

    Raises:
        ImageError: When a picture cannot be read.
    """
    spec = network.backbone.spec
    device = network.last.weight.device

    def load(picture: RatedPicture) -> npt.NDArray[np.uint8]:
        data = read_bytes(picture.path, Limits())
        bgr = decode_at_scale(data, name=str(picture.path), short_side=short_side)
        return sample(bgr, _DENSE, spec.input_size, spec.stride).images

    predicted = [
        float(objective.scores(network(torch.from_numpy(images).to(device))))
        for images in map_ahead(load, pictures, _LOOKAHEAD, workers=1)
    ]
    return correlations(np.array(predicted), np.array([picture.mos for picture in pictures]))
