"""The proof of an engine: it must score the bundle's golden pictures as its graph does in ONNX Runtime."""

from __future__ import annotations

from deepbiq.bundle import Bundle
from deepbiq.engines.protocol import Engine
from deepbiq.engines.tensorrt.request import Family, family_of
from deepbiq.engines.tensorrt.sidecar import Proof
from deepbiq.errors import EngineError
from deepbiq.golden import TOLERANCE, GoldenCheck, golden_scores_of
from deepbiq.graphs import Graph
from deepbiq.plans import parse_plan
from deepbiq.scorer import score_with


def prove(bundle: Bundle, graph: Graph, family: Family, engine: Engine) -> Proof:
    """Scores the golden pictures of `expected_scores`.

    Args:
        bundle: The opened bundle.
        graph: The graph that the engine was built from.
        family: The plans that the engine serves.
        engine: The engine; it stays open.

    Raises:
        EngineError: When the engine fails, or there is nothing to prove it with.
    """
    checks = [
        GoldenCheck(file, plan, expected, score_with(bundle, engine, plan, bundle.read(file)))
        for file, plan, expected in expected_scores(bundle, graph, family)
    ]
    return Proof(
        passed=all(check.passes(graph.kind) for check in checks),
        scores=len(checks),
        largest_difference=max(abs(check.score - check.expected) for check in checks),
        tolerance=TOLERANCE[graph.kind],
    )


def expected_scores(bundle: Bundle, graph: Graph, family: Family) -> list[tuple[str, str, float]]:
    """Lists what an engine must reproduce: every golden picture with every plan of the family that was recorded.

    Args:
        bundle: The opened bundle.
        graph: The graph that the engine is built from.
        family: The plans that the engine serves.

    Returns:
        The picture's path inside the bundle, the plan, and the score; at least one.

    Raises:
        EngineError: When there is none.
    """
    expected = [
        (file, plan, score)
        for file, scores in golden_scores_of(bundle, graph.key).items()
        for plan, score in scores.items()
        if family_of(parse_plan(plan)) == family
    ]
    if not expected:
        raise EngineError(
            f"{bundle.path}: no golden scores of {graph.key} with a plan of {family} to prove an engine with: "
            "export the bundle again"
        )
    return expected
