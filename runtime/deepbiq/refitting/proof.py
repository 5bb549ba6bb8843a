"""Which of a bundle's graphs compute here what its makers saw: only of these may anything be said.

ONNX Runtime saturates TensorRT's flavour of INT8 on some processors, for example, so what it costs there is nothing
that a TensorRT engine would cost.
"""

from __future__ import annotations

from deepbiq.bundle import Bundle
from deepbiq.errors import EngineError
from deepbiq.golden import GoldenCheck, check_golden, golden_fault
from deepbiq.notes import note
from deepbiq.plans import Plan, parse_plan
from deepbiq.reference import FP32, scorer_on
from deepbiq.scorer import score_with


def unproven_graphs(bundle: Bundle, plan: Plan) -> dict[str, str]:
    """Scores the golden pictures with every graph, by the recorded plans of a family.

    FP32 is believed, as a scorer believes it: with heads that somebody replaced, its recorded scores are those of
    others. Then there is a note, and no other graph is proven either.

    Args:
        bundle: The bundle as it is.
        plan: A plan of the family.

    Returns:
        By graph why it is not proven here; graphs that reproduce their scores are left out.

    Raises:
        EngineError: When FP32 does not run.
    """
    checks = _checks(bundle, FP32, plan)
    fault = golden_fault(checks, FP32) if checks else None
    if fault is not None:
        note(f"{bundle.path}: its golden scores are not those of its heads here ({fault}); they are made anew")
    found = {key: _fault_of(bundle, key, plan) for key in bundle.manifest["graphs"] if key != FP32}
    return {key: fault for key, fault in found.items() if fault is not None}


def _fault_of(bundle: Bundle, key: str, plan: Plan) -> str | None:
    try:
        checks = _checks(bundle, key, plan)
    except EngineError as error:
        return str(error)
    if not checks:
        return f"no golden scores of {key} with a plan of {plan.family} to prove it with"
    return golden_fault(checks, key.partition("-")[0])


def _checks(bundle: Bundle, key: str, plan: Plan) -> list[GoldenCheck]:
    with scorer_on(bundle, key, plan) as scorer:
        return check_golden(
            bundle,
            key,
            lambda data, text: score_with(bundle, scorer.engine, text, data),
            only=lambda text: parse_plan(text).family == plan.family,
        )
