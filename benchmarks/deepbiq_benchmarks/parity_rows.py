"""The rows of the parity table: figures of each variant and plan, held against the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import correlations
from deepbiq.labels import label_of
from deepbiq_benchmarks.checks import Check
from deepbiq_benchmarks.parity import Observed, Series, Variant
from deepbiq_benchmarks.parity_budget import Budget


@dataclass(frozen=True)
class Figures:
    """How one variant compares with the reference.

    Attributes:
        n: Number of pictures.
        cosine_mean: Of window features with the reference's, every picture counting the same.
        cosine_worst: The least of any window.
        shift_mean: Mean absolute difference of scores, in score points, as all shifts.
        shift_p99: What 99 % of the pictures do not exceed.
        shift_max: The largest.
        shift_max_picture: File name of the picture with the largest.
        flips_percent: Pictures whose label differs, in percent.
        plcc: Pearson's correlation with human scores; None without them, as the next three.
        srocc: Spearman's.
        plcc_drop: By how much it is below the reference's; negative where it is above.
        srocc_drop: The same of Spearman's.
    """

    n: int
    cosine_mean: float
    cosine_worst: float
    shift_mean: float
    shift_p99: float
    shift_max: float
    shift_max_picture: str
    flips_percent: float
    plcc: float | None = None
    srocc: float | None = None
    plcc_drop: float | None = None
    srocc_drop: float | None = None


@dataclass(frozen=True)
class ParityRow:
    """One variant with one plan.

    Attributes:
        variant: Engine and precision.
        plan: The plan.
        graph_bytes: Size of the graph's file; None where the bundle has none.
        figures: What was measured; None where it did not run.
        reason: Why it did not run.
        beyond: Names of the figures that exceed the budget.
    """

    variant: Variant
    plan: str
    graph_bytes: int | None
    figures: Figures | None
    reason: str | None
    beyond: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Returns the row JSON-ready and flat: every row has the same keys."""
        empty = dict.fromkeys(item.name for item in fields(Figures))
        return {
            **asdict(self.variant),
            "plan": self.plan,
            "graph_bytes": self.graph_bytes,
            **(asdict(self.figures) if self.figures else empty),
            "beyond": list(self.beyond),
            "reason": self.reason,
        }


def rows_of(
    observed: Observed,
    variants: Sequence[Variant],
    paths: Sequence[Path],
    mos: npt.NDArray[np.float64] | None,
    budget: Budget,
    graph_bytes: dict[str, int],
) -> list[ParityRow]:
    """Composes the rows of one plan.

    Args:
        observed: What reference and variants said.
        variants: In the order of the rows.
        paths: The pictures.
        mos: (n,) human scores, 0..100; None where there are none.
        budget: What the figures are held against.
        graph_bytes: Size of each graph's file by its name in the manifest.
    """
    rows = []
    for variant in variants:
        series = observed.series.get(variant)
        figures = None if series is None else _figures(observed, series, paths, mos)
        rows.append(
            ParityRow(
                variant,
                observed.plan,
                graph_bytes.get(variant.precision),
                figures,
                observed.reasons.get(variant),
                () if figures is None else _beyond(figures, variant, budget),
            )
        )
    return rows


def agreement_of(scores: Sequence[float], mos: npt.NDArray[np.float64] | None) -> dict[str, float | None]:
    """Correlates scores with human ones.

    Returns:
        `plcc` and `srocc`; None for both where there are no human scores.
    """
    if mos is None:
        return {"plcc": None, "srocc": None}
    found = correlations(np.array(scores), mos)
    return {"plcc": found.plcc, "srocc": found.srocc}


def _figures(
    observed: Observed, series: Series, paths: Sequence[Path], mos: npt.NDArray[np.float64] | None
) -> Figures:
    shifts = np.abs(np.subtract(series.scores, observed.reference_scores))
    pairs = zip(series.scores, observed.reference_scores, strict=True)
    flips = sum(label_of(score) != label_of(expected) for score, expected in pairs)
    ours, theirs = agreement_of(series.scores, mos), agreement_of(observed.reference_scores, mos)
    return Figures(
        n=len(shifts),
        cosine_mean=float(np.mean(series.cosines)),
        cosine_worst=min(series.worst_cosines),
        shift_mean=float(shifts.mean()),
        shift_p99=float(np.percentile(shifts, 99, method="higher")),
        shift_max=float(shifts.max()),
        shift_max_picture=paths[int(shifts.argmax())].name,
        flips_percent=100 * flips / len(shifts),
        **ours,
        plcc_drop=_drop(theirs["plcc"], ours["plcc"]),
        srocc_drop=_drop(theirs["srocc"], ours["srocc"]),
    )


def _drop(reference: float | None, measured: float | None) -> float | None:
    return None if reference is None or measured is None else reference - measured


def _beyond(figures: Figures, variant: Variant, budget: Budget) -> tuple[str, ...]:
    bounds: dict[str, float] = (
        {"shift_max": budget.max_fp32_shift}
        if variant.precision == "fp32"
        else {
            "shift_mean": budget.max_shift,
            "flips_percent": budget.max_flips,
            "plcc_drop": budget.max_drop,
            "srocc_drop": budget.max_drop,
        }
    )
    checks = [Check(name, getattr(figures, name), bound) for name, bound in bounds.items()]
    return tuple(check.what for check in checks if check.passes is False)
