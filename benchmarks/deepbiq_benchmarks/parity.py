"""Parity: what each engine and precision of a bundle makes of the pixels that a reference sees.

A picture is decoded and sampled once per plan. Features are compared picture by picture and then forgotten, so
memory does not grow with the number of pictures: only scores and cosines are kept. Several pictures are in work at
once, each engine with one thread: threads of PyTorch and ONNX Runtime would wait for each other by spinning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np
import numpy.typing as npt

from deepbiq.bundle import open_bundle
from deepbiq.datasets.faults import list_faults
from deepbiq.errors import EngineError, ImageError, OptionError
from deepbiq.extras import MissingExtraError
from deepbiq.graphs import CPU_INT8, TENSORRT_INT8
from deepbiq.labels import clip_score
from deepbiq.sampling import Sample
from deepbiq.scorer import Scorer, load

EVERYWHERE = "onnxruntime"
"""The engine that every machine has: what it refuses is a fault of the bundle and no lack of the machine."""
MOST_WORKERS = 4
"""Pictures in work at once: each holds its activations in every engine."""


@dataclass(frozen=True)
class Variant:
    """One way to run a bundle.

    Attributes:
        engine: Name of the engine.
        precision: Name of the graph in the manifest, so INT8 by its flavour.
    """

    engine: str
    precision: str


VARIANTS = (
    *(Variant("onnxruntime", precision) for precision in ("fp32", "fp16", CPU_INT8, TENSORRT_INT8)),
    Variant("rounded-fp16", "fp16"),
    *(Variant("tensorrt", precision) for precision in ("fp32", "fp16", TENSORRT_INT8)),
)
"""Every row of the table but the reference. ONNX Runtime computes FP16 in FP32 on CPUs; `rounded-fp16` rounds every
value as a GPU stores it."""


@dataclass(eq=False)
class Series:
    """What one variant said of every picture, in their order.

    Attributes:
        scores: 0..100.
        cosines: Mean over the picture's windows of the cosine between a window's features and the reference's.
        worst_cosines: The least of them.
    """

    scores: list[float] = field(default_factory=list)
    cosines: list[float] = field(default_factory=list)
    worst_cosines: list[float] = field(default_factory=list)

    def add(self, score: float, cosines: npt.NDArray[np.float64]) -> None:
        """Adds a picture by its score and the cosines of its windows."""
        self.scores.append(score)
        self.cosines.append(float(cosines.mean()))
        self.worst_cosines.append(float(cosines.min()))


@dataclass(frozen=True, eq=False)
class Observed:
    """What reference and variants said of all pictures with one plan.

    Attributes:
        plan: The plan.
        reference_scores: 0..100, one per picture.
        series: By variant, those that ran.
        reasons: By variant, why it did not run.
    """

    plan: str
    reference_scores: list[float]
    series: Mapping[Variant, Series]
    reasons: Mapping[Variant, str]


def observe(
    reference: Scorer, bundle: Path, variants: Sequence[Variant], paths: Sequence[Path], advance: Callable[[], None]
) -> Observed:
    """Runs reference and variants over all pictures with the reference's plan.

    Args:
        reference: What everything is compared with, with one thread.
        bundle: The bundle whose variants are run.
        variants: Which of them.
        paths: The pictures, at least one.
        advance: Called after each picture.

    Raises:
        ImageError: When a picture cannot be read: figures on the rest would not be what they are called.
        EngineError: When no variant can run, one fails on a picture, or ONNX Runtime refuses a graph.
    """
    plan = str(reference.setting.plan)
    with ExitStack() as stack:
        scorers, reasons = _open_variants(bundle, variants, plan, stack)
        if not scorers:
            listed = "; ".join(f"{variant.engine} {variant.precision}: {why}" for variant, why in reasons.items())
            raise EngineError(f"nothing can be compared on this machine: {listed}")
        for scorer in scorers.values():
            _check_same_view(reference, scorer)
        reference_scores: list[float] = []
        series: dict[Variant, Series] = {variant: Series() for variant in scorers}
        faults: list[str] = []
        failed = Event()
        pool = stack.enter_context(ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_WORKERS)))
        for seen in pool.map(lambda path: _look(reference, scorers, path, failed), paths):
            advance()
            if isinstance(seen, str):
                faults.append(seen)
            elif seen is not None:
                reference_scores.append(seen.reference_score)
                for variant, (score, cosines) in seen.variants.items():
                    series[variant].add(score, cosines)
    if faults:
        raise ImageError(f"{len(faults)} of {len(paths)} pictures", f"cannot be scored: {list_faults(faults)}")
    return Observed(plan, reference_scores, series, reasons)


def window_cosines(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Compares the feature vectors of every window.

    Args:
        left: (D, rows, columns) of a dense map or (N, D) of crops.
        right: The same windows by another variant.

    Returns:
        (rows, columns) or (N,), -1..1; two zero vectors agree (1), a zero vector and another one do not (0).
    """
    axis = 0 if left.ndim == 3 else 1  # a dense map has three axes, the vectors lie along the first
    exact_left, exact_right = left.astype(np.float64), right.astype(np.float64)
    dots = (exact_left * exact_right).sum(axis)
    norms = np.sqrt((exact_left**2).sum(axis) * (exact_right**2).sum(axis))
    both_zero = ~np.logical_or(exact_left.any(axis), exact_right.any(axis))
    defined = norms > 0
    cosines: npt.NDArray[np.float64] = np.where(defined, dots / np.where(defined, norms, 1), both_zero)
    return np.clip(cosines, -1, 1)


