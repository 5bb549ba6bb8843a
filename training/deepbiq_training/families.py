"""The plan families: which plans share regressors, and on which plan those are trained."""

from __future__ import annotations

from dataclasses import dataclass

from deepbiq.plans import Plan
from deepbiq.pooling import CONCAT_CROPS


@dataclass(frozen=True)
class Family:
    """Plans that share one file of regressors.

    Attributes:
        name: Of the file.
        trained_on: The plan whose features train the regressors and choose their hyper-parameters.
        plans: The plans that use them, each evaluated on its own.
    """

    name: str
    trained_on: Plan
    plans: tuple[Plan, ...]

    @property
    def regressors_file(self) -> str:
        """The file's path in checkpoints and bundles."""
        return f"regressors/{self.name}.npz"


_RANDOM = Plan("random", CONCAT_CROPS)
_GRID = Plan("grid", CONCAT_CROPS)
_DENSE = Plan("dense")
_WHOLE = Plan("whole")

FAMILIES = (
    Family("dense", _DENSE, (_DENSE,)),
    Family("whole", _WHOLE, (_WHOLE,)),
    Family("crops", _RANDOM, (_RANDOM, _GRID)),
)
