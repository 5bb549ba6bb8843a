"""The budget of INT8: how far scores may move from FP32, and what a graph costs against it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import correlations
from deepbiq.errors import OptionError
from deepbiq.labels import label_numbers


@dataclass(frozen=True)
class Budget:
    """Bounds, each of which a graph may reach but not exceed.

    Attributes:
        max_plcc_drop: How far PLCC may fall below that of FP32.
        max_srocc_drop: The same of SROCC.
        max_shift: Mean absolute difference from FP32's score, in score points.
        max_flips: Pictures whose label is another one than FP32's, in percent.
    """

    max_plcc_drop: float = 0.005
    max_srocc_drop: float = 0.005
    max_shift: float = 1.0
    max_flips: float = 2.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value >= 0:
                raise OptionError(f"--{name.replace('_', '-')} is a bound, at least 0, got {value}")

    def part(self, share: float) -> Budget:
        """Returns a share of every bound."""
        return Budget(**{name: share * value for name, value in asdict(self).items()})


@dataclass(frozen=True)
class Cost:
    """What a graph costs on some pictures with one plan.

    Attributes:
        plan: The sampling plan.
        n: Number of pictures.
        plcc_drop: PLCC of FP32 less that of the graph; None where people's scores are not known.
        srocc_drop: The same of SROCC.
        mean_shift: Mean of the score less FP32's, in score points, with its sign.
        shift: Mean absolute difference from FP32's score.
        spread: Standard deviation of the difference: what no change of a bias takes away.
        largest: Largest absolute difference.
        flips: Pictures whose label differs from FP32's, in percent.
    """

    plan: str
    n: int
    plcc_drop: float | None
    srocc_drop: float | None
    mean_shift: float
    shift: float
    spread: float
    largest: float
    flips: float

    def beyond(self, budget: Budget) -> list[str]:
        """Says in words which bounds it exceeds; empty where it holds all of them."""
        rows = (
            ("PLCC drop", self.plcc_drop, budget.max_plcc_drop, "{:.4f}"),
            ("SROCC drop", self.srocc_drop, budget.max_srocc_drop, "{:.4f}"),
            ("mean score shift", self.shift, budget.max_shift, "{:.2f}"),
            ("label flips", self.flips, budget.max_flips, "{:.2f} %"),
        )
        return [
            f"{self.plan}: {what} {form.format(found)}, allowed {form.format(bound)}"
            for what, found, bound, form in rows
            if found is not None and found > bound
        ]


def cost_of(
    plan: str,
    reference: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    mos: npt.NDArray[np.float64] | None,
) -> Cost:
    """Compares a graph's scores with FP32's.

    Args:
        plan: The sampling plan of both.
        reference: (n,) FP32's scores, 0..100.
        scores: (n,) the graph's.
        mos: (n,) people's, 0..100; None where they are not known.
    """
    difference = scores - reference
    drops: tuple[float | None, float | None] = (None, None)
    if mos is not None:
        before, after = correlations(reference, mos), correlations(scores, mos)
        drops = before.plcc - after.plcc, before.srocc - after.srocc
    return Cost(
        plan,
        len(scores),
        *drops,
        mean_shift=float(difference.mean()),
        shift=float(np.abs(difference).mean()),
        spread=float(difference.std()),
        largest=float(np.abs(difference).max()),
        flips=100.0 * float(np.mean(label_numbers(scores) != label_numbers(reference))),
    )
