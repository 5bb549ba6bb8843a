"""What scoring returns: a `Score`, or in a stream a `Failure` in its place."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Timing:
    """Milliseconds of each stage of one call.

    Attributes:
        decode: Reading and decoding, 0 for arrays.
        sample: Scaling, padding and cutting crops.
        infer: The network.
        regress: Pooling, regression and the quality map, as far as the network did not do it.
        total: The whole call.
    """

    decode: float
    sample: float
    infer: float
    regress: float
    total: float


@dataclass(frozen=True, eq=False)
class Score:
    """The quality of one picture.

    Attributes:
        score: Predicted mean opinion score, 0 (bad) to 100 (excellent).
        label: `bad`, `poor`, `fair`, `good` or `excellent`.
        spread: Standard deviation of `crop_scores`, in score points: how uneven the picture is.
        crop_scores: (N,) float64, the regressor's prediction of each crop or window in score points, not clipped.
        quality_map: (h, w) float32, 0..100, row by row from the top left: the prediction of the window around
            each cell of the picture, or the mean prediction of the crops that cover it; NaN where no crop lies.
        path: The file, or None for bytes and arrays.
        plan: The sampling plan.
        pool: The pooling.
        engine: The inference engine.
        precision: What it computed in.
        model: The bundle's name and the start of its manifest's SHA-256.
        timing: Milliseconds of each stage.
        warnings: One sentence for each way in which pixels were interpreted.
        error: Always None; a stream's failures have the message here.
    """

    score: float
    label: str
    spread: float
    crop_scores: npt.NDArray[np.float64]
    quality_map: npt.NDArray[np.float32]
    path: str | None
    plan: str
    pool: str
    engine: str
    precision: str
    model: str
    timing: Timing
    warnings: tuple[str, ...] = ()
    error: None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns what `deepbiq score --format json` prints: plain numbers and strings, no arrays."""
        return {
            "path": self.path,
            "score": round(self.score, 4),
            "label": self.label,
            "spread": round(self.spread, 4),
            "plan": self.plan,
            "pool": self.pool,
            "engine": self.engine,
            "precision": self.precision,
            "model": self.model,
            "ms": {stage: round(ms, 3) for stage, ms in asdict(self.timing).items()},
            "warnings": list(self.warnings),
            "error": None,
        }


@dataclass(frozen=True)
class Failure:
    """A picture of a stream that could not be scored, in its place among the results.

    Attributes:
        error: Name of the picture and what is wrong with it.
        path: The file, or None for bytes and arrays.
        plan: As in `Score`, like everything below.
    """

    error: str
    path: str | None
    plan: str
    pool: str
    engine: str
    precision: str
    model: str
    score: None = None
    label: None = None
    spread: None = None
    crop_scores: None = None
    quality_map: None = None
    timing: None = None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the keys of `Score.to_dict`, with None for everything that is not known."""
        return {
            "path": self.path,
            "score": None,
            "label": None,
            "spread": None,
            "plan": self.plan,
            "pool": self.pool,
            "engine": self.engine,
            "precision": self.precision,
            "model": self.model,
            "ms": None,
            "warnings": [],
            "error": self.error,
        }
