"""Calibration inputs: exactly what scoring feeds the network, by every plan that the budget is held for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepbiq.sampling import Sample
from deepbiq_calibration.inference import Images

CROPS = 3
"""Crops of a picture that are calibrated on, where a plan takes many: they show the same picture."""


def calibration_inputs(samples: Mapping[str, Sequence[Sample]]) -> list[Images]:
    """Lists inputs, the plans in turn, so that any number of first ones holds all of them.

    Args:
        samples: By plan, one for each calibration picture.

    Returns:
        Each (N, H, W, 3) uint8 BGR.
    """
    found = []
    for taken in zip(*samples.values(), strict=True):
        for sample in taken:
            images = sample.images
            if len(images) > CROPS:
                chosen = np.linspace(0, len(images) - 1, CROPS).round().astype(np.int64)
                images = np.ascontiguousarray(images[chosen])
            found.append(images)
    return found
