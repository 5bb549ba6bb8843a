"""How well the network's own score agrees with people on the validation part, each picture seen as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deepbiq.agreement import Correlations, correlations
from deepbiq.datasets import RatedPicture
from deepbiq_training.finetuning.network import QualityNetwork
from deepbiq_training.finetuning.objectives import Objective
from deepbiq_training.whole_pictures import whole_pictures


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
    device = network.last.weight.device
    predicted = [
        float(objective.scores(network(picture)))
        for picture in whole_pictures(pictures, network.backbone.spec, short_side, device)
    ]
    return correlations(np.array(predicted), np.array([picture.mos for picture in pictures]))
