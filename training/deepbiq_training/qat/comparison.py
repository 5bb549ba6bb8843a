"""What it costs to compute differently: scores beside those that they should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import Correlations, correlations
from deepbiq.labels import label_of


@dataclass(frozen=True)
class Comparison(Correlations):
    """How well scores of one way of computing agree with people, beside those of another.

    Attributes:
        plcc_drop: By how much PLCC is below that of the other scores.
        srocc_drop: By how much SROCC is.
        mean_shift: Mean absolute difference from the other scores, in score points.
        flips: Share of pictures whose label is another, 0..1.
    """

    plcc_drop: float
    srocc_drop: float
    mean_shift: float
    flips: float


def compare(
    scores: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], mos: npt.NDArray[np.float64]
) -> Comparison:
    """Compares scores.

    Args:
        scores: (N,) 0..100.
        wanted: (N,) 0..100, what they should be.
        mos: (N,) 0..100, what people say.
    """
    found, best = correlations(scores, mos), correlations(wanted, mos)
    labels = zip(scores, wanted, strict=True)
    return Comparison(
        n=len(mos),
        plcc=found.plcc,
        srocc=found.srocc,
        plcc_drop=best.plcc - found.plcc,
        srocc_drop=best.srocc - found.srocc,
        mean_shift=float(np.mean(np.abs(scores - wanted))),
        flips=float(np.mean([label_of(one) != label_of(other) for one, other in labels])),
    )
