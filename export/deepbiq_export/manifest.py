"""Composing a bundle's manifest from what the checkpoint says (schema 1, see docs/bundle.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepbiq.datasets import find_dataset
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq_export.graph import FEATURES, INPUT
from deepbiq_export.trained_model import TrainedModel

GRAPH_FILE = "features.fp32.onnx"
_SCHEMA = 1
_DEFAULT_PLAN = "dense"
_PICTURES_LICENCE = "the pictures are not part of this bundle; the data set's own terms apply to them"


def compose_manifest(
    model: TrainedModel, name: str, golden: Mapping[str, Mapping[str, float]]
) -> dict[str, object]:
    """Composes everything but the list of files, which is added when the bundle is sealed.

    Args:
        model: The trained model.
        name: What the bundle calls itself.
        golden: Expected scores by plan for each golden picture, by its path inside the bundle.
    """
    told = model.description
    data_set = told["data_set"]
    source = find_dataset(data_set["name"])
    return {
        "schema": _SCHEMA,
        "name": name,
        "description": f"Linear SVRs on {_kind(told)} features of {told['backbone']}; data: {data_set['name']}",
        "backbone": told["backbone"],
        "feature": {
            "layer": model.feature_layer,
            "size": model.feature_size,
            "stride": model.stride,
            "outer_windows": model.outer_windows,
        },
        "input": {
            "name": INPUT,
            "size": model.input_size,
            "layout": "NHWC",
            "dtype": "uint8",
            "colour_order": "BGR",
            "normalisation": {"mean": list(model.mean), "std": list(model.std), "inside_graph": True},
        },
        "training_scale": told["training_scale"],
        "score": {"min": SCORE_MIN, "max": SCORE_MAX, "direction": "higher is better"},
        "graphs": {"fp32": {"file": GRAPH_FILE, "output": FEATURES}},
        "plans": told["plans"],
        "default": {"plan": _DEFAULT_PLAN},
        "licence": {
            "weights": told["weights"]["licence"],
            "weights_source": told["weights"]["source"],
            "weights_sha256": told["weights"]["sha256"],
        },
        "trained_on": {
            **data_set,
            "title": source.citation,
            "source": source.url,
            "licence": _PICTURES_LICENCE,
            "validation": told["validation"],
        },
        "metrics": [_metric(data_set["name"], entry) for entry in told["metrics"]],
        "golden": [{"file": file, "scores": dict(scores)} for file, scores in golden.items()],
    }


def default_name(model: TrainedModel) -> str:
    """Names a bundle after its network, how it was trained, and its data set."""
    told = model.description
    kind = "finetuned" if _is_fine_tuned(told) else "frozen"
    return f"{told['backbone'].replace('_', '-')}-{kind}-{told['data_set']['name']}"


def _is_fine_tuned(told: Mapping[str, Any]) -> bool:
    return "fine_tuning" in told


def _kind(told: Mapping[str, Any]) -> str:
    return "fine-tuned" if _is_fine_tuned(told) else "frozen pre-trained"


def graph_properties(model: TrainedModel, name: str) -> dict[str, str]:
    """Words for the graph's own metadata, so that it explains itself outside the bundle."""
    return {
        "name": name,
        "backbone": str(model.description["backbone"]),
        "input": f"uint8 (N, H, W, 3), BGR, sides {model.input_size} plus multiples of {model.stride}; "
        f"normalisation (RGB mean {list(model.mean)}, std {list(model.std)}) is inside the graph",
        "output": f"(N, {model.feature_size}, rows, columns): the features of windows of {model.input_size} pixels "
        f"a side, {model.stride} apart, {model.outer_windows} of them cut at each edge",
    }


def _metric(data_set: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"dataset": data_set, "split": "validation (scene-disjoint)", **entry}
