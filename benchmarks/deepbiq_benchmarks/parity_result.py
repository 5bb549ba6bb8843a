"""The whole parity measurement: plan by plan against the reference, composed into one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepbiq.bundle import open_bundle
from deepbiq.diagnosis import circumstances
from deepbiq.errors import EngineError
from deepbiq.extras import MissingExtraError
from deepbiq.scorer import Scorer, load
from deepbiq_benchmarks.parity import Observed, Variant, observe
from deepbiq_benchmarks.parity_budget import Budget
from deepbiq_benchmarks.parity_material import Material
from deepbiq_benchmarks.parity_rows import ParityRow, agreement_of, rows_of


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared with what.

    Attributes:
        bundle: The bundle whose variants are run.
        reference: The bundle whose FP32 graph is the reference.
        reference_engine: The engine that runs it.
        plans: The plans.
        variants: Engines and precisions, the rows of every plan.
        material: The pictures.
        budget: What the rows are held against.
    """

    bundle: Path
    reference: Path
    reference_engine: str
    plans: Sequence[str]
    variants: Sequence[Variant]
    material: Material
    budget: Budget


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was found.

    Attributes:
        result: JSON-ready, with the rows.
        rows: The rows by plan.
        observations: Scores of every picture, one item per plan.
    """

    result: dict[str, Any]
    rows: list[ParityRow]
    observations: list[Observed]


def compare(comparison: Comparison, advance: Callable[[], None]) -> Outcome:
    """Runs everything.

    Args:
        comparison: What is compared.
        advance: Called after each picture of each plan.

    Raises:
        EngineError: When the reference or none of the variants can run.
        ImageError: When a picture cannot be read.
        BundleError: When a bundle is damaged or lacks a plan.
        OptionError: When the reference's bundle looks at pictures in another way.
    """
    opened, material = open_bundle(comparison.bundle), comparison.material
    files = opened.manifest["files"]
    graph_bytes = {name: files[entry["file"]]["size"] for name, entry in opened.manifest["graphs"].items()}
    rows: list[ParityRow] = []
    observations: list[Observed] = []
    agreement: dict[str, dict[str, float | None]] = {}
    identity: dict[str, str] = {}
    for plan in comparison.plans:
        with _open_reference(comparison, plan) as reference:
            observed = observe(reference, comparison.bundle, comparison.variants, material.paths, advance)
            identity = {
                "engine": reference.engine.name,
                "version": reference.engine.version,
                "precision": reference.engine.precision,
                "model": reference.bundle.model_id,
            }
        agreement[plan] = agreement_of(observed.reference_scores, material.mos)
        rows += rows_of(observed, comparison.variants, material.paths, material.mos, comparison.budget, graph_bytes)
        observations.append(observed)
    result = {
        "benchmark": "parity",
        "model": opened.model_id,
        "dataset": material.dataset,
        "split": material.split,
        "n": len(material.paths),
        "reference": {**identity, "agreement": agreement},
        "budget": asdict(comparison.budget),
        "within_budget": not any(row.beyond for row in rows),
        "rows": [row.describe() for row in rows],
        **circumstances(),
    }
    return Outcome(result, rows, observations)


def _open_reference(comparison: Comparison, plan: str) -> Scorer:
    """Opens the reference; no other engine is ever taken in place of the one asked for."""
    try:
        return load(
            comparison.reference, engine=comparison.reference_engine, precision="fp32", plan=plan, threads=1
        )
    except (EngineError, MissingExtraError) as error:
        raise EngineError(
            f"the reference cannot run: {error} (--reference-engine onnxruntime compares with ONNX Runtime's FP32)"
        ) from error