def _open_variants(
    bundle: Path, variants: Sequence[Variant], plan: str, stack: ExitStack
) -> tuple[dict[Variant, Scorer], dict[Variant, str]]:
    """Opens what this machine can run, and says of the rest why not."""
    graphs = open_bundle(bundle).manifest["graphs"]
    scorers: dict[Variant, Scorer] = {}
    reasons: dict[Variant, str] = {}
    for variant in variants:
        if variant.precision not in graphs:
            reasons[variant] = f"the bundle has no {variant.precision} graph"
            continue
        try:
            scorer = load(bundle, engine=variant.engine, precision=variant.precision, plan=plan, threads=1)
        except (EngineError, MissingExtraError) as error:
            if variant.engine == EVERYWHERE:
                raise
            reasons[variant] = str(error)
        else:
            scorers[variant] = stack.enter_context(scorer)
    return scorers, reasons


def _check_same_view(reference: Scorer, scorer: Scorer) -> None:
    """A reference from another bundle must look at pictures in the same way."""
    theirs, ours = _view(reference), _view(scorer)
    for name, value in ours.items():
        if theirs[name] != value:
            raise OptionError(
                f"the reference bundle {reference.bundle.path} has another {name} ({theirs[name]}) than "
                f"{scorer.bundle.path} ({value}): only bundles of the same network and training can be compared"
            )


def _view(scorer: Scorer) -> dict[str, object]:
    setting = scorer.setting
    return {
        "crop size": setting.size,
        "stride": setting.stride,
        "number of outer windows": setting.outer_windows,
        "feature size": scorer.bundle.manifest["feature"]["size"],
        "training scale": setting.scale.short_side,
        "pooling": setting.pooling,
    }


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was said of one picture: the reference's score; each variant's score and window cosines."""

    reference_score: float
    variants: Mapping[Variant, tuple[float, npt.NDArray[np.float64]]]


def _look(reference: Scorer, scorers: Mapping[Variant, Scorer], path: Path, failed: Event) -> _Seen | str | None:
    """Runs everything on one picture; returns its fault when it cannot be read.

    Once one has failed there will be no figures: the others are only read, to name all that is wrong.
    """
    try:
        sampled = reference.sample(path)
    except ImageError as error:
        failed.set()
        return str(error)
    if failed.is_set():
        return None
    expected = reference.features(sampled)
    variants = {}
    for variant, scorer in scorers.items():
        features = scorer.features(sampled)
        variants[variant] = _score(scorer, sampled, features), window_cosines(features, expected)
    return _Seen(_score(reference, sampled, expected), variants)


def _score(scorer: Scorer, sampled: Sample, features: npt.NDArray[np.float32]) -> float:
    return clip_score(scorer.judge(sampled, features).raw_score)
