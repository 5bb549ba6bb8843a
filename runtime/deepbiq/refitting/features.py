"""The features that a head is fitted to: of every picture the average over its crops or windows.

Average feature pooling and average prediction pooling are the same function of a linear head, the prediction of
this average, so one head serves both.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq import __version__
from deepbiq.bundle import Bundle
from deepbiq.datasets.faults import list_faults
from deepbiq.datasets.rated import DataSetError
from deepbiq.errors import ImageError
from deepbiq.graphs import graph_of
from deepbiq.imaging import printable, read_bytes
from deepbiq.plans import Plan
from deepbiq.reference import ENGINE, scorer_on
from deepbiq.refitting.feature_cache import FeatureCache
from deepbiq.scorer import Scorer


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """The features of some pictures.

    Attributes:
        rows: (N, D) float32.
        content_hashes: Of each picture the SHA-256 of its bytes.
    """

    rows: npt.NDArray[np.float32]
    content_hashes: tuple[str, ...]


def average_features(
    bundle: Bundle, key: str, plan: Plan, paths: Sequence[Path], advance: Callable[[], None]
) -> PictureFeatures:
    """Computes the features of pictures; what the cache holds is not computed again.

    Args:
        bundle: The bundle.
        key: The graph's key in the manifest.
        plan: The sampling plan.
        paths: The pictures, at least one.
        advance: Called after each picture.

    Raises:
        DataSetError: When pictures cannot be read; the message lists them. The others are in the cache by then.
        OptionError: When the cache cannot be written.
        EngineError: When the graph does not run.
    """
    rows: list[npt.NDArray[np.float32]] = []
    hashes: list[str] = []
    faults: list[str] = []
    with scorer_on(bundle, key, plan) as scorer:
        cache = _cache_of(scorer, key)
        for path in paths:
            try:
                data = read_bytes(path, scorer.limits)
                content_hash = hashlib.sha256(data).hexdigest()
                rows.append(_features(scorer, cache, data, content_hash))
                hashes.append(content_hash)
            except ImageError as error:
                faults.append(f"{printable(os.fspath(path))}: {error.fault}")
            advance()
    if faults:
        raise DataSetError(f"{len(faults)} of {len(paths)} pictures cannot be read: {list_faults(faults)}")
    return PictureFeatures(np.stack(rows), tuple(hashes))


def _features(scorer: Scorer, cache: FeatureCache, data: bytes, content_hash: str) -> npt.NDArray[np.float32]:
    found = cache.get(content_hash)
    if found is None:
        found = _average(scorer.features(scorer.sample(data)))
        cache.put(content_hash, found)
    return found


def _average(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Averages (N, D) crops or (D, rows, columns) windows."""
    axes = 0 if features.ndim == 2 else (1, 2)
    return np.asarray(features.mean(axis=axes, dtype=np.float64), dtype=np.float32)


def _cache_of(scorer: Scorer, key: str) -> FeatureCache:
    graph = graph_of(scorer.bundle, key, ENGINE)
    circumstances = {
        "graph_sha256": hashlib.sha256(graph.model).hexdigest(),
        "output": graph.output_name,
        "graph": key,
        "plan": str(scorer.setting.plan),
        "short_side": scorer.setting.scale.short_side,
        "engine": f"{ENGINE} {scorer.engine.version}",
        "deepbiq": __version__,
    }
    return FeatureCache(circumstances, graph.feature_size)
