"""The scorer: a picture in, a `Score` out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from time import perf_counter
from typing import Any, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt

from deepbiq.bundle import Bundle, default_bundle_path, open_bundle
from deepbiq.closable import Closable
from deepbiq.configuration import Configuration
from deepbiq.dense import FeaturesOf, crop_vectors, dense_features
from deepbiq.engines import Engine, Projecting, create_engine
from deepbiq.errors import BundleError, EngineError, ImageError, OptionError
from deepbiq.imaging import Limits, Picture, check_array, decode_bytes, read_bytes
from deepbiq.judging import Judgement, judge_crops, judge_windows
from deepbiq.labels import clip_score, label_of
from deepbiq.lookahead import map_ahead
from deepbiq.notes import note
from deepbiq.plans import parse_plan
from deepbiq.pooling import parse_pooling
from deepbiq.quality_map import overlay
from deepbiq.regression import LinearRegressor
from deepbiq.result import Failure, Score, Timing
from deepbiq.sampling import Sample, sample
from deepbiq.scale import bring_to_scale
from deepbiq.setting import Setting, settle
from deepbiq.tuning.choice import choose

Source = str | os.PathLike[str] | bytes | npt.NDArray[Any]
"""A path, the bytes of a file, or an array (H, W, 3) uint8 in BGR order."""

Result = TypeVar("Result")

_SHORT_STREAM = 4
"""Pictures at a stream's start that are scored as single calls are: a short list pays for no workers' session."""


def load(
    bundle: str | os.PathLike[str] | None = None,
    *,
    engine: str = "auto",
    precision: str = "auto",
    plan: str | None = None,
    pool: str | None = None,
    scale: str | int = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
) -> Scorer:
    """Loads a bundle and returns a scorer; nothing is downloaded.

    Args:
        bundle: Folder or zip of a bundle; None takes the one that ships with deepbiq.
        engine: `auto` or one of `deepbiq.engines.engine_names()`.
        precision: `auto`, `fp32`, `fp16`, `int8`, or a flavour of INT8 by its name, where the bundle holds it.
            What engine, precision and threads leave open is what `deepbiq tune` found to be fastest here. Where
            nobody tuned, `auto` takes TensorRT on an NVIDIA device and ONNX Runtime elsewhere, with INT8 where the
            bundle's calibration shows that it keeps accuracy for the plan, and FP32 otherwise.
        plan: `random:N`, `grid:N`, `dense` or `whole`; None takes the bundle's default.
        pool: One of the seven poolings (`deepbiq.pooling.POOLINGS`); None takes the bundle's choice for the plan.
        scale: `auto` brings the short side down to what the bundle was trained at, `native` keeps every pixel, a
            number is the short side in pixels. Pictures are never enlarged.
        threads: Threads of one inference; None takes one per core.
        limits: Largest file and picture that are accepted; None takes 64 MB and 100 megapixels.

    Raises:
        OptionError: When an option has a value that deepbiq does not offer.
        BundleError: When the bundle is damaged or lacks what was asked for.
        EngineError: When the engine cannot be created.
    """
    if threads is not None and not _is_count(threads):
        raise OptionError(f"threads must be a whole number, at least 1, got {threads!r}")
    wanted_plan = None if plan is None else parse_plan(str(plan))
    wanted_pooling = None if pool is None else parse_pooling(pool)
    opened = open_bundle(default_bundle_path() if bundle is None else Path(bundle))
    try:
        setting = settle(opened, wanted_plan, wanted_pooling, str(scale))
        running = _start_engine(opened, setting, Configuration(engine, precision, threads))
    except KeyError as error:
        raise BundleError(f"{opened.path}: the manifest lacks {error}") from error
    return Scorer(opened, setting, running, Limits() if limits is None else limits)


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and int(value) >= 1


def _start_engine(bundle: Bundle, setting: Setting, wanted: Configuration) -> Engine:
    """Starts the configuration that tuning chose; where it does not start any more, one as if nobody had tuned."""
    chosen = choose(bundle, setting, wanted)
    try:
        return create_engine(bundle, setting, chosen)
    except EngineError as error:
        if chosen == wanted:
            raise
        note(f"what `deepbiq tune` chose does not start ({chosen}: {error}): tune again")
        return create_engine(bundle, setting, wanted)


class Scorer(Closable):
    """Scores pictures with one bundle, plan and engine; made by `load`.

    Calls from several threads at once are allowed. As a context manager it closes its engine at the end.

    Args:
        bundle: The opened bundle.
        setting: Plan, pooling, scale and regressors.
        engine: The inference engine; the scorer closes it.
        limits: Largest file and picture that are accepted.
    """

    def __init__(self, bundle: Bundle, setting: Setting, engine: Engine, limits: Limits) -> None:
        self.bundle = bundle
        self.setting = setting
        self.engine = engine
        self.limits = limits
        self._network = _network_of(engine, setting)

    def __call__(self, picture: Source) -> Score:
        """Scores one picture.

        Args:
            picture: A path, the bytes of a file, or an array (H, W, 3) uint8 in BGR order.

        Raises:
            ImageError: When the picture cannot be read or must not be scored; the message says why.
            EngineError: When inference fails.
        """
        return self._score_by(self._network.run, picture)

    def score_in_worker(self, picture: Source) -> Score:
        """Scores one picture as a call does, but in the calling thread alone.

        Up to `engine.workers` calls at once are faster than as many one after the other.
        """
        return self._score_by(self._network.run_in_worker, picture)

    def stream(
        self,
        pictures: Iterable[Source],
        *,
        lookahead: int | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> Iterator[Score | Failure]:
        """Scores many pictures, several at once, so that every core stays busy.

        Every picture gives exactly one result, in the order of `pictures`; one that cannot be scored gives a
        `Failure`. Scores are those of single calls; a picture's timing is longer, as others are in work beside it.

        Args:
            pictures: Sources as in a single call; read lazily.
            lookahead: How many pictures may be in work or wait as results, at least 1: the bound on memory. None
                takes twice as many as are in work at once. With 1, every result is handed out before the next
                picture is asked for.
            ready: For pictures that come one by one: says whether the next one is there already, or that there is
                none. While it is not, the results of all before it are handed out.

        Raises:
            EngineError: When inference fails: no later picture could be scored either.
        """
        yield from self._stream(self._score_by, pictures, lookahead, ready)

    def stream_drawn(
        self,
        pictures: Iterable[Source],
        *,
        lookahead: int | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> Iterator[tuple[Score, npt.NDArray[np.uint8]] | Failure]:
        """Scores many pictures as `stream` does, and draws each one's quality map over the pixels that were scored.

        Nothing is read twice. Arguments and errors are those of `stream`; an overlay waits with its result.

        Returns:
            For each picture its `Score` and what `overlay` draws, or a `Failure`.
        """
        yield from self._stream(self._score_and_draw_by, pictures, lookahead, ready)

    def sample(self, picture: Source) -> Sample:
        """Reads a picture and takes what the network will see of it; raises ImageError as a call does."""
        return self._sample(picture, perf_counter()).sample

    def features(self, sampled: Sample) -> npt.NDArray[np.float32]:
        """Returns the (D, rows, columns) features of all windows for `dense`, (N, D) of the crops otherwise."""
        return self._features(sampled, self.engine.features)

    def judge(self, sampled: Sample, features: npt.NDArray[np.float32]) -> Judgement:
        """Judges a picture by its features, as a call does by their projections: the score is not yet clipped."""
        return self._judge(sampled, features, self.setting.heads)

    def judge_sample(self, sampled: Sample) -> Judgement:
        """Judges what `sample` took of a picture by all that a call does after it; the score is not yet clipped."""
        return self._judge(sampled, self._features(sampled, self._network.run), self._network.heads)

    def overlay(self, picture: Source, result: Score) -> npt.NDArray[np.uint8]:
        """Draws the quality map of a result over its picture, at the scale that the network saw.

        Args:
            picture: The source that was scored.
            result: What scoring it returned.

        Returns:
            (H, W, 3) uint8, BGR: red where the picture is worse than its own mean, blue where it is better.
        """
        bgr = bring_to_scale(self._read(picture).bgr, self.setting.scale)
        return overlay(bgr, result.quality_map, self.setting.stride)

    def close(self) -> None:
        """Releases the engine; closing twice is allowed."""
        self.engine.close()

    def _read(self, picture: Source) -> Picture:
        if isinstance(picture, (str, os.PathLike)):
            return self._decode(read_bytes(picture, self.limits), os.fspath(picture))
        if isinstance(picture, (bytes, bytearray, memoryview)):
            return self._decode(bytes(picture), "<bytes>")
        return check_array(picture, limits=self.limits)

    def _decode(self, data: bytes, name: str) -> Picture:
        short_side = self.setting.scale.short_side
        return decode_bytes(data, name=name, limits=self.limits, min_short_side=short_side)

    def _sample(self, picture: Source, start: float) -> _Sampled:
        decoded = self._read(picture)
        decode_end = perf_counter()
        bgr = bring_to_scale(decoded.bgr, self.setting.scale)
        sampled = sample(bgr, self.setting.plan, self.setting.size, self.setting.stride)
        sample_end = perf_counter()
        return _Sampled(
            bgr, sampled, _path_of(picture), decoded.warnings, decode_end - start, sample_end - decode_end
        )

    def _features(self, sampled: Sample, features_of: FeaturesOf) -> npt.NDArray[np.float32]:
        images, setting = sampled.images, self.setting
        if setting.plan.family == "dense":
            return dense_features(
                features_of,
                images[0],
                setting.size,
                setting.stride,
                setting.outer_windows,
                longest_side=self.engine.longest_side,
            )
        step = self.engine.crops_per_pass
        passes = [images[i : i + step] for i in range(0, len(images), step)]
        return np.concatenate([crop_vectors(features_of(part)) for part in passes])

    def _judge(
        self, sampled: Sample, features: npt.NDArray[np.float32], heads: Mapping[str, LinearRegressor]
    ) -> Judgement:
        setting = self.setting
        if setting.plan.family == "dense":
            return judge_windows(features, sampled, heads, setting.pooling, setting.stride, setting.outer_windows)
        return judge_crops(features, sampled, heads, setting.pooling, setting.stride)

    def _stream(
        self,
        work: Callable[[FeaturesOf, Source], Result],
        pictures: Iterable[Source],
        lookahead: int | None,
        ready: Callable[[], bool],
    ) -> Iterator[Result | Failure]:
        def work_on(numbered: tuple[int, Source]) -> Result | Failure:
            number, picture = numbered
            network = self._network
            try:
                return work(network.run if number < _SHORT_STREAM else network.run_in_worker, picture)
            except ImageError as error:
                return Failure(error=str(error), path=_path_of(picture), **self.identity())

        workers = self.engine.workers
        ahead = 2 * workers if lookahead is None else lookahead
        yield from map_ahead(work_on, enumerate(pictures), ahead, workers=workers, ready=ready)

    def _score_by(self, run: FeaturesOf, picture: Source) -> Score:
        start = perf_counter()
        return self._score(self._sample(picture, start), run)

    def _score_and_draw_by(self, run: FeaturesOf, picture: Source) -> tuple[Score, npt.NDArray[np.uint8]]:
        start = perf_counter()
        item = self._sample(picture, start)
        result = self._score(item, run)
        return result, overlay(item.bgr, result.quality_map, self.setting.stride)

    def _score(self, item: _Sampled, run: FeaturesOf) -> Score:
        infer_start = perf_counter()
        features = self._features(item.sample, run)
        infer_end = perf_counter()
        judgement = self._judge(item.sample, features, self._network.heads)
        score = clip_score(judgement.raw_score)
        regress_end = perf_counter()
        infer_s, regress_s = infer_end - infer_start, regress_end - infer_end
        stages = (item.decode_s, item.sample_s, infer_s, regress_s)
        for array in (judgement.crop_scores, judgement.quality_map):
            array.setflags(write=False)
        return Score(
            score=score,
            label=label_of(score),
            spread=float(judgement.crop_scores.std()),
            crop_scores=judgement.crop_scores,
            quality_map=judgement.quality_map,
            path=item.path,
            timing=Timing(*(1000 * seconds for seconds in (*stages, sum(stages)))),
            warnings=item.warnings,
            **self.identity(),
        )

    def identity(self) -> Identity:
        """Returns what every result of this scorer has in common: plan, pooling, engine, precision, model."""
        return {
            "plan": str(self.setting.plan),
            "pool": self.setting.pooling,
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "model": self.bundle.model_id,
        }


def score_with(bundle: Bundle, engine: Engine, plan: str, picture: Source) -> float:
    """Scores one picture with an engine that runs already, which stays open; otherwise as `load` does by default.

    Args:
        bundle: The engine's bundle.
        engine: The engine.
        plan: A sampling plan that the engine serves.
        picture: As in a call of a scorer.
    """
    return Scorer(bundle, settle(bundle, parse_plan(plan), None, "auto"), engine, Limits())(picture).score


@dataclass(frozen=True, eq=False)
class _Network:
    """What a call runs, and the regressors of what it returns: features, or their projections."""

    run: FeaturesOf
    run_in_worker: FeaturesOf
    heads: Mapping[str, LinearRegressor]


def _network_of(engine: Engine, setting: Setting) -> _Network:
    """Takes projections of an engine that computes those of just these regressors, and features otherwise."""
    wanted = setting.projection
    if (
        isinstance(engine, Projecting)
        and wanted is not None
        and engine.projection is not None
        and np.array_equal(wanted.weights, engine.projection.weights)
    ):
        return _Network(engine.projections, engine.projections_in_worker, wanted.heads)
    return _Network(engine.features, engine.features_in_worker, setting.heads)


class Identity(TypedDict):
    """What every result of a scorer has in common."""

    plan: str
    pool: str
    engine: str
    precision: str
    model: str


@dataclass(frozen=True, eq=False)
class _Sampled:
    """A picture on its way from decoding to the network, with the seconds that it has taken."""

    bgr: npt.NDArray[np.uint8]
    sample: Sample
    path: str | None
    warnings: tuple[str, ...]
    decode_s: float
    sample_s: float


def _path_of(picture: Source) -> str | None:
    return os.fspath(picture) if isinstance(picture, (str, os.PathLike)) else None
