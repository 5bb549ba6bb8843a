"""Golden pictures: the bundle's proof that this machine computes the scores that its makers saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deepbiq.bundle import Bundle

TOLERANCE = {"fp32": 0.1, "fp16": 0.5, "int8": 1.0}
"""Largest difference in score points, by precision, from the scores of the same graph in ONNX Runtime.

FP32 kernels differ between CPUs by rounding only, some 1e-4 points; 0.1 leaves room for the rounding of a decoded
pixel and is far below what anybody sees. ONNX Runtime computes FP16 graphs in FP32 on CPUs, where the scores are
recorded; a GPU rounds after every layer. In INT8 a value next to a rounding border moves by a whole step with
another order of additions; 1.0 is what a calibration may cost on average."""


@dataclass(frozen=True)
class GoldenCheck:
    """One golden picture scored here.

    Attributes:
        file: The picture's path inside the bundle.
        plan: The sampling plan.
        expected: The score that the bundle's makers saw.
        score: The score here.
    """

    file: str
    plan: str
    expected: float
    score: float

    def passes(self, kind: str) -> bool:
        """Says whether the score is within the tolerance of `fp32`, `fp16` or `int8`."""
        return abs(self.score - self.expected) <= TOLERANCE[kind]


def check_golden(
    bundle: Bundle,
    key: str,
    score_of: Callable[[bytes, str], float],
    *,
    only: Callable[[str], bool] = lambda _: True,
) -> list[GoldenCheck]:
    """Scores every golden picture of a bundle with every plan that an expected score is recorded for.

    Args:
        bundle: The opened bundle.
        key: Which graph's expected scores: `fp32`, `fp16`, `int8-cpu` or `int8-tensorrt`.
        score_of: Scores the bytes of a picture with a plan.
        only: Says which plans to take.

    Returns:
        One item per picture and plan; a bundle without golden pictures gives none.
    """
    return [
        GoldenCheck(file, plan, expected, score_of(bundle.read(file), plan))
        for file, scores in golden_scores_of(bundle, key).items()
        for plan, expected in scores.items()
        if only(plan)
    ]


def golden_fault(checks: Sequence[GoldenCheck], kind: str) -> str | None:
    """Says which score is farthest from what the bundle's makers saw; None where every one is within the tolerance.

    Args:
        checks: At least one.
        kind: `fp32`, `fp16` or `int8`.
    """
    worst = max(checks, key=lambda check: abs(check.score - check.expected))
    if worst.passes(kind):
        return None
    return f"{worst.file} with plan {worst.plan} scores {worst.score:.2f}, not {worst.expected:.2f}"


def golden_scores_of(bundle: Bundle, key: str) -> Mapping[str, Mapping[str, float]]:
    """Reads a graph's expected scores: by the picture's path inside the bundle, and by plan."""
    if key == "fp32":
        return {entry["file"]: entry["scores"] for entry in bundle.manifest.get("golden", ())}
    recorded: Mapping[str, Mapping[str, float]] = bundle.manifest["graphs"][key].get("golden", {})
    return recorded
