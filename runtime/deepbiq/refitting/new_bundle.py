"""The bundle with new heads: what holds for the old ones is left out, and what can be proven again is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from deepbiq.bundle import Bundle
from deepbiq.imaging import printable
from deepbiq.plans import Plan
from deepbiq.pooling import PREDICTION_HEAD, head_of
from deepbiq.reference import FP32, score_golden
from deepbiq.refitting.precisions import BUDGET
from deepbiq.refitting.ratings import Ratings
from deepbiq.refitting.refitted import Procedure, Refitted
from deepbiq.regression import regressors_to_npz

SUFFIX = "-refit"
_OF_THE_OLD_HEAD = ("golden", "score_output")
"""What a graph's entry says that holds for the old head alone: `score_output` is the old head inside the ONNX
file."""


def refitted_bundle(
    bundle: Bundle, plans: Sequence[Refitted], ratings: Ratings, procedure: Procedure
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Composes the manifest and the files of a bundle with new heads.

    Plans that were not refitted are left out, and so are the heads of other poolings. The graphs' files stay as
    they are.

    Args:
        bundle: The bundle that was refitted.
        plans: One for each plan family, the default plan first.
        ratings: What they were fitted to.
        procedure: How they were chosen and judged.

    Returns:
        The manifest without its list of files, and the files by path.
    """
    old = {key: value for key, value in bundle.manifest.items() if key != "files"}
    dropped = {entry["regressors"] for entry in old["plans"].values()}
    files = {name: data for name, data in bundle.files.items() if name not in dropped}
    for refitted in plans:
        # An average of features and an average of predictions are the same function, so the quality map has this
        # head too, and averages to the score.
        heads = {PREDICTION_HEAD: refitted.head, head_of(refitted.pooling): refitted.head}
        files[_file_of(refitted)] = regressors_to_npz(heads)
    manifest = {
        **old,
        "name": old["name"].removesuffix(SUFFIX) + SUFFIX,
        "description": f"{old.get('description', '')}; heads refitted to {_in_words(ratings)}".removeprefix("; "),
        "graphs": {key: _graph_entry(key, entry, plans) for key, entry in old["graphs"].items()},
        "plans": {r.plan.family: {"regressors": _file_of(r), "pooling": r.pooling} for r in plans},
        "default": {**old["default"], "plan": str(plans[0].plan)},
        "metrics": [_metrics(refitted, ratings, procedure) for refitted in plans if ratings.scores is not None],
        "refitted": _origin(bundle, plans, ratings, procedure),
    }
    unproven = {(key, refitted.plan.family) for refitted in plans for key in refitted.unproven}
    return with_golden_scores(Bundle(bundle.path, manifest, bundle.model_id, files), unproven), files


def _file_of(refitted: Refitted) -> str:
    return f"regressors/{refitted.plan.family}{SUFFIX}.npz"


def _in_words(ratings: Ratings) -> str:
    kind = "preferences" if ratings.scores is None else "scores"
    return f"{len(ratings.judged)} {kind} of {len(ratings.paths)} pictures"


def _graph_entry(key: str, entry: Mapping[str, Any], plans: Sequence[Refitted]) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name not in _OF_THE_OLD_HEAD}
    if "calibration" not in kept:
        return kept
    judged = [judged for refitted in plans for judged in refitted.int8 if judged.graph == key]
    costs = [asdict(item.cost) for item in judged if item.cost is not None and not item.faults]
    faults = [fault for item in judged for fault in item.faults]
    return {
        **kept,
        "calibration": {
            **kept["calibration"],
            "budget": asdict(BUDGET),
            "costs": costs,
            "judged_by": "deepbiq refit, on the rated pictures",
            "beyond": faults,
        },
    }


def _metrics(refitted: Refitted, ratings: Ratings, procedure: Procedure) -> dict[str, Any]:
    return {
        "dataset": printable(ratings.file.name),
        "split": f"cross-validation, {procedure.folds} folds",
        "plan": str(refitted.plan),
        "pooling": refitted.pooling,
        "n": refitted.tested,
        **{item.measure.name: item.after.value for item in refitted.comparisons},
    }


def _origin(bundle: Bundle, plans: Sequence[Refitted], ratings: Ratings, procedure: Procedure) -> dict[str, Any]:
    """Says what the heads were made from; nothing that the same call would not say again."""
    return {
        "from": bundle.model_id,
        "ratings": describe_ratings(ratings),
        **asdict(procedure),
        "plans": [refitted.describe() for refitted in plans],
    }


def describe_ratings(ratings: Ratings) -> dict[str, Any]:
    """Tells what ratings are; JSON-ready."""
    return {
        "kind": "preferences" if ratings.scores is None else "scores",
        "sha256": ratings.sha256,
        "n": len(ratings.judged),
        "pictures": len(ratings.paths),
        "scale": None if ratings.scale is None else ratings.scale.describe(),
    }


def with_golden_scores(bundle: Bundle, unproven: Collection[tuple[str, str]]) -> dict[str, Any]:
    """Scores a bundle's golden pictures anew with every graph that is proven here; the others are left without.

    No engine can be built from these, and tuning does not take them, until a bundle is made where they are proven.

    Args:
        bundle: In memory, with its new heads.
        unproven: Graphs that do not reproduce their scores with the old heads on this machine, each with the plan
            family.

    Returns:
        The manifest.
    """
    manifest = dict(bundle.manifest)
    golden = {key: _golden_scores(bundle, key, unproven) for key in manifest["graphs"]}
    manifest["golden"] = [{"file": file, "scores": scores} for file, scores in golden[FP32].items()]
    manifest["graphs"] = {
        key: entry if key == FP32 or not golden[key] else {**entry, "golden": golden[key]}
        for key, entry in manifest["graphs"].items()
    }
    return manifest


def _golden_scores(bundle: Bundle, key: str, unproven: Collection[tuple[str, str]]) -> dict[str, dict[str, float]]:
    def is_proven(plan: Plan) -> bool:
        return plan.family in bundle.manifest["plans"] and (key, plan.family) not in unproven

    return score_golden(bundle, key, only=is_proven)
