"""Trying a graph: it takes its place in the bundle, in memory, and the runtime scores with it as it always does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.bundle import Bundle
from deepbiq.datasets import RatedPicture
from deepbiq.datasets.prediction import predict
from deepbiq.errors import ImageError
from deepbiq.labels import clip_score
from deepbiq.plans import parse_plan
from deepbiq.reference import FP32, scorer_on
from deepbiq.sampling import Sample


def with_graph(bundle: Bundle, key: str, file: str, graph: bytes, told: Mapping[str, Any]) -> Bundle:
    """Returns a bundle, in memory, that holds one more graph.

    Args:
        bundle: The bundle.
        key: The graph's key in the manifest.
        file: Its file.
        graph: The ONNX file's bytes.
        told: What the manifest says of it besides file and outputs.
    """
    outputs = {name: value for name, value in bundle.manifest["graphs"][FP32].items() if "output" in name}
    graphs = {**bundle.manifest["graphs"], key: {"file": file, **outputs, **told}}
    manifest = {**bundle.manifest, "graphs": graphs}
    return Bundle(bundle.path, manifest, bundle.model_id, {**bundle.files, file: graph})


def scores_of(
    bundle: Bundle,
    key: str,
    plan: str,
    pictures: Sequence[RatedPicture],
    threads: int | None,
    advance: Callable[[], None],
) -> npt.NDArray[np.float64]:
    """Scores pictures with one of a bundle's graphs.

    Raises:
        ImageError: When a picture cannot be read; the message names it.
    """
    with scorer_on(bundle, key, parse_plan(plan), threads) as scorer:
        return predict(scorer, pictures, advance)


def samples_of(bundle: Bundle, plan: str, pictures: Sequence[RatedPicture], threads: int | None) -> list[Sample]:
    """Takes of each picture what scoring feeds the network.

    Raises:
        ImageError: When a picture cannot be read.
    """
    with scorer_on(bundle, FP32, parse_plan(plan), threads) as scorer:
        return [scorer.sample(picture.path) for picture in pictures]


def scores_of_samples(
    bundle: Bundle, key: str, plan: str, samples: Sequence[Sample], threads: int | None
) -> npt.NDArray[np.float64]:
    """Scores samples that were taken before, for when many graphs see the same pictures."""
    with scorer_on(bundle, key, parse_plan(plan), threads) as scorer:
        return np.array([clip_score(scorer.judge_sample(item).raw_score) for item in samples])


def unreadable(bundle: Bundle, pictures: Sequence[RatedPicture]) -> list[str]:
    """Says what is wrong with each picture that cannot be read; empty where all can."""
    faults = []
    with scorer_on(bundle, FP32, parse_plan(bundle.manifest["default"]["plan"])) as scorer:
        for picture in pictures:
            try:
                scorer.sample(picture.path)
            except ImageError as error:
                faults.append(str(error))
    return faults
