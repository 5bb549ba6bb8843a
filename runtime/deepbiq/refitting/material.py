"""Ratings with the features of their pictures: what heads are fitted to and judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.refitting.fitting import MARGIN, Fitter, PairFitter, ScoreFitter
from deepbiq.refitting.svr import Vector
from deepbiq.regression import LinearRegressor

Places = npt.NDArray[np.int64]
"""Indices of judgements, ascending."""


@dataclass(frozen=True, eq=False)
class Material:
    """Judgements with the features of the pictures that they are about.

    Attributes:
        features: (N, D) float32, one row per picture.
        judged: (M, 1) the picture of each score, or (M, 2) the better and the worse one of each preference.
        scores: (M,) 0..100; None for preferences.
        groups: (N,) the group of each picture: pictures of one group are fitted to and judged by together.
        old: The head that is there.
    """

    features: npt.NDArray[np.float32]
    judged: npt.NDArray[np.int64]
    scores: Vector | None
    groups: npt.NDArray[np.int64]
    old: LinearRegressor

    def fitter(self, chosen: Places) -> Fitter:
        """Prepares fits to some judgements, at least one."""
        if self.scores is not None:
            return ScoreFitter(self.features[self.judged[chosen, 0]], self.scores[chosen], self.old)
        pictures, pairs = np.unique(self.judged[chosen], return_inverse=True)
        return PairFitter(self.features[pictures], pairs.reshape(-1, 2), self.old)

    def losses(self, head: LinearRegressor, chosen: Places) -> Vector:
        """Returns by how much a head misses each of some judgements, squared.

        That is the distance from the score, or what the better picture's lead lacks of `MARGIN`, in score points.
        """
        said = self.said(head, chosen)
        if self.scores is not None:
            return np.asarray((said - self.scores[chosen]) ** 2)
        return np.asarray(np.maximum(MARGIN - said, 0.0) ** 2)

    def said(self, head: LinearRegressor, chosen: Places) -> Vector:
        """Returns what a head says of some judgements, in score points.

        That is the picture's score, or by how much the better picture's score leads; scores are clipped to 0..100,
        as a scorer clips them.
        """
        scores = np.clip(head.predict(self.features[self.judged[chosen]]), SCORE_MIN, SCORE_MAX)
        return np.asarray(scores[:, 0] if self.scores is not None else scores[:, 0] - scores[:, 1])
