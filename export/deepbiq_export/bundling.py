"""From a trained model to a sealed bundle, checked on the way."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from deepbiq.bundle import write_bundle
from deepbiq_export.golden import golden_pictures, golden_scores
from deepbiq_export.graph import finish_graph
from deepbiq_export.manifest import GRAPH_FILE, compose_manifest, graph_properties
from deepbiq_export.parity import check_parity
from deepbiq_export.trained_model import TrainedModel

_LOG = logging.getLogger(__name__)


def export_bundle(model: TrainedModel, out: Path, *, name: str, samples: Path) -> None:
    """Writes the bundle of a trained model; an existing bundle is replaced only by a complete one.

    Args:
        model: The trained model.
        out: Folder of the bundle.
        name: What the bundle calls itself.
        samples: Photographs that golden pictures are cut from.

    Raises:
        ExportError: When the graph is invalid or its values differ from the trained network's.
        OptionError: When there are no photographs.
        BundleError: When `out` exists and is not a bundle.
        OSError: When the disk is full or the folder not writable.
    """
    pictures = golden_pictures(samples)
    graph = finish_graph(model.raw_graph, graph_properties(model, name), model.description["backbone"])
    _LOG.info("largest relative difference to the trained network: %.2g", check_parity(graph, model))
    files = {GRAPH_FILE: graph, **model.regressors}
    with tempfile.TemporaryDirectory() as folder:
        # The runtime itself says what the golden pictures score, so it needs the bundle without them first.
        unproven = Path(folder) / "bundle"
        write_bundle(unproven, compose_manifest(model, name, {}), files)
        scores = golden_scores(unproven, pictures)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bundle(out, compose_manifest(model, name, scores), {**files, **pictures})
