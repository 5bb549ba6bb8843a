"""Composing a bundle's manifest from what the checkpoint says (schema 1, see docs/bundle.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepbiq.datasets import find_dataset
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq_export.graph import FEATURES, INPUT
from deepbiq_export.score_output import SCORE
from deepbiq_export.trained_model import TrainedModel

GRAPH_FILES = {"fp32": "model.fp32.onnx", "fp16": "model.fp16.onnx"}
_SCHEMA = 1
_DEFAULT_PLAN = "dense"
_PICTURES_LICENCE = "the pictures are not part of this bundle; the data set's own terms apply to them"


GoldenScores = Mapping[str, Mapping[str, float]]
"""Expected scores by plan for each golden picture, by its path inside the bundle."""


def compose_manifest(
    model: TrainedModel, name: str, golden: Mapping[str, GoldenScores], *, half_weights: bool
) -> dict[str, object]:
    """Composes everything but the list of files, which is added when the bundle is sealed.

    Args:
        model: The trained model.
        name: What the bundle calls itself.
        golden: Expected scores by graph: `fp32`, and `fp16` where the bundle holds it.
        half_weights: Whether the FP32 graph's large weights are stored in half precision.
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
        "graphs": {
            "fp32": {**_graph_entry("fp32"), "weights": "float16" if half_weights else "float32"},
            # FP32's expected scores stand at the top of the manifest: every other graph is held against them, too.
            **({"fp16": {**_graph_entry("fp16"), "golden": _copy(golden["fp16"])}} if "fp16" in golden else {}),
        },
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
            **({"qat": told["qat"]} if "qat" in told else {}),
        },
        "metrics": [_metric(data_set["name"], entry) for entry in told["metrics"]],
        "golden": [{"file": file, "scores": scores} for file, scores in _copy(golden["fp32"]).items()],
    }


def _graph_entry(key: str) -> dict[str, object]:
    return {"file": GRAPH_FILES[key], "output": FEATURES, "score_output": SCORE}


def _copy(golden: GoldenScores) -> dict[str, dict[str, float]]:
    return {file: dict(scores) for file, scores in golden.items()}


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
    size, stride = model.input_size, model.stride
    return {
        "name": name,
        "backbone": str(model.description["backbone"]),
        "input": f"{INPUT}: uint8 (batch, height, width, 3), BGR, sides {size} plus multiples of {stride}; bring "
        f"the short side down to {model.description['training_scale']['short_side']} first, by area interpolation; "
        f"normalisation (RGB mean {list(model.mean)}, std {list(model.std)}) is inside the graph",
        SCORE: f"(batch,) float32, {SCORE_MIN:.0f} (bad) to {SCORE_MAX:.0f} (excellent): plan {_DEFAULT_PLAN}, "
        f"pooling {model.description['plans'][_DEFAULT_PLAN]['pooling']}, linear SVR",
        FEATURES: f"(batch, {model.feature_size}, rows, columns) float32: the features of windows of {size} pixels "
        f"a side, {stride} apart, {model.outer_windows} of them cut at each edge",
    }


def _metric(data_set: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"dataset": data_set, "split": "validation (scene-disjoint)", **entry}
