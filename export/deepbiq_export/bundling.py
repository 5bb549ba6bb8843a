"""From a trained model to a sealed bundle, checked on the way."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.bundle import write_bundle
from deepbiq.dense import pad_to_stride
from deepbiq.imaging import Limits, decode_bytes
from deepbiq_export.export_error import ExportError
from deepbiq_export.golden import golden_scores
from deepbiq_export.graph import FEATURES, clean_graph, seal_graph
from deepbiq_export.half_precision import convert_to_fp16, largest_values, overflowing_nodes
from deepbiq_export.half_rounding import round_like_fp16
from deepbiq_export.half_weights import halve_weights
from deepbiq_export.manifest import GRAPH_FILES, compose_manifest, graph_properties
from deepbiq_export.parity import FP16, FP32, Tolerance, check_parity
from deepbiq_export.score_output import add_score, dense_regressor
from deepbiq_export.trained_model import TrainedModel

_LOG = logging.getLogger(__name__)
_ANY_FEATURES = float("inf")


def export_bundle(
    model: TrainedModel, out: Path, *, name: str, golden: Mapping[str, bytes], half_weights: bool = False
) -> None:
    """Writes the bundle of a trained model; an existing bundle is replaced only by a complete one.

    Args:
        model: The trained model.
        out: Folder of the bundle.
        name: What the bundle calls itself.
        golden: PNG files by their path inside the bundle; see `golden_pictures`.
        half_weights: Store the FP32 graph's large weights in half precision.

    Raises:
        ExportError: When a graph is invalid or its values differ from the trained network's.
        BundleError: When `out` exists and is not a bundle.
        OSError: When the disk is full or the folder not writable.
    """
    graphs = _checked_graphs(model, name, golden, half_weights=half_weights)
    files = {**{GRAPH_FILES[key]: graph for key, graph in graphs.items()}, **model.regressors}
    with tempfile.TemporaryDirectory() as folder:
        # The runtime itself says what the golden pictures score, so it needs the bundle without them first.
        unproven = Path(folder) / "bundle"
        unscored = compose_manifest(model, name, {key: {} for key in graphs}, half_weights=half_weights)
        write_bundle(unproven, unscored, files)
        scores = {key: golden_scores(unproven, golden, key) for key in graphs}
    out.parent.mkdir(parents=True, exist_ok=True)
    manifest = compose_manifest(model, name, scores, half_weights=half_weights)
    write_bundle(out, manifest, {**files, **golden})


def _checked_graphs(
    model: TrainedModel, name: str, pictures: Mapping[str, bytes], *, half_weights: bool
) -> dict[str, bytes]:
    """Makes the FP32 graph, and the FP16 graph where that keeps scores, each held against the trained network.

    Args:
        model: The trained model.
        name: What the bundle calls itself.
        pictures: PNG files: what FP16's range is checked on.
        half_weights: As in `export_bundle`.

    Returns:
        ONNX files by their key in the manifest.
    """
    regressor = dense_regressor(model.description["plans"], model.regressors)
    properties = graph_properties(model, name)
    geometry = (model.input_size, model.stride)

    def finish(features: bytes) -> bytes:
        return seal_graph(add_score(features, FEATURES, regressor), properties)

    features = clean_graph(model.raw_graph, model.description["backbone"])
    fp32 = finish(features)
    found = check_parity(fp32, model.reference, regressor, geometry, FP32)
    _LOG.info("fp32: features within %.2g (relative) of PyTorch, scores within %.2g", found.features, found.score)
    if half_weights:
        fp32 = seal_graph(halve_weights(fp32), properties)
        # The file holds exactly the rounded weights, and their rounding hardly moves a score.
        check_parity(fp32, model.reference_of(fp32), regressor, geometry, FP32)
        found = check_parity(
            fp32, model.reference, regressor, geometry, Tolerance(features=_ANY_FEATURES, score=FP32.score)
        )
        _LOG.info("fp32 with weights stored in half: scores within %.2g of PyTorch", found.score)
    largest = largest_values(features, [_as_input(data, model) for data in pictures.values()])
    kept = overflowing_nodes(features, largest)
    fp16 = finish(convert_to_fp16(features, kept))
    try:
        found = check_parity(round_like_fp16(fp16), model.reference, regressor, geometry, FP16)
    except ExportError as error:
        # A regressor with large weights makes much of small differences; FP32 is as good as ever.
        _LOG.warning("fp16 is left out of the bundle: %s", error)
        return {"fp32": fp32}
    _LOG.info(
        "fp16: features within %.2g, scores within %.2g; largest value %.0f; kept in FP32 for their range: %s",
        found.features, found.score, max(largest.values()), ", ".join(kept) or "none",
    )  # fmt: skip
    return {"fp32": fp32, "fp16": fp16}


def _as_input(picture: bytes, model: TrainedModel) -> npt.NDArray[np.uint8]:
    bgr = decode_bytes(picture, name="golden picture", limits=Limits()).bgr
    return pad_to_stride(bgr, model.input_size, model.stride)[None]
