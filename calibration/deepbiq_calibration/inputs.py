"""Calibration inputs: exactly what scoring feeds the network, by every plan that the budget is held for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepbiq.sampling import Sample
from deepbiq_calibration.inference import Images

CROPS = 3
"""Crops of a picture that are calibrated on, where a plan takes many: they show the same picture."""


def calibration_inputs(samples: Mapping[str, Sequence[Sample]]) -> list[Images]:
    """Lists inputs: of every picture what the first plan takes, and what one of the other plans takes, in turn.

    All plans see the same pictures, so that all of it would take longer and hardly say more.

    Args:
        samples: By plan, one for each calibration picture.

    Returns:
        Each (N, H, W, 3) uint8 BGR, the plans mixed from the start.
    """
    first, *others = samples.values()
    found = []
    for index, sample in enumerate(first):
        found.append(_some_of(sample.images))
        if others:
            found.append(_some_of(others[index % len(others)][index].images))
    return found


def _some_of(images: Images) -> Images:
    """Picks crops evenly, where there are more than are needed."""
    if len(images) <= CROPS:
        return images
    chosen = np.linspace(0, len(images) - 1, CROPS).round().astype(np.int64)
    return np.ascontiguousarray(images[chosen])
